/** `replay` on a real broker: bounded, beside the live outputs, and resumable after a kill at any moment. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { expect, test } from 'vitest'
import { type PublishRecord, publish } from '../../../src/kafka/publish.ts'
import { folder, json, linkedEvents, start } from '../../support/cli.ts'
import { connectionTo, type ReadRecord, readAll, unique, until, withAdmin } from '../../support/kafka.ts'
import { duckdb, shopGraph, shopTables } from '../../support/shop.ts'

const brokers = (process.env.KAFKA_BROKERS ?? '').split(',')
const connection = connectionTo(brokers)
const kills = Number(process.env.REPLAY_KILLS ?? 20)
/** Messages of 1 KB that fit into a batch of the input, and into what is fetched at once when a rate is given. */
const batchMessagesMax = 64

interface Shop {
  readonly cwd: string
  readonly input: string
  readonly events: string
  readonly group: string
}

interface Result {
  readonly ok: boolean
  readonly id: string
  readonly events: number
  readonly delivered: number
  readonly partitions: readonly {
    readonly partition: number
    readonly from: number
    readonly to: number
    readonly done: boolean
    readonly at: number
    readonly expired: unknown
  }[]
}

async function shop({ partitions = 2, replayTopic = true, sessionTimeout = '6s' } = {}): Promise<Shop> {
  const group = unique('replay')
  const [input, events, letters] = [`${group}.in`, `${group}.events`, `${group}.dlq`]
  await withAdmin(connection, (admin) =>
    admin.createTopics([
      { topic: input, partitions, config: { 'max.message.bytes': '65536' } },
      { topic: events, partitions },
      { topic: letters, partitions: 1 },
      ...(replayTopic ? [{ topic: `${events}.replay`, partitions }] : []),
    ]),
  )
  const text = `space: shop
data_graph: ./data-graph.hcl
warehouse: { type: duckdb, path: ./warehouse.duckdb }
source: { kafka: { topics: [${input}], group: ${group} } }
dead_letters: { topic: ${letters} }
kafka: { brokers: [${brokers.map((broker) => `"${broker}"`).join(', ')}], session_timeout: ${sessionTimeout} }
http: { port: 0 }
destinations:
  - slug: events
    output: { topic: ${events}, format: event }
    mappings:
      - name: All
        action: log
        trigger: type = "track"
        entities: [{ entity: product, match: $.properties.sku }]
        mapping: { properties: { product: { "@path": $.__segment_entities.shop.product.NAME } } }
`
  const cwd = folder({ 'linked-events.yaml': text, 'data-graph.hcl': shopGraph })
  await duckdb(join(cwd, 'warehouse.duckdb'), shopTables)
  return { cwd, input, events, group }
}

const order = (n: number, filler = '') =>
  JSON.stringify({ type: 'track', event: 'Order', properties: { sku: n % 3 === 0 ? 'SKU-1' : 'gone', n, filler } })
const header = (record: ReadRecord, name: string) => record.headers.find(([key]) => key === name)?.[1]
const without = ({ headers, offset: _, ...rest }: ReadRecord) => ({
  ...rest,
  headers: headers.filter(([name]) => name !== 'le.replay_id'),
})

/** `count` messages, one a second from 1,700,000,000 on, by turns in each partition. */
function* orders(topic: string, count: number, partitions = 2, filler = ''): Generator<PublishRecord> {
  for (let n = 0; n < count; n++)
    yield {
      topic,
      partition: n % partitions,
      key: `k-${n}`,
      value: order(n, filler),
      timestamp: 1_700_000_000_000 + n * 1000,
    }
}

