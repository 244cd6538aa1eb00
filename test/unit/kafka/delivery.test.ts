import { expect, test } from 'vitest'
import { headersFor, type Provenance } from '../../../src/enrich/provenance.ts'
import { headersOf } from '../../../src/enrich/source.ts'
import { Batches, WriterPool } from '../../../src/kafka/batches.ts'
import { DeliveryWriter, recordBytesMax, writeDeadLetter } from '../../../src/kafka/delivery.ts'
import { Sender } from '../../../src/kafka/sender.ts'
import type { TopicDescription } from '../../../src/kafka/topic.ts'
import { spanOf } from '../../../src/memory.ts'
import { FakeCluster } from '../../support/fake-kafka-cluster.ts'
import { batchOf, messageOf } from '../../support/kafka-records.ts'

const provenance: Provenance = {
  destination: 'amplitude',
  action: 'logEvent',
  mapping: 'Order Completed',
  outcome: 'full',
  entities: 'product-entity=hit@12',
  eventIdPrefix: 'abc123',
}

const hour = 3_600_000

function topicOf(more: Partial<TopicDescription> = {}): TopicDescription {
  return {
    topic: 'out',
    partitions: 4,
    batchBytesMax: 1_000_000,
    aheadMillisecondsMax: hour,
    behindMillisecondsMax: Number.POSITIVE_INFINITY,
    configured: true,
    cleanupPolicy: 'delete',
    ...more,
  }
}

function setUp(now = 1000) {
  const cluster = new FakeCluster()
  const sender = new Sender({ cluster: cluster.asCluster(), tell: () => {} })
  return { cluster, sender, batches: new Batches({ pool: new WriterPool(), now }) }
}

async function received(cluster: FakeCluster) {
  const records: {
    partition: number
    timestamp: number
    key: string | null
    value: string | null
    headers: [string, string][]
  }[] = []
  for (const { bytes, partition } of cluster.sent) {
    const batch = await batchOf(bytes)
    batch.each((message) => {
      const text = (start: number, end: number) => (start < 0 ? null : message.bytes.toString('latin1', start, end))
      records.push({
        partition,
        timestamp: message.timestamp,
        key: text(message.keyStart, message.keyEnd),
        value: text(message.valueStart, message.valueEnd),
        headers: headersOf(message).map(({ name, value }) => [name, String(value)]),
      })
    })
  }
  return records
}

test("an output has the input's key and headers, and the provenance", async () => {
  const { cluster, sender, batches } = setUp()
  const place = { topic: 'events', partition: 12, offset: 10_000_000_009 }
  const message = await messageOf(
    {
      key: Buffer.from('k'),
      headers: [
        ['trace', 'x'],
        ['le.source', 'old'],
      ],
    },
    place,
  )
  new DeliveryWriter({ extraHeaders: [] }).write(batches, topicOf(), 1, message, spanOf(Buffer.from('out')), provenance)
  await batches.flush(sender)
  expect(await received(cluster)).toEqual([
    {
      partition: 1,
      timestamp: 1,
      key: 'k',
      value: 'out',
      headers: [['trace', 'x'], ...headersFor(provenance, message)],
    },
  ])
})

test('a replay is named in every record', async () => {
  const { cluster, sender, batches } = setUp()
  const message = await messageOf({ headers: [['le.replay_id', 'old']] })
  new DeliveryWriter({ extraHeaders: [['le.replay_id', 'r1']] }).write(
    batches,
    topicOf(),
    0,
    message,
    spanOf(Buffer.from('o')),
    provenance,
  )
  await batches.flush(sender)
  const [record] = await received(cluster)
  expect(record?.headers.filter(([name]) => name === 'le.replay_id')).toEqual([['le.replay_id', 'r1']])
})

test('headers are each record’s own, however many different ones there are, how long, and who writes in turns', async () => {
  const { cluster, sender, batches } = setUp()
  const writers = [[], [['le.replay_id', 'r1']] as const].map((extraHeaders) => new DeliveryWriter({ extraHeaders }))
  const provenances = Array.from({ length: 300 }, (_, index) => ({
    ...provenance,
    mapping: `mapping ${index}`,
    entities: 'e'.repeat(index === 150 ? 70_000 : 1000),
  }))
  const expected: [string, string][][] = []
  for (const [index, one] of [...provenances, provenance, ...provenances, provenance].entries()) {
    const message = await messageOf({}, { topic: `in-${index % 3}`, partition: index % 5, offset: 8 + index })
    writers[index % 2]!.write(batches, topicOf(), 0, message, spanOf(Buffer.from('o')), one)
    expected.push([
      ...headersFor(one, message),
      ...(index % 2 === 1 ? [['le.replay_id', 'r1'] as [string, string]] : []),
    ])
  }
  await batches.flush(sender)
  expect((await received(cluster)).map(({ headers }) => headers)).toEqual(expected)
})

