/** Events that wait for a row, on a real broker: held, tried again after a newer version, and in the end let go. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { holdRetries } from '../../../src/cli/holds.ts'
import { requireProject } from '../../../src/config/project.ts'
import { type HoldResults, noHoldResults } from '../../../src/enrich/outcome.ts'
import { publish } from '../../../src/kafka/publish.ts'
import { openSnapshots } from '../../../src/snapshot/snapshots.ts'
import type { Tell } from '../../../src/telemetry.ts'
import { folder, json, start } from '../../support/cli.ts'
import { connectionTo, type ReadRecord, readAll, unique, until, withAdmin } from '../../support/kafka.ts'
import { duckdb, shopGraph, shopTables } from '../../support/shop.ts'

const brokers = (process.env.KAFKA_BROKERS ?? '').split(',')
const connection = connectionTo(brokers)

interface Choices {
  readonly delivery?: 'at_least_once' | 'exactly_once'
  readonly attempts?: number
  readonly then?: 'pass' | 'drop' | 'dead_letter'
}

async function job({ delivery = 'at_least_once', attempts = 2, then = 'pass' }: Choices = {}) {
  const name = unique('holds')
  const topics = { input: `${name}.in`, output: `${name}.out`, letters: `${name}.dlq`, holds: `${name}.holds` }
  await withAdmin(connection, (admin) =>
    admin.createTopics([
      { topic: topics.input, partitions: 3 },
      { topic: topics.output, partitions: 3 },
      { topic: topics.letters, partitions: 1 },
      { topic: topics.holds, partitions: 2 },
    ]),
  )
  const text = `space: shop
data_graph: ./data-graph.hcl
warehouse: { type: duckdb, path: ./warehouse.duckdb }
source: { kafka: { topics: [${topics.input}], group: ${name} } }
dead_letters: { topic: ${topics.letters} }
holds: { topic: ${topics.holds}, attempts: ${attempts}, then: ${then} }
kafka: { brokers: [${brokers.map((broker) => `"${broker}"`).join(', ')}], delivery: ${delivery} }
http: { port: 0 }
destinations:
  - slug: crm
    output: { topic: ${topics.output}, format: event }
    mappings:
      - name: All
        action: log
        trigger: type = "track"
        entities: [{ entity: product, match: $.properties.sku, on_missing: hold }]
        mapping: { properties: { product: { "@path": $.__segment_entities.shop.product.NAME } } }
`
  const cwd = folder({ 'linked-events.yaml': text, 'data-graph.hcl': shopGraph })
  const warehouse = join(cwd, 'warehouse.duckdb')
  await duckdb(warehouse, shopTables)
  return {
    ...topics,
    cwd,
    run: () => json<{ consumed: number; outcomes: Record<string, number> }>(['run', '--until-end'], { cwd }),
    /** A newer version of the entity, with these rows added. */
    async newer(...skus: string[]) {
      await duckdb(warehouse, [
        `UPDATE products SET "PRICE" = "PRICE" + 1 WHERE "SKU" = 'SKU-2'`,
        ...skus.map((sku) => `INSERT INTO products VALUES ('${sku}', 'Late ${sku}', 1, 1, NULL, NULL)`),
      ])
      expect(await json(['sync', 'product'], { cwd })).toMatchObject({ ok: true, exit: 0 })
    },
    send: (...skus: string[]) =>
      publish(
        connection,
        skus.map((sku, index) => ({
          topic: topics.input,
          partition: index % 3,
          key: sku,
          value: order(sku),
          timestamp: 1_700_000_000_000 + index,
          headers: [['trace', `of ${sku}`]],
        })),
      ),
  }
}

const order = (sku: string) => `{"type":"track","properties":{"sku":"${sku}"}}`
const header = (record: ReadRecord | undefined, name: string) => record?.headers.find(([key]) => key === name)?.[1]
const byKey = (records: readonly ReadRecord[], key: string) => records.filter((record) => record.key === key)

/** A transaction shows a moment after its commit. */
async function records(topic: string, atLeast: number): Promise<ReadRecord[]> {
  let found: ReadRecord[] = []
  await until(
    async () => (found = await readAll(connection, topic)).length >= atLeast,
    `${atLeast} records in ${topic}`,
  )
  return found
}

describe.each(['at_least_once', 'exactly_once'] as const)('on_missing: hold, %s', (delivery) => {
  test('an event waits for its row and comes out as it would have, with its own id; others do not wait', async () => {
    const { run, newer, send, output, holds } = await job({ delivery })
    await send('SKU-1', 'late')
    expect(await run()).toMatchObject({ consumed: 2, outcomes: { full: 1, held: 1 } })
    expect(await records(holds, 1)).toMatchObject([{ key: 'late', value: order('late') }])
    expect(byKey(await records(output, 1), 'late')).toEqual([])

    await newer('late')
    expect(await run()).toMatchObject({ consumed: 0 })
    const [late, ...more] = byKey(await records(output, 2), 'late')
    expect(more).toEqual([])
    expect(late).toMatchObject({
      partition: 1,
      timestamp: 1_700_000_000_001,
      value: '{"type":"track","properties":{"sku":"late","product":"Late late"}}',
    })
    const [soon] = byKey(await readAll(connection, output), 'SKU-1')
    const idOf = (record: ReadRecord | undefined) => header(record, 'le.event_id')?.split('-')[0]
    expect(idOf(late)).toBe(idOf(soon))
    expect(header(late, 'le.event_id')).toMatch(/-1-0$/)
    expect(header(late, 'le.source')).toMatch(/\.in\/1\/0$/)
    expect(header(late, 'le.outcome')).toBe('full')
    expect(header(late, 'le.entities')).toBe('product=hit@2')
    expect(header(late, 'trace')).toBe('of late')
    expect(header(late, 'le.hold')).toBeUndefined()

    await newer()
    await run()
    expect(byKey(await readAll(connection, output), 'late')).toHaveLength(1)
  })
})

