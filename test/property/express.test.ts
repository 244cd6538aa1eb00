/**
 * Law: a batch of which most events take the express way becomes the record batches, dead letters and counts that it would become
 * with a visit for each of them, byte for byte. `PARITY_RUNS=100000` makes it longer, `PARITY_SEED` repeats a run.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { run } from '../../src/enrich/pipeline.ts'
import type { Outputs, Sink } from '../../src/enrich/sink.ts'
import type { SnapshotSet } from '../../src/enrich/snapshots.ts'
import type { JsonObject } from '../../src/json.ts'
import { Batches, WriterPool } from '../../src/kafka/batches.ts'
import { DeliveryWriter, recordBytesMax, writeDeadLetter } from '../../src/kafka/delivery.ts'
import type { RecordBatch } from '../../src/kafka/record-reader.ts'
import type { Sender } from '../../src/kafka/sender.ts'
import type { TopicDescription } from '../../src/kafka/topic.ts'
import type { Fact } from '../../src/telemetry.ts'
import { damaged, document } from '../support/event-documents.ts'
import { destination } from '../support/event-plans.ts'
import { columnNames, rowsOfEntities, snapshotsOfRows } from '../support/event-rows.ts'
import { batchOf, type SimpleRecord, sealed } from '../support/kafka-records.ts'
import { parityRuns, paritySeed } from '../support/oracle.ts'
import { type DestinationWords, planOf, row } from '../support/plan.ts'

const now = 1_764_000_000_000
const runs = Math.ceil(parityRuns() / 20)

interface World {
  readonly topics: readonly TopicDescription[]
  readonly extraHeaders: readonly (readonly [string, string])[]
}

/** All that leaves the pipeline. `express`: events may pass without a visit; how many deliveries did. */
async function outcome(
  words: readonly DestinationWords[],
  snapshots: SnapshotSet,
  batch: RecordBatch,
  { topics, extraHeaders }: World,
  express: boolean,
) {
  const pool = new WriterPool()
  const delivery = new DeliveryWriter({ extraHeaders })
  const all: string[] = []
  const sent: string[] = []
  let calls = 0
  const sender = {
    async send(topic: string, partition: number, writer: { seal(stamp: object): Buffer }) {
      const bytes = writer.seal({ producerId: 7n, epoch: 0, sequence: 0, transactional: false })
      sent.push(`${topic}/${partition} ${bytes.toString('latin1')}`)
    },
  } as unknown as Sender
  const topicOf = (target: object) => topics.find(({ topic }) => topic === (target as { topic: string }).topic)!
  const sink: Sink = {
    begin() {
      const batches = new Batches({ pool, now })
      const outputs: Outputs = {
        deliver(target, message, value, provenance) {
          calls++
          delivery.write(batches, topicOf(target), message.partition, message, value, provenance)
        },
        deadLetter: (message, reason, explanation) =>
          writeDeadLetter(batches, topics[0]!, message.partition, { message, reason, explanation, connector: 'g' }),
        hold: (_, message, note) => void all.push(`hold ${message.offset} ${note}`),
        flush: () => batches.flush(sender),
      }
      const direct: Outputs['direct'] = (target, message, provenance) => {
        const topic = topicOf(target)
        if (topic.partitions === 1) return null
        const headers = delivery.headersOf(provenance, message)
        return { lane: batches.lane(topic, message.partition), recordBytesMax: recordBytesMax(topic), headers }
      }
      return express ? { ...outputs, direct } : outputs
    },
    recordBytesMax: (target) => recordBytesMax(topicOf(target)),
    close: async () => {},
  }
  let fact: Fact | null = null
  await run(
    {
      plan: planOf(...words),
      source: {
        consume: (handle) =>
          handle({
            topic: 'in',
            partition: 0,
            count: batch.count,
            bytes: batch.bytes,
            lag: 0,
            each: (visit, ahead) => batch.each(visit, ahead),
            acknowledge: async () => {},
          }),
        partitions: () => [],
        close: async () => {},
      },
      sink,
      snapshots: { current: () => snapshots },
      freshness: new Map(),
      clock: { now: () => now, sleep: async () => {} } as never,
      tell: (told) => {
        if (told.name === 'batch-enriched') fact = told
      },
    },
    new AbortController().signal,
  )
  return { left: { all, sent, fact }, calls, delivered: (fact as unknown as { delivered: number }).delivered }
}