test('the same records as live, in topics beside them, with the id of the replay; the live group does not move', async () => {
  const { cwd, input, events, group } = await shop()
  await publish(connection, orders(input, 20))
  await json(['run', '--until-end'], { cwd })
  const live = await readAll(connection, events)
  const committed = () => withAdmin(connection, (admin) => admin.committed(group, [input]))
  const before = await committed()
  const bounds = ['--from', '2023-11-14T22:13:24Z', '--to', '2023-11-14T22:13:34Z']

  const dry = await json<Result>(['replay', ...bounds, '--dry-run'], { cwd })
  expect(dry).toMatchObject({ ok: true, exit: 0, id: null, events: 10, delivered: 0, missing_topics: [] })
  const elsewhere = await json<Result>(['replay', ...bounds, '--dry-run', '--output-topic', 'not-there'], { cwd })
  expect(elsewhere).toMatchObject({ ok: true, exit: 0, events: 10, missing_topics: ['not-there'] })
  expect(await readAll(connection, `${events}.replay`)).toEqual([])

  const first = await json<Result>(['replay', ...bounds, '--id', 'one', '--yes'], { cwd })
  expect(first).toMatchObject({ ok: true, exit: 0, schema_version: 1, id: 'one', topics: [input] })
  expect(first).toMatchObject({ events: 10, delivered: 10 })
  expect(first.partitions).toEqual([
    { topic: input, partition: 0, from: 2, to: 7, done: true, at: 7, expired: null },
    { topic: input, partition: 1, from: 2, to: 7, done: true, at: 7, expired: null },
  ])
  const again = await readAll(connection, `${events}.replay`)
  expect(again.map((record) => header(record, 'le.replay_id'))).toEqual(again.map(() => 'one'))
  expect(again.map(without)).toEqual(live.filter(({ offset }) => offset >= 2 && offset < 7).map(without))
  expect(await readAll(connection, events)).toEqual(live)
  expect(await committed()).toEqual(before)

  // The job is what it was: the same id does nothing more, and other bounds are refused.
  const job = JSON.parse(readFileSync(join(cwd, '.linked-events/replays/one.json'), 'utf8')) as object
  expect(job).toMatchObject({ id: 'one', state: 'done', group: `${group}.replay.one`, from: bounds[1], to: bounds[3] })
  expect(await json(['replay', '--id', 'one', '--yes'], { cwd })).toMatchObject({ ok: true, events: 0 })
  expect(await json(['replay', '--id', 'one', '--from', '0', '--to', '3', '--yes'], { cwd })).toMatchObject({
    exit: 2,
    error: { code: 'USAGE', message: expect.stringContaining('replay one exists') },
  })

  // The live topic only when it is named.
  const talk = await linkedEvents(['replay', '--from', '0:3', '--to', '0:5', '--output-topic', '{topic}', '--yes'], {
    cwd,
  })
  expect(talk).toMatchObject({ code: 0, stderr: expect.stringContaining(`LIVE topics ${events}`) })
  expect((await readAll(connection, events)).length).toBe(live.length + 2)
})

test('expired messages are reported and the rest is replayed', async () => {
  const { cwd, input, events } = await shop({ partitions: 1 })
  await publish(connection, orders(input, 10, 1))
  await json(['sync'], { cwd })
  await withAdmin(connection, (admin) => admin.deleteRecords(input, [{ partition: 0, offset: 4 }]))
  const result = await json<Result>(['replay', '--from', '2', '--to', '8', '--yes'], { cwd })
  expect(result).toMatchObject({ ok: true, events: 4 })
  expect(result.partitions).toMatchObject([{ from: 4, to: 8, expired: { from: 2, to: 4 } }])
  expect(await readAll(connection, `${events}.replay`)).toHaveLength(4)
})

test('messages that expire before a stopped replay has read them are reported, and the rest completes it', async () => {
  const { cwd, input, events } = await shop({ partitions: 2 })
  await publish(connection, orders(input, 2000))
  await json(['sync'], { cwd })
  const args = ['replay', '--from', 'earliest', '--to', '0:1000,1:1000', '--id', 'late', '--yes']
  const slow = start([...args, '--rate', '20'], { cwd })
  await until(async () => (await readAll(connection, `${events}.replay`)).length > 0, 'something is written')
  slow.child.kill('SIGKILL')
  await slow.ended
  await withAdmin(connection, (admin) =>
    admin.deleteRecords(input, [
      { partition: 0, offset: 1000 },
      { partition: 1, offset: 900 },
    ]),
  )
  const result = await json<Result>(args, { cwd })
  expect(result).toMatchObject({ ok: true, exit: 0 })
  expect(result.partitions).toMatchObject([
    { done: true, at: 1000, expired: { from: expect.any(Number), to: 1000 } },
    { done: true, at: 1000, expired: { from: expect.any(Number), to: 900 } },
  ])
  expect(result.events).toBe(100)
})

