/**
 * The mappings and events of the tests that Segment's package of destinations brings along. Their files are run with a stand-in for
 * the test kit: it writes down what a test hands to an action and sends nothing.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import type { JsonObject, JsonValue } from '../../src/json.ts'

export interface PublishedCase {
  readonly name: string
  readonly mapping: JsonObject
  readonly event: JsonObject
}

interface Handed {
  readonly event?: unknown
  readonly events?: readonly unknown[]
  readonly mapping?: object
  readonly useDefaultMappings?: boolean
}

type Fields = Readonly<Record<string, { readonly default?: JsonValue }>>

interface Definition {
  readonly actions: Readonly<Record<string, { readonly fields: Fields }>>
}

interface TestKit {
  createTestEvent(event: unknown): unknown
}

/** Answers every call and every property with itself, so that a test goes on to its end. */
const anything: unknown = new Proxy(() => anything, {
  get: (_, name) => (name === 'then' || typeof name === 'symbol' ? undefined : anything),
  apply: () => anything,
  construct: () => anything as object,
})

/** As it is saved and sent: without functions and undefined members. */
const saved = (value: unknown): JsonObject => JSON.parse(JSON.stringify(value)) as JsonObject

function testKit(kit: TestKit, tell: (one: Omit<PublishedCase, 'name'>) => void): object {
  const createTestIntegration = ({ actions }: Definition): object => {
    const hand = async (action: string, { event, events, mapping, useDefaultMappings }: Handed): Promise<unknown> => {
      const fields = useDefaultMappings === true ? Object.entries(actions[action]!.fields) : []
      const defaults = Object.fromEntries(fields.map(([key, field]) => [key, field.default]))
      for (const one of events ?? [event])
        tell({ mapping: saved({ ...defaults, ...mapping }), event: saved(kit.createTestEvent(one)) })
      return anything
    }
    const known: Readonly<Record<string, unknown>> = { testAction: hand, testBatchAction: hand, executeBatch: hand }
    return new Proxy({}, { get: (_, name) => (typeof name === 'string' ? (known[name] ?? anything) : undefined) })
  }
  return { ...kit, createTestIntegration }
}

async function casesOf(path: string, folder: string): Promise<readonly PublishedCase[]> {
  const require = createRequire(path)
  const cases: PublishedCase[] = []
  const tests: { readonly title: string; readonly run: () => unknown }[] = []
  let title = ''
  const kit = testKit(require('@segment/actions-core') as TestKit, (one) =>
    cases.push({ name: `${relative(folder, path)}: ${title} (${cases.length + 1})`, ...one }),
  )
  const load = (id: string): unknown => {
    if (id === '@segment/actions-core') return kit
    try {
      return require(id) as unknown
    } catch {
      return anything // what tests need beside the package is not installed: a network that answers, made-up data
    }
  }
  const it = (title: string, run: () => unknown): number => tests.push({ title, run })
  const describe = (_: string, run: () => unknown): unknown => run()
  const hook = (run: () => unknown): number => tests.push({ title: 'before', run })
  const expect = (value: unknown): unknown => {
    if (value instanceof Promise) value.catch(() => undefined)
    return anything
  }
  const globals = {
    ...{ exports: {}, module: {}, require: load, __filename: path, __dirname: dirname(path) },
    ...{ it: Object.assign(it, { skip: it, only: it, each: anything }), test: it, expect, jest: anything },
    ...{ describe: Object.assign(describe, { skip: describe, only: describe }) },
    ...{ beforeAll: hook, beforeEach: hook, afterAll: anything, afterEach: anything },
  }
  new Function(...Object.keys(globals), readFileSync(path, 'utf8'))(...Object.values(globals))
  for (const test of tests) {
    title = test.title
    try {
      await test.run()
    } catch {
      // It looked at an answer that the stand-in does not give; what it handed over is written down.
    }
  }
  return cases
}

export async function publishedTestCases(folder: string): Promise<readonly PublishedCase[]> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.js'))
  const paths = files.sort().map((name) => join(folder, name))
  const cases: PublishedCase[] = []
  for (const path of paths)
    if (readFileSync(path, 'utf8').includes('createTestIntegration')) cases.push(...(await casesOf(path, folder)))
  return cases
}