const path = (keys: string) => ({ '@path': `$.${keys}` })
const whole: JsonObject = { properties: { product: row('product') } }
const expressible = fc.constantFrom<JsonObject>(
  whole,
  whole,
  whole,
  { type: 'track', userId: 'é', properties: { product: row('product'), plan: row('product'), total: 7 } },
  { product: row('product'), extra: 'ü"', n: 1.5 },
  { properties: { product: row('product'), account: row('account'), total: null, x: { y: row('product') } } },
  { properties: { sku: 'X' }, context: { consent: { a: 1 } }, type: 'track' },
  { a: { b: { c: 1 } }, extra: { a: row('product') } },
  { properties: { name: row('product', 'LAST'), sku: row('product', 'FIRST'), again: row('product', 'LAST') } },
  { properties: { product: row('product', 'FIRST'), a: row('product', 'LAST'), b: path('event') }, n: path('text') },
  { extra: { meta: row('product', 'LAST'), all: row('product') }, type: 'x' },
  { properties: { name: row('product', 'NAME'), total: row('product', 'FIRST') } },
  { properties: { text: path('text'), sku: path('properties.account') }, event: path('event') },
  { properties: { copy: path('properties.total'), x: path('properties.product.x') } },
  Object.fromEntries(Array.from({ length: 40 }, (_, number) => [`n${number}`, path('properties.total')])),
  {
    extra: { a: path('properties.product.x'), b: path('context.consent'), c: path('integrations.All') },
    n: path('none'),
  },
  {},
)

/** With columns that rows have for FIRST and LAST. */
function named(
  words: readonly DestinationWords[],
  rows: { readonly product: readonly (readonly [string, string])[] },
): readonly DestinationWords[] {
  const names = Object.keys(JSON.parse(rows.product[0]![1])).filter((name) => columnNames.includes(name))
  const [first = 'NAME', last = first] = [names[0], names.at(-1)]
  const inKit = (name: string) => JSON.stringify(name).slice(1, -1)
  const text = JSON.stringify(words).replaceAll('product.FIRST', `product.${inKit(first)}`)
  return JSON.parse(text.replaceAll('product.LAST', `product.${inKit(last)}`))
}

const trigger = fc.constantFrom('type = "track"', 'type = "track" and properties.sku = "SKU-1"', 'event != "x"')
const written = fc
  .record({
    slug: fc.constantFrom('one', 'two', 'three'),
    mapping: expressible,
    trigger,
    entities: fc.constantFrom(
      { product: 'properties.sku' },
      { product: 'properties.sku' },
      { product: 'properties.sku' },
      { product: 'properties.sku', account: 'properties.account' },
      { product: 'properties.sku', account: 'properties.sku' },
      {},
    ),
    onMissing: fc.constantFrom('pass' as const, 'drop' as const),
    format: fc.constantFrom('event' as const, 'event' as const, 'payload' as const),
  })
  .map(({ slug, format, ...mapping }): DestinationWords => ({ slug, format, mappings: [mapping] }))
const destinations = fc.uniqueArray(fc.oneof({ weight: 30, arbitrary: written }, destination), {
  size: '-1',
  minLength: 1,
  maxLength: 3,
  selector: ({ slug }) => slug,
})