test('what is missing or not confirmed is said before anything is written', async () => {
  const { cwd, input, events } = await shop({ replayTopic: false })
  await publish(connection, orders(input, 4))
  const all = ['replay', '--from', 'earliest', '--to', 'latest']
  expect(await json(all, { cwd })).toMatchObject({
    exit: 2,
    error: { code: 'USAGE', hint: expect.stringContaining('--yes') },
  })
  expect(await json([...all, '--dry-run'], { cwd })).toMatchObject({
    ok: true,
    events: 4,
    missing_topics: [`${events}.replay`],
  })
  expect(await json([...all, '--yes'], { cwd })).toMatchObject({
    exit: 69,
    error: { code: 'KAFKA_TOPIC_MISSING', message: expect.stringContaining(`${events}.replay`) },
  })
  expect(await json([...all, '--output-topic', events, '--yes'], { cwd })).toMatchObject({
    error: { code: 'SNAPSHOT_MISSING', hint: expect.stringContaining('linked-events sync') },
  })
})

test('pinned to a version, or to those of a time, it enriches with the rows of then', async () => {
  const { cwd, input, events } = await shop()
  await publish(connection, [{ topic: input, partition: 0, key: 'k', value: order(0) }])
  const rename = (name: string) =>
    duckdb(join(cwd, 'warehouse.duckdb'), [`UPDATE products SET "NAME" = '${name}' WHERE "SKU" = 'SKU-1'`])
  await json(['sync', 'product'], { cwd })
  await rename('Cap')
  const between = new Date().toISOString()
  await json(['sync', 'product'], { cwd })
  const run = (...options: string[]) =>
    json<{ error?: { hint: string } }>(
      [
        'replay',
        '--from',
        'earliest',
        '--to',
        'latest',
        ...options,
        ...(options.includes('--dry-run') ? [] : ['--yes']),
      ],
      { cwd },
    )
  const names = async () =>
    (await readAll(connection, `${events}.replay`)).map((record) => [
      (JSON.parse(record.value ?? '') as { properties: { product: string } }).properties.product,
      header(record, 'le.entities'),
    ])

  expect(await run()).toMatchObject({ ok: true })
  expect(await run('--snapshot', 'product@1', '--id', 'old')).toMatchObject({ ok: true })
  expect(await run('--as-of', between)).toMatchObject({ ok: true })
  expect(await names()).toEqual([
    ['Cap', 'product=hit@2'],
    ['Hat', 'product=hit@1'],
    ['Hat', 'product=hit@1'],
  ])
  expect(await run('--as-of', between, '--dry-run')).toMatchObject({ ok: true, pins: { product: 1 } })

  // The job keeps its versions.
  expect(await json(['replay', '--id', 'old', '--snapshot', 'product@2', '--yes'], { cwd })).toMatchObject({
    exit: 2,
    error: { code: 'USAGE', message: expect.stringContaining('product@1') },
  })
  const wrong = [
    ['--snapshot', 'product@9', 'SNAPSHOT_MISSING', '2 (from'],
    ['--as-of', '2020-01-01', 'SNAPSHOT_MISSING', '1 (from'],
    ['--snapshot', 'prodcut@1', 'USAGE', 'did you mean "product"?'],
    ['--snapshot', 'product', 'USAGE', 'ENTITY@VERSION'],
    ['--as-of', 'earliest', 'USAGE', 'write a time'],
  ] as const
  for (const [option, value, code, hint] of wrong)
    expect(await run(option, value), value).toMatchObject({ error: { code, hint: expect.stringContaining(hint) } })
})