test.each(['at_least_once', 'exactly_once'] as const)(
  'kill -9 while held events are tried again loses none, %s',
  async (delivery) => {
    const { cwd, run, newer, send, output } = await job({ delivery })
    // Long, so that they are several batches.
    const keys = Array.from({ length: 4000 }, (_, number) => `late-${number}-${'x'.repeat(1000)}`)
    await send(...keys)
    expect(await run()).toMatchObject({ outcomes: { held: keys.length } })
    await newer(...keys)
    for (const delivered of [0, 1000]) {
      const { child, ended } = start(['run', '--until-end'], { cwd })
      await until(
        async () => (await readAll(connection, output)).length > delivered || child.exitCode !== null,
        'outputs',
      )
      child.kill('SIGKILL')
      await ended
      console.info(`${delivery}: killed with ${(await readAll(connection, output)).length} of ${keys.length} delivered`)
    }
    // The killed member holds its partitions until its session runs out; its transaction is ended by the next start.
    await until(async () => {
      await run()
      return new Set((await readAll(connection, output)).map(({ key }) => key)).size === keys.length
    }, 'every held event')
    const ids = (await readAll(connection, output)).map((record) => header(record, 'le.event_id'))
    expect(new Set(ids).size).toBe(keys.length)
    if (delivery === 'exactly_once') expect(ids).toHaveLength(keys.length)
  },
)

describe('a row that never comes', () => {
  test('is looked for in so many newer versions, then the event goes on without it', async () => {
    const { run, newer, send, output } = await job({ attempts: 2 })
    await send('never')
    await run()
    await run() // the same version: not an attempt
    await run()
    await newer()
    await run()
    expect(await readAll(connection, output)).toEqual([])
    await newer()
    await run()
    const [record] = await readAll(connection, output)
    expect(record?.value).toBe(order('never'))
    expect(header(record, 'le.outcome')).toBe('none')
  })

  test('drops the event where holds.then says so', async () => {
    const { run, newer, send, output, letters, holds } = await job({ attempts: 1, then: 'drop' })
    await send('never')
    await run()
    await newer()
    await run()
    await run()
    expect(await readAll(connection, output)).toEqual([])
    expect(await readAll(connection, letters)).toEqual([])
    expect(await readAll(connection, holds)).toHaveLength(1)
  })

  test('makes a dead letter where holds.then says so, with the place of the input', async () => {
    const { run, newer, send, letters, input } = await job({ attempts: 1, then: 'dead_letter' })
    await send('never')
    await run()
    await newer()
    await run()
    const [letter] = await readAll(connection, letters)
    expect(letter).toMatchObject({ key: 'never', value: order('never') })
    expect(header(letter, 'le.reason')).toBe('entity_missing')
    expect(header(letter, '__connect.errors.topic')).toBe(input)
    expect(header(letter, 'le.hold')).toBeUndefined()
  })
})

test('a process that runs tries again after each new version', async () => {
  const { cwd, run, newer, send, output } = await job({ attempts: 100 })
  await send('late')
  await run()
  const project = requireProject({ file: undefined, cwd, env: {} })
  const results: HoldResults[] = []
  const listeners: Tell[] = [
    (fact) => {
      if (fact.name === 'holds-retried') results.push(fact.results)
      if (fact.name === 'holds-failed') throw new Error(fact.message)
    },
  ]
  const tell: Tell = (fact) => {
    for (const listener of listeners) listener(fact)
  }
  const snapshots = openSnapshots({ dir: project.config.state_dir, entities: ['product'], tell })
  const retries = holdRetries({ project, snapshots, tell, signal: new AbortController().signal })
  listeners.push(retries.hear)
  try {
    await snapshots.refresh()
    await retries.idle()
    expect(results).toEqual([]) // not ready
    tell({ name: 'ready' })
    await retries.idle()
    await newer('late')
    await snapshots.refresh()
    await retries.idle()
    expect(results).toEqual([
      { ...noHoldResults(), held: 1 },
      { ...noHoldResults(), delivered: 1 },
    ])
    expect(byKey(await readAll(connection, output), 'late')).toHaveLength(1)
  } finally {
    snapshots.close()
  }
})

test('what is no record of ours in the hold topic becomes a dead letter, byte for byte, and the rest goes on', async () => {
  const { run, newer, send, output, letters, holds } = await job()
  const notes = ['not json', '[]', '{"destination":"crm"}', null]
  await send('late')
  await run()
  await publish(connection, [
    ...notes.map((note) => ({
      topic: holds,
      partition: 0,
      key: 'x',
      value: 'anything',
      headers: [['le.hold', note]] as [string, string | null][],
    })),
    { topic: holds, partition: 0, key: 'x', value: 'anything' },
  ])
  await newer('late')
  await run()
  const found = await readAll(connection, letters)
  expect(found.map((letter) => [letter.value, header(letter, 'le.reason')])).toEqual(
    Array.from({ length: 5 }, () => ['anything', 'hold_unreadable']),
  )
  expect(byKey(await readAll(connection, output), 'late')).toHaveLength(1)
})