/** Some are printed otherwise than they are written, and so is what they become: it is not the way of these. */
const numbers = [
  '1.50',
  '0.5',
  '0.05',
  '-0',
  '0',
  '-0.25',
  '1e3',
  '123456789012345',
  '1234567890123456',
  '-12345.678901234',
  '0.0000001',
  '9007199254740993',
]
const plain = fc
  .record({
    sku: fc.constantFrom('SKU-1', 'SKU-1', 'SKU-1', 'SKU-1', '42', 'none'),
    total: fc.oneof(fc.integer({ min: -1, max: 1_000_000 }), fc.constantFrom(...numbers)),
    text: fc.oneof(fc.constantFrom('', 'plain', '}', 'escaped'), fc.string({ unit: 'grapheme', maxLength: 40 })),
    more: fc.boolean(),
    product: fc.constantFrom<JsonObject>({}, {}, {}, { product: [1] }, { product: { x: 1 } }, { product: null }),
    long: fc.constantFrom(0, 0, 0, 0, 0, 0, 6000, 6400, 6800, 7000, 7200),
  })
  .map(({ sku, total, text, more, product, long }) =>
    JSON.stringify({
      type: 'track',
      event: 'Order Completed',
      integrations: { All: true },
      text,
      properties: { sku, total, account: 'SKU-1', ...product, long: 'y'.repeat(long) },
      extra: {},
      ...(more ? { context: { consent: { categoryPreferences: {} } } } : {}),
    })
      .replace(/"total":"([^"]*)"/, '"total":$1')
      .replace('"escaped"', '"\\u0041\\/"'),
  )
const value = fc.oneof(
  { weight: 24, arbitrary: plain.map((text) => Buffer.from(text)) },
  { weight: 2, arbitrary: document.map((text) => Buffer.from(text)) },
  { weight: 1, arbitrary: damaged },
  { weight: 1, arbitrary: fc.constantFrom(null, Buffer.alloc(0), Buffer.from(`{"x":"${'x'.repeat(3000)}"}`)) },
)
const bytes = fc.uint8Array({ maxLength: 30 }).map((array) => Buffer.from(array))
const header = fc.tuple(fc.constantFrom('h', 'trace', 'le.destination', 'le.x', 'lf', ''), fc.option(bytes))
const record: fc.Arbitrary<SimpleRecord> = fc.record({
  timestamp: fc.oneof(
    { weight: 30, arbitrary: fc.integer({ min: now - 5000, max: now }) },
    fc.constantFrom(-1, 0, now + 7_200_000, now - 100_000_000),
  ),
  key: fc.option(bytes),
  value,
  headers: fc.oneof({ weight: 5, arbitrary: fc.constant([]) }, fc.array(header, { maxLength: 3 })),
})
const topic = fc.record({
  batchBytesMax: fc.constantFrom(1_000_000, 1_000_000, 1_000_000, 20_000, 8000),
  partitions: fc.constantFrom(4, 4, 4, 4, 4, 4, 4, 4, 1),
  aheadMillisecondsMax: fc.constantFrom(3_600_000, Number.POSITIVE_INFINITY),
  behindMillisecondsMax: fc.constantFrom(Number.POSITIVE_INFINITY, 86_400_000),
})

test('what passes without a visit is what a visit would have written', async () => {
  const seed = paritySeed('express', runs)
  let passed = 0
  let all = 0
  await fc.assert(
    fc.asyncProperty(
      destinations,
      rowsOfEntities,
      fc.array(record, { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 64, max: 200 }),
      fc.integer(),
      fc.constantFrom(0, 95, 9_950, 4_000_000_000_000),
      topic,
      fc.boolean(),
      async (generated, rows, some, count, salt, base, limits, replayed) => {
        // The first ones most often, so that there is something in common.
        const pick = (index: number) => {
          const random = (Math.imul(index + salt, 0x9e3779b1) >>> 8) / 2 ** 24
          return some[Math.floor(random ** 3 * some.length)]!
        }
        const records = Array.from({ length: count }, (_, index) => pick(index))
        const half = count >> 1
        const sealedAll = [sealed(records.slice(0, half), { base }), sealed(records.slice(half), { base: base + half })]
        const batch = await batchOf(Buffer.concat(sealedAll), { from: base + 3, until: base + count - 2 })
        const describe = (name: string) => ({ ...limits, topic: name, configured: true, cleanupPolicy: 'delete' })
        const words = named(generated, rows)
        const plan = planOf(...words)
        const names = plan.destinations.map(({ target }) => (target as { topic: string }).topic)
        const world: World = {
          topics: [...new Set([...names, 'holds'])].map(describe),
          extraHeaders: replayed ? [['le.replay_id', 'r1']] : [],
        }
        const snapshots = snapshotsOfRows(rows)
        const visited = await outcome(words, snapshots, batch, world, false)
        const express = await outcome(words, snapshots, batch, world, true)
        expect(express.left).toEqual(visited.left)
        expect(visited.calls).toBe(visited.delivered)
        all += visited.delivered
        passed += express.delivered - express.calls
      },
    ),
    { seed, numRuns: runs },
  )
  console.info(`express: ${passed} of ${all} deliveries`)
  expect(passed).toBeGreaterThan(all / 10) // else the law says little
})

