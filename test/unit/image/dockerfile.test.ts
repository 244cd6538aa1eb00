/** What the image promises. No engine is needed to read it; CI walks its steps (`.ci/run`). */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const lines = readFileSync('Dockerfile', 'utf8')
  .replaceAll('\\\n', ' ')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
const of = (instruction: string) =>
  lines.filter((line) => line.startsWith(`${instruction} `)).map((line) => line.slice(instruction.length + 1).trim())

test('two stages, the second without compiler and npm, on the same line of Node', () => {
  const stages = of('FROM')
  expect(stages).toEqual(['node:24-bookworm AS build', 'gcr.io/distroless/nodejs24-debian12:nonroot'])
  expect(
    of('COPY')
      .filter((copy) => copy.startsWith('--from=build'))
      .map((copy) => copy.split(' ')[2]),
  ).toEqual(['./', './node_modules', './dist'])
})

test('it runs as a user without rights, with its own handling of signals', () => {
  expect(of('USER')).toEqual(['65532:65532'])
  expect(of('ENTRYPOINT')).toEqual(['["/nodejs/bin/node", "dist/main.js"]'])
  expect(of('CMD')).toEqual(['["run"]'])
})

test('only what the build needs goes in: no configuration, no secret, no test', () => {
  const ignored = readFileSync('.dockerignore', 'utf8').split('\n')
  expect(ignored[0]).toBe('*')
  expect(ignored.filter((line) => line.startsWith('!')).sort()).toEqual([
    '!package-lock.json',
    '!package.json',
    '!src',
    '!tsconfig.build.json',
    '!tsconfig.json',
  ])
})

test('the program runs on what stays after the build: nothing it imports is a development dependency', () => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<
    string,
    Record<string, string>
  >
  expect(Object.keys(dependencies!).sort()).toEqual([
    '@databricks/sql',
    '@duckdb/node-api',
    '@google-cloud/bigquery',
    '@node-rs/crc32',
    'ajv',
    'better-sqlite3',
    'commander',
    'croner',
    'kafkajs',
    'liquidjs',
    'lru-cache',
    'pg',
    'pino',
    'prom-client',
    'snowflake-sdk',
    'yaml',
    'zod',
  ])
  expect(dependencies!.kafkajs).toBe('2.2.4')
  expect(Object.values({ ...dependencies, ...devDependencies }).every((version) => /^\d/.test(version))).toBe(true)
})
