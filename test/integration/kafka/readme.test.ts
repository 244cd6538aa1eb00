/** Every command of the README, run as it stands there: in the demo's folder, and on a real broker and a real PostgreSQL. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { expect, test } from 'vitest'
import { publish } from '../../../src/kafka/publish.ts'
import { folder, json, linkedEvents, start } from '../../support/cli.ts'
import { connectionTo, readAll, unique, until, withAdmin } from '../../support/kafka.ts'
import { sharedPostgres } from '../../support/postgres.ts'

const readme = readFileSync('README.md', 'utf8')
const blocks = [...readme.matchAll(/^( *)```(\w+)\n([\s\S]*?)^ *```/gm)].map(
  ([, indent = '', language, text = '']) => ({
    language,
    text: text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  }),
)
const shell = blocks.filter(({ language }) => language === 'sh').map(({ text }) => text)
const commandsOf = (text: string) =>
  text
    .split('\n')
    .map((line) => line.replace(/\s+#.*$/, '').trim())
    .filter((line) => line !== '')

test('the README has its three blocks of commands', () => {
  expect(shell).toHaveLength(3)
  expect(commandsOf(shell[0]!)).toEqual(['npm ci && npm run demo', 'npm ci && npm test']) // the first runs below, the second runs this
})

test('the demo, and what the README does with it', async () => {
  const cwd = folder()
  const demo = await linkedEvents(['demo', '--events', '3000'], { cwd })
  expect(demo.code, demo.stderr).toBe(0)
  for (const part of [
    'full',
    'partial',
    'none',
    'filtered',
    'dead_letter',
    'before and after',
    'Try next',
    'warehouse.duckdb',
  ])
    expect(demo.stdout).toContain(part)
  for (const command of commandsOf(shell[1]!)) {
    const own = command.replaceAll('npm run -s cli --', `node ${resolve('dist/main.js')}`)
    const { stdout } = await promisify(execFile)('bash', ['-c', `set -o pipefail; ${own}`], { cwd })
    expect(stdout.length, command).toBeGreaterThan(20)
  }
  // The commands that the demo itself proposes.
  const proposed = demo.stdout.split('\n').filter((line) => /^ {2}(sed|npm) .*(preview|lookup)/.test(line))
  expect(proposed).toHaveLength(2)
  for (const command of proposed) {
    const { stdout } = await promisify(execFile)(
      'bash',
      ['-c', command.replaceAll('npm run -s cli --', `node ${resolve('dist/main.js')}`)],
      { cwd },
    )
    expect(stdout).toContain('hit')
  }
  expect(await json(['demo', '--events', '500'], { cwd })).toMatchObject({ ok: true, consumed: 500 })
  expect((await linkedEvents(['demo', '--dir', '.'], { cwd })).code).toBe(73) // not its own folder: left alone
}, 180_000)

test('ten minutes on one’s own Kafka and warehouse', async () => {
  const { url } = await sharedPostgres()
  const brokers = (process.env.KAFKA_BROKERS ?? '').split(',')
  const connection = connectionTo(brokers)
  const name = unique('readme')
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  for (const statement of [
    `CREATE SCHEMA "${name}"`,
    `CREATE TABLE "${name}".products (sku text PRIMARY KEY, name text, price numeric(10,2))`,
    `INSERT INTO "${name}".products VALUES ('SKU-1', 'Hat', 9.50)`,
  ])
    await client.query(statement)
  await client.end()
  await withAdmin(connection, (admin) =>
    admin.createTopics(
      [`${name}.events`, `${name}.dlq`, `${name}.amplitude`].map((topic) => ({ topic, partitions: 2 })),
    ),
  )

  const graph = blocks.find(({ language }) => language === 'hcl')!.text.replace('shop.products', `${name}.products`)
  const config = blocks
    .find(({ language }) => language === 'yaml')!
    .text.replace('[events]', `[${name}.events]`)
    .replace('group: linked-events', `group: ${name}`)
    .replace('linked-events.dlq', `${name}.dlq`)
    .replace('enriched.amplitude', `${name}.amplitude`)
    .replace('["127.0.0.1:9092"]', JSON.stringify(brokers))
  const event = '{"type":"track","event":"Product Viewed","properties":{"product_id":"SKU-1"}}'
  const cwd = folder({
    'linked-events.yaml': `${config}http: { port: 0 }\n`,
    'data-graph.hcl': graph,
    'event.json': event,
  })
  // With the options of the image: the drivers must work without __proto__.
  const nodeOptions = /NODE_OPTIONS="([^"]*)"/.exec(readFileSync('Dockerfile', 'utf8'))![1]!
  const env = { PG_URL: url, NODE_OPTIONS: nodeOptions }
  await publish(connection, [{ topic: `${name}.events`, key: 'k', value: event }])

  const commands = commandsOf(shell[2]!)
  expect(commands.map((command) => command.split(' ').slice(0, 2).join(' '))).toEqual(
    ['validate', 'doctor', 'sync', 'sync', 'lookup', 'preview', 'run', 'run'].map(
      (command) => `linked-events ${command}`,
    ),
  )
  for (const command of commands.slice(0, -1)) {
    const { code, stdout, stderr } = await linkedEvents(command.split(' ').slice(1), { cwd, env })
    expect(code, `${command}\n${stdout}\n${stderr}`).toBe(0)
    if (command.includes('lookup')) expect(stdout).toContain('name: Hat')
    if (command.includes('preview')) expect(stdout).toContain('"product_name":"Hat"')
    if (command.includes('--until-end')) expect(stdout).toContain('1 messages in, 1 records out')
  }
  const running = start(['run'], { cwd, env, open: true })
  await publish(connection, [{ topic: `${name}.events`, key: 'k', value: event }])
  await until(async () => (await readAll(connection, `${name}.amplitude`)).length === 2, 'the running process enriches')
  running.child.kill('SIGTERM')
  expect((await running.ended).code).toBe(0)
  expect((await readAll(connection, `${name}.amplitude`)).map(({ value }) => value)).toEqual(
    Array(2).fill(event.replace('"SKU-1"', '"SKU-1","product_name":"Hat"')),
  )
}, 120_000)