test('a pinned version is never too old, and one that is not kept any more ends the replay', async () => {
  const { cwd, input } = await shop()
  await publish(connection, orders(input, 50))
  const config = join(cwd, 'linked-events.yaml')
  writeFileSync(config, `${readFileSync(config, 'utf8')}entities: { product: { max_age: 1s, on_stale: fail } }\n`)
  const change = async (name: string) => {
    await duckdb(join(cwd, 'warehouse.duckdb'), [`UPDATE products SET "NAME" = '${name}'`])
    expect(await json(['sync', 'product'], { cwd })).toMatchObject({ ok: true })
  }
  await change('one')
  await change('two')
  await new Promise((resolve) => setTimeout(resolve, 1100))
  const bounds = ['replay', '--from', 'earliest', '--to', 'latest']
  expect(await json([...bounds, '--yes'], { cwd })).toMatchObject({ exit: 75, error: { code: 'SNAPSHOT_STALE' } })
  expect(await json([...bounds, '--snapshot', 'product@1', '--yes'], { cwd })).toMatchObject({ ok: true, events: 50 })

  const slow = start([...bounds, '--snapshot', 'product@1', '--id', 'slow', '--rate', '1', '--yes'], { cwd })
  await until(() => existsSync(join(cwd, '.linked-events/replays/slow.json')), 'the job is there')
  slow.child.kill('SIGTERM')
  await slow.ended
  await change('three')
  expect(await json(['replay', '--id', 'slow', '--yes'], { cwd })).toMatchObject({
    exit: 1,
    error: { code: 'SNAPSHOT_MISSING', message: expect.stringContaining('product@1') },
  })
})

test('SIGTERM leaves a job that is not complete, and its id completes it; --rate holds it back', async () => {
  const { cwd, input, events } = await shop()
  await publish(connection, orders(input, 2000))
  await json(['sync'], { cwd })
  const bounds = ['replay', '--from', 'earliest', '--to', 'latest']
  const slow = start([...bounds, '--id', 'slow', '--rate', '50', '--yes', '--json'], { cwd })
  await until(async () => (await readAll(connection, `${events}.replay`)).length > 0, 'something is written')
  slow.child.kill('SIGTERM')
  const { code, stdout, stderr } = await slow.ended
  expect([code, JSON.parse(stdout)]).toMatchObject([1, { ok: false, id: 'slow' }])
  expect(stderr).toContain('linked-events replay --id slow --yes')
  expect(await json(['replay', '--id', 'slow', '--yes'], { cwd })).toMatchObject({ ok: true, exit: 0 })
  const ids = (await readAll(connection, `${events}.replay`)).map((record) => header(record, 'le.event_id'))
  expect(new Set(ids).size).toBe(2000)
})

test('some topics of several, a file beside the live one, dead letters as live, and markers of transactions at the end', async () => {
  const { cwd, input, group } = await shop({ partitions: 1 })
  const other = `${group}.other`
  await withAdmin(connection, (admin) => admin.createTopics([{ topic: other, partitions: 1 }]))
  const file = join(cwd, 'linked-events.yaml')
  const text = readFileSync(file, 'utf8')
    .replace(`[${input}]`, `[${input}, ${other}]`)
    .replace(/output: .*/, 'output: { file: ./out.ndjson, format: event }')
  writeFileSync(file, text)
  await publish(connection, [
    ...orders(input, 3, 1),
    { topic: other, partition: 0, key: 'bad', value: 'not json' },
    { topic: other, partition: 0, key: 'good', value: order(7) },
  ])
  await inTransactions(other, [order(8), order(9)])
  await json(['sync'], { cwd })
  const args = ['replay', '--from', 'earliest', '--to', 'latest', '--topic', other, '--yes']
  const result = await json<Result>(args, { cwd })
  // 2 messages, then one kept and one aborted with a marker each: the end lies behind a marker.
  expect(result).toMatchObject({ ok: true, exit: 0, topics: [other], events: 3, delivered: 2 })
  expect(result.partitions).toMatchObject([{ topic: other, from: 0, to: 6, at: 6, done: true }])
  const lines = readFileSync(join(cwd, 'out.ndjson.replay'), 'utf8').trim().split('\n')
  expect(lines).toEqual([order(7), order(8)].map((line) => expect.stringContaining(line.slice(0, 60))))
  expect(existsSync(join(cwd, 'out.ndjson'))).toBe(false)
  expect(await readAll(connection, `${group}.dlq`)).toMatchObject([{ key: 'bad', value: 'not json' }])
  expect(await json([...args, '--output-topic', 'elsewhere'], { cwd })).toMatchObject({ exit: 2 })
  expect(await json([...args, '--topic', 'unknown'], { cwd })).toMatchObject({ exit: 2, error: { code: 'USAGE' } })
})