test('a batch is split below what the topic takes, and order stays', async () => {
  const { cluster, sender, batches } = setUp()
  const writer = new DeliveryWriter({ extraHeaders: [] })
  const topic = topicOf({ batchBytesMax: 2000 })
  const message = await messageOf({ key: Buffer.from('k') })
  for (let index = 0; index < 20; index++)
    writer.write(batches, topic, 0, message, spanOf(Buffer.alloc(300, 97 + index)), provenance)
  await batches.flush(sender)
  expect(cluster.sent.length).toBeGreaterThan(3)
  for (const { bytes } of cluster.sent) expect(bytes.length).toBeLessThanOrEqual(2000)
  expect((await received(cluster)).map(({ value }) => value?.[0])).toEqual([...'abcdefghijklmnopqrst'])
})

test.each([
  ['a time further ahead than the broker takes becomes now', 1000 + hour + 1, 1000],
  ['a time a little ahead stays', 1000 + hour / 2, 1000 + hour / 2],
  ['an old time stays', 5, 5],
])('%s', async (_, timestamp, expected) => {
  const { cluster, sender, batches } = setUp(1000)
  const message = await messageOf({}, { timestamp })
  new DeliveryWriter({ extraHeaders: [] }).write(batches, topicOf(), 0, message, spanOf(Buffer.from('o')), provenance)
  await batches.flush(sender)
  expect((await received(cluster)).map((record) => record.timestamp)).toEqual([expected])
})

test('a dead letter is the message as it came, with the reason', async () => {
  const { cluster, sender, batches } = setUp()
  const place = { topic: 'events', partition: 3, offset: 42 }
  const value = Buffer.from([0xff, 0x00, 0xfe])
  const message = await messageOf(
    {
      key: null,
      value,
      headers: [
        ['a', 'x'],
        ['le.reason', 'old'],
        ['le.source', 'kept'],
      ],
    },
    place,
  )
  writeDeadLetter(batches, topicOf(), 2, { message, reason: 'mapping_failed', explanation: 'no', connector: 'group-1' })
  await batches.flush(sender)
  const [record] = await received(cluster)
  expect(record).toMatchObject({ partition: 2, key: null, value: value.toString('latin1') })
  expect(record?.headers).toEqual([
    ['a', 'x'],
    ['le.source', 'kept'],
    ['__connect.errors.topic', 'events'],
    ['__connect.errors.partition', '3'],
    ['__connect.errors.offset', '42'],
    ['__connect.errors.connector.name', 'group-1'],
    ['__connect.errors.task.id', '0'],
    ['__connect.errors.stage', 'TRANSFORMATION'],
    ['__connect.errors.class.name', 'linked-events'],
    ['__connect.errors.exception.class.name', 'mapping_failed'],
    ['__connect.errors.exception.message', 'no'],
    ['le.reason', 'mapping_failed'],
  ])
})

test.each([
  ['the value', { key: Buffer.from('k'), value: Buffer.alloc(5000), headers: [['h', 'x']] as const }, 'k', 1],
  [
    'the headers',
    { key: Buffer.from('k'), value: Buffer.alloc(5000), headers: [['h', Buffer.alloc(4000)]] as const },
    'k',
    0,
  ],
  ['the key', { key: Buffer.alloc(4000), value: Buffer.alloc(5000), headers: [] }, null, 0],
])('a dead letter that does not fit leaves out %s and says so', async (_, record, key, inputHeaders) => {
  const { cluster, sender, batches } = setUp()
  const topic = topicOf({ batchBytesMax: 2000 })
  const message = await messageOf(record)
  writeDeadLetter(batches, topic, 0, { message, reason: 'too_large', explanation: 'no', connector: 'c' })
  await batches.flush(sender)
  const [letter] = await received(cluster)
  expect(letter).toMatchObject({ key, value: null })
  expect(letter?.headers.filter(([name]) => name === 'h')).toHaveLength(inputHeaders)
  expect(Number(letter?.headers.find(([name]) => name === 'le.truncated')?.[1])).toBeGreaterThan(5000)
  expect(cluster.sent[0]?.bytes.length).toBeLessThanOrEqual(2000)
})

test('a record of the most bytes that are promised fits into a batch', async () => {
  const { cluster, sender, batches } = setUp()
  const topic = topicOf({ batchBytesMax: 3000 })
  const writer = batches.begin(topic, 0, 1, recordBytesMax(topic))
  writer.raw(Buffer.alloc(recordBytesMax(topic)), 0, recordBytesMax(topic))
  await batches.flush(sender)
  expect(cluster.sent[0]?.bytes.length).toBeLessThanOrEqual(3000)
})