test('large records of several outputs do not run into one another', async () => {
  const words = ['one', 'two', 'three', 'four'].map(
    (slug): DestinationWords => ({
      slug,
      format: 'event',
      mappings: [{ entities: { product: 'properties.sku' }, mapping: whole }],
    }),
  )
  const limits = { partitions: 4, aheadMillisecondsMax: 3_600_000, behindMillisecondsMax: Number.POSITIVE_INFINITY }
  const topics = words.map(({ slug }) => ({
    ...limits,
    topic: slug!,
    batchBytesMax: 4e6,
    configured: true,
    cleanupPolicy: 'delete',
  }))
  const snapshots = snapshotsOfRows({ product: [['SKU-1', '{"NAME":"Hat"}']] })
  const event = (number: number) =>
    `{"type":"track","properties":{"sku":"SKU-1","x":"${'x'.repeat((number * 977) % 9000)}"}}`
  const records = Array.from({ length: 200 }, (_, number) => ({
    timestamp: now,
    key: null,
    value: Buffer.from(event(number)),
    headers: [],
  }))
  const batch = await batchOf(sealed(records, { base: 100 }))
  const world = { topics, extraHeaders: [] }
  const visited = await outcome(words, snapshots, batch, world, false)
  const express = await outcome(words, snapshots, batch, world, true)
  expect(express.left).toEqual(visited.left)
  expect(express.calls).toBeLessThan(400) // of 800
})

test('rows that do not fit beside one another, and long keys, are visited', async () => {
  const mapping = { properties: { product: row('product'), account: row('account') } }
  const entities = { product: 'properties.sku', account: 'properties.account' }
  const words: DestinationWords[] = [{ slug: 'one', format: 'event', mappings: [{ entities, mapping }] }]
  const limits = { partitions: 4, aheadMillisecondsMax: 3_600_000, behindMillisecondsMax: Number.POSITIVE_INFINITY }
  const topics = [{ ...limits, topic: 'one', batchBytesMax: 4e6, configured: true, cleanupPolicy: 'delete' }]
  const key = (number: number) => `${number}`.padEnd(number % 9 === 0 ? 9000 : 8, '-')
  const large = (number: number) =>
    [key(number), `{"A":"${'a'.repeat((number * 977) % 20_000)}","B":${number}}`] as const
  const small = (number: number) => [key(number), `{"C":{"x":[${number}]},"D":null}`] as const
  const all = Array.from({ length: 40 }, (_, number) => number)
  const snapshots = snapshotsOfRows({ product: all.map(large), account: all.map(small) })
  const records = Array.from({ length: 400 }, (_, number) => {
    const properties = { sku: key((number * 7) % 40), account: key((number * 11) % 40) }
    return { timestamp: now, key: null, value: Buffer.from(JSON.stringify({ type: 'track', properties })), headers: [] }
  })
  const batch = await batchOf(sealed(records, { base: 100 }))
  const world = { topics, extraHeaders: [] }
  const visited = await outcome(words, snapshots, batch, world, false)
  const express = await outcome(words, snapshots, batch, world, true)
  expect(express.left).toEqual(visited.left)
  expect(express.calls).toBeGreaterThan(100)
  expect(express.calls).toBeLessThan(300)
})