/** The first is committed, the second aborted. */
async function inTransactions(topic: string, values: readonly string[]): Promise<void> {
  const producer = new Kafka({ brokers, logLevel: logLevel.NOTHING }).producer({
    transactionalId: unique('tx'),
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
  })
  await producer.connect()
  try {
    for (const [index, value] of values.entries()) {
      const transaction = await producer.transaction()
      await transaction.send({ topic, messages: [{ value }] })
      await (index === 0 ? transaction.commit() : transaction.abort())
    }
  } finally {
    await producer.disconnect()
  }
}

test('two processes on one replay share its partitions', async () => {
  const count = 4000
  const { cwd, input, events } = await shop({ partitions: 2 })
  await publish(connection, orders(input, count, 2, 'x'.repeat(500)))
  await json(['sync'], { cwd })
  const args = ['replay', '--from', 'earliest', '--to', 'latest', '--id', 'both', '--yes']
  const both = await Promise.all([1, 2].map(() => json<Result>([...args, '--rate', '400'], { cwd })))
  expect(both).toMatchObject([
    { ok: true, exit: 0 },
    { ok: true, exit: 0 },
  ])
  expect(both.every((each) => each.events > 0)).toBe(true)
  const ids = (await readAll(connection, `${events}.replay`)).map((record) => header(record, 'le.event_id'))
  expect(new Set(ids).size).toBe(count)
}, 120_000)

test('a replay of a file is refused, with what to do instead', async () => {
  const { cwd } = await shop()
  const text = readFileSync(join(cwd, 'linked-events.yaml'), 'utf8').replace(
    /^source:.*$/m,
    'source: { file: ./in.ndjson }',
  )
  const other = folder({ 'linked-events.yaml': text, 'data-graph.hcl': shopGraph, 'in.ndjson': '' })
  expect(await json(['replay', '--from', '0', '--to', '1', '--yes'], { cwd: other })).toMatchObject({
    exit: 2,
    error: { code: 'USAGE', hint: expect.stringContaining('run --until-end') },
  })
})

test('killed again and again at random moments: nothing is missing, at most one batch a kill is there twice, order holds', async () => {
  const seed = Number(process.env.REPLAY_SEED ?? Date.now() % 100_000)
  console.log(`seed ${seed}, ${kills} kills (REPLAY_SEED, REPLAY_KILLS)`)
  const count = 8000
  const { cwd, input, events } = await shop({ sessionTimeout: '1s' })
  await publish(connection, orders(input, count, 2, 'x'.repeat(1000)))
  await json(['sync'], { cwd })
  let state = seed
  const random = () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state / 2 ** 31
  }
  const args = ['replay', '--from', 'earliest', '--to', 'latest', '--id', 'killed', '--yes', '--json']
  const written = () =>
    withAdmin(connection, async (admin) =>
      (await admin.offsets(`${events}.replay`)).reduce((sum, { high }) => sum + high, 0),
    )
  for (let kill = 0; kill < kills; kill++) {
    const before = await written()
    const one = start([...args, '--rate', '400'], { cwd })
    // By turns: at any moment from its first on, and in the middle of its work.
    if (kill % 2 === 1) await until(async () => (await written()) > before, 'it has written more')
    await new Promise((resolve) => setTimeout(resolve, random() * (kill % 2 === 1 ? 400 : 3000)))
    one.child.kill('SIGKILL')
    expect((await one.ended).code).toBeNull() // killed, not ended by itself
  }
  const last = await json<Result>(args.slice(0, -1), { cwd })
  expect(last).toMatchObject({ ok: true, exit: 0 })
  const records = await readAll(connection, `${events}.replay`)
  const seen = new Set<string>()
  const order = new Map<number, number[]>()
  let repeated = 0
  for (const record of records) {
    const id = header(record, 'le.event_id')!
    const n = (JSON.parse(record.value!) as { properties: { n: number } }).properties.n
    if (seen.has(id)) repeated++
    else order.set(record.partition, [...(order.get(record.partition) ?? []), n])
    seen.add(id)
  }
  expect(seen.size).toBe(count)
  for (const numbers of order.values()) expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
  // One batch is in hand at a time, and a batch of the input has at most so many messages.
  expect(repeated).toBeLessThanOrEqual(kills * batchMessagesMax)
  console.log(`${repeated} of ${count} twice after ${kills} kills`)
}, 300_000)
