import { beforeAll, describe, expect, test } from 'vitest'
import type { Provenance } from '../../../src/enrich/provenance.ts'
import type { Batch } from '../../../src/enrich/source.ts'
import type { KafkaConnection } from '../../../src/kafka/connection.ts'
import { type PublishRecord, publish } from '../../../src/kafka/publish.ts'
import { kafkaSink } from '../../../src/kafka/sink.ts'
import { type KafkaSourceOptions, kafkaSource } from '../../../src/kafka/source.ts'
import { spanOf } from '../../../src/memory.ts'
import type { Fact } from '../../../src/telemetry.ts'
import { newTopic, readAll, sharedConnection, unique, until, withAdmin } from '../../support/kafka.ts'

let connection: KafkaConnection
beforeAll(async () => {
  connection = await sharedConnection()
})

const never = new AbortController().signal

interface Read {
  readonly values: string[]
  readonly facts: Fact[]
}

type More = Partial<KafkaSourceOptions> & {
  signal?: AbortSignal
  before?: (batch: Batch) => Promise<void> | void
}

/** Consumes, and keeps every value as `partition:value`. */
async function consume(topic: string, more: More = {}): Promise<Read> {
  const read: Read = { values: [], facts: [] }
  const { signal = never, before, ...options } = more
  const tell = (fact: Fact) => void read.facts.push(fact)
  const source = await kafkaSource({ connection, topics: [topic], group: topic, untilEnd: true, tell, ...options })
  try {
    await source.consume(async (batch) => {
      await before?.(batch)
      batch.each((message) => {
        read.values.push(`${message.partition}:${message.bytes.toString('utf8', message.valueStart, message.valueEnd)}`)
      })
      await batch.acknowledge()
    }, signal)
  } finally {
    await source.close()
  }
  return read
}

function numbered(topic: string, count: number, more: Partial<PublishRecord> = {}, partitions = 1): PublishRecord[] {
  return Array.from({ length: count }, (_, index) => ({
    topic,
    partition: index % partitions,
    key: `k${index}`,
    value: String(index),
    ...more,
  }))
}

describe('the source', () => {
  test('hands out every message in order, commits, and ends where the topic ended', async () => {
    const topic = await newTopic(connection, { partitions: 3 })
    await publish(connection, numbered(topic, 3000, {}, 3))
    const { values, facts } = await consume(topic)
    for (const partition of [0, 1, 2]) {
      const mine = values.filter((value) => value.startsWith(`${partition}:`)).map((value) => Number(value.slice(2)))
      expect(mine).toEqual(Array.from({ length: 1000 }, (_, index) => index * 3 + partition))
    }
    expect(facts.map(({ name }) => name)).toContain('partitions-assigned')
    const lag = await withAdmin(connection, (admin) => admin.lag(topic, [topic]))
    expect(lag.map(({ offset }) => offset)).toEqual([1000, 1000, 1000])
  })

  test('goes on after what was acknowledged', async () => {
    const topic = await newTopic(connection)
    await publish(connection, numbered(topic, 10))
    expect((await consume(topic)).values).toHaveLength(10)
    expect((await consume(topic)).values).toHaveLength(0)
    await publish(connection, numbered(topic, 5))
    expect((await consume(topic)).values).toHaveLength(5)
  })

  test('does not wait in empty topics', async () => {
    const topic = await newTopic(connection, { partitions: 4 })
    expect((await consume(topic)).values).toEqual([])
  })

  test('does not go beyond the end of the start, however much arrives meanwhile', async () => {
    const topic = await newTopic(connection)
    await publish(connection, numbered(topic, 100))
    let more = true
    const { values } = await consume(topic, {
      maxBytesPerPartition: 500,
      before: async () => {
        if (more) await publish(connection, numbered(topic, 100))
        more = false
      },
    })
    expect(values).toHaveLength(100)
    const [place] = await withAdmin(connection, (admin) => admin.committed(topic, [topic]))
    expect(place?.offset).toBe(100)
  })

  test('begins with small batches, and doubles them up to what is allowed', async () => {
    const topic = await newTopic(connection, { config: { 'max.message.bytes': '20000' } })
    await publish(connection, numbered(topic, 4000, { value: 'x'.repeat(1000) }))
    const sizes: number[] = []
    const { values } = await consume(topic, {
      maxBytesPerPartition: 512 * 1024,
      before: ({ bytes }) => void sizes.push(bytes),
    })
    expect(values).toHaveLength(4000)
    for (const [index, size] of sizes.entries()) expect(size).toBeLessThanOrEqual(Math.min(64 * 2 ** index, 512) * 1024)
    expect(Math.max(...sizes)).toBeGreaterThan(450 * 1024)
    expect(sizes.length).toBeLessThan(16)
  })

  test('record batches larger than the first fetches come whole, from every partition', async () => {
    const topic = await newTopic(connection, { partitions: 4 })
    await publish(connection, numbered(topic, 8, { value: 'x'.repeat(700_000) }, 4))
    await publish(connection, numbered(topic, 4, {}, 4))
    const { values } = await consume(topic)
    const short = values.map((value) => value.slice(0, 3))
    for (const partition of [0, 1, 2, 3])
      expect(short.filter((value) => value.startsWith(`${partition}:`))).toEqual(
        ['x', 'x', String(partition)].map((value) => `${partition}:${value}`),
      )
  })

  test('a batch that was not acknowledged comes again', async () => {
    const topic = await newTopic(connection)
    await publish(connection, numbered(topic, 10))
    const source = await kafkaSource({ connection, topics: [topic], group: topic, untilEnd: true, tell: () => {} })
    let seen = 0
    const failing = source.consume(async (batch) => {
      batch.each(() => seen++)
      throw new TypeError('a mistake in the handler')
    }, never)
    await expect(failing).rejects.toThrow('a mistake in the handler')
    await source.close()
    expect(seen).toBe(10)
    expect((await consume(topic)).values).toHaveLength(10)
  })

  test('two members share the partitions, and each ends when both are done', async () => {
    const topic = await newTopic(connection, { partitions: 4, config: { 'max.message.bytes': '600' } })
    await publish(connection, numbered(topic, 4000, {}, 4))
    const before = () => new Promise<void>((resolve) => setTimeout(resolve, 50))
    const options = { before, maxBytesPerPartition: 500, sessionTimeoutMs: 6000 }
    const [one, two] = await Promise.all([consume(topic, options), consume(topic, options)])
    const all = [...one.values, ...two.values]
    expect(new Set(all).size).toBe(4000)
    expect(one.values.length).toBeGreaterThan(0)
    expect(two.values.length).toBeGreaterThan(0)
  })

  test('an abort finishes and commits the batch in hand, and leaves', async () => {
    const topic = await newTopic(connection)
    await publish(connection, numbered(topic, 100))
    const abort = new AbortController()
    const { values } = await consume(topic, {
      untilEnd: false,
      signal: abort.signal,
      maxBytesPerPartition: 300,
      before: async () => {
        abort.abort()
        await new Promise((resolve) => setTimeout(resolve, 500))
      },
    })
    expect(values.length).toBeGreaterThan(0)
    const [place] = await withAdmin(connection, (admin) => admin.committed(topic, [topic]))
    expect(place?.offset).toBe(values.length)
    // The member has left: the next one need not wait for a session to expire.
    expect(values.length + (await consume(topic)).values.length).toBe(100)
  })

  test('an abort before anything was read resolves', async () => {
    const topic = await newTopic(connection)
    const abort = new AbortController()
    const reading = consume(topic, { untilEnd: false, signal: abort.signal })
    abort.abort()
    await expect(reading).resolves.toMatchObject({ values: [] })
  })

  test('a handler slower than the session keeps its membership', async () => {
    const topic = await newTopic(connection)
    await publish(connection, numbered(topic, 10))
    const { values, facts } = await consume(topic, {
      sessionTimeoutMs: 1500,
      before: () => new Promise((resolve) => setTimeout(resolve, 4000)),
    })
    expect(values).toHaveLength(10)
    expect(facts.filter(({ name }) => name === 'partitions-assigned')).toHaveLength(1)
  })

  test('an offset that retention has deleted is told, and reading goes on at the earliest', async () => {
    const topic = await newTopic(connection)
    await publish(connection, numbered(topic, 100))
    await withAdmin(connection, async (admin) => {
      await admin.commit(topic, [{ topic, partition: 0, offset: 10 }])
      await admin.deleteRecords(topic, [{ partition: 0, offset: 60 }])
    })
    const abort = new AbortController()
    const reading = consume(topic, { untilEnd: false, signal: abort.signal, before: () => abort.abort() })
    const { values, facts } = await reading
    expect(values[0]).toBe('0:60')
    expect(facts).toContainEqual({ name: 'offset-jumped', topic, partition: 0, expected: 10, found: 60 })
  })

  test('ends where everything up to the end has been deleted meanwhile', async () => {
    const topic = await newTopic(connection, { partitions: 2, config: { 'max.message.bytes': '200' } })
    await publish(connection, numbered(topic, 200, {}, 2))
    let first = true
    const { facts } = await consume(topic, {
      concurrency: 1,
      maxBytesPerPartition: 100,
      before: async () => {
        if (!first) return
        first = false
        await publish(connection, numbered(topic, 20, {}, 2))
        const before = [0, 1].map((partition) => ({ partition, offset: 105 }))
        await withAdmin(connection, (admin) => admin.deleteRecords(topic, before))
      },
    })
    expect(facts.filter(({ name }) => name === 'offset-jumped')).toHaveLength(2)
  })

  test('knows where it stands', async () => {
    const topic = await newTopic(connection)
    await publish(connection, numbered(topic, 100))
    const source = await kafkaSource({ connection, topics: [topic], group: topic, untilEnd: false, tell: () => {} })
    const abort = new AbortController()
    const reading = source.consume((batch) => batch.acknowledge(), abort.signal)
    await until(() => source.partitions()[0]?.position === 100, 'the position is 100')
    expect(source.partitions()).toEqual([{ topic, partition: 0, position: 100, end: 100 }])
    abort.abort()
    await reading
    expect(source.partitions()).toEqual([])
    await source.close()
  })

  test('a topic that does not exist is named, with the one that was meant', async () => {
    const topic = await newTopic(connection)
    const source = kafkaSource({ connection, topics: [`${topic}x`], group: 'g', untilEnd: false, tell: () => {} })
    await expect(source).rejects.toMatchObject({
      code: 'KAFKA_TOPIC_MISSING',
      message: expect.stringContaining(`"${topic}x"`),
      hint: expect.stringContaining(topic),
    })
  })

  test('aborted records do not come, and the end is reached behind a marker', async () => {
    const { Kafka } = await import('kafkajs')
    const topic = await newTopic(connection)
    const producer = new Kafka({ brokers: [...connection.brokers], logLevel: 0 }).producer({
      transactionalId: unique('tx'),
      maxInFlightRequests: 1,
      idempotent: true,
    })
    await producer.connect()
    for (const [value, keep] of [
      ['a', true],
      ['b', false],
      ['c', true],
      ['d', false],
    ] as const) {
      const transaction = await producer.transaction()
      await transaction.send({ topic, messages: [{ value }] })
      await (keep ? transaction.commit() : transaction.abort())
    }
    await producer.disconnect()
    expect((await consume(topic)).values).toEqual(['0:a', '0:c'])
    expect((await consume(topic)).values).toEqual([])
    expect((await readAll(connection, topic)).map(({ value }) => value)).toEqual(['a', 'c'])
  })
})

const provenance: Provenance = {
  destination: 'd',
  action: 'a',
  mapping: 'm',
  outcome: 'full',
  entities: 'e=hit@1',
  eventIdPrefix: 'id',
}

/** Reads the input to its end and delivers each value with an `!` at its end. */
async function pass(input: string, output: string, deadLetterTopic: string | null = null): Promise<void> {
  const source = await kafkaSource({ connection, topics: [input], group: input, untilEnd: true, tell: () => {} })
  const sink = await kafkaSink({ connection, targets: [output], deadLetterTopic, inputs: [input], tell: () => {} })
  await source.consume(async (batch) => {
    const outputs = sink.begin(batch)
    batch.each((message) => {
      const value = message.bytes.toString('utf8', message.valueStart, message.valueEnd)
      if (value.startsWith('bad')) outputs.deadLetter(message, 'invalid_json', 'no JSON')
      else outputs.deliver({ topic: output }, message, spanOf(Buffer.from(`${value}!`)), provenance)
    })
    await outputs.flush()
    await batch.acknowledge()
  }, never)
  await source.close()
  await sink.close()
}

describe('the sink', () => {
  test('keeps key, time, partition and headers of the input, and adds its own', async () => {
    const [input, output] = [
      await newTopic(connection, { partitions: 3 }),
      await newTopic(connection, { partitions: 3 }),
    ]
    const headers = [
      ['trace', 'x'],
      ['trace', null],
      ['le.source', 'old'],
    ] as const
    await publish(connection, [
      { topic: input, partition: 2, key: 'k', value: 'v', headers, timestamp: 1_600_000_000_123 },
    ])
    await pass(input, output)
    expect(await readAll(connection, output)).toEqual([
      {
        partition: 2,
        offset: 0,
        timestamp: 1_600_000_000_123,
        key: 'k',
        value: 'v!',
        headers: [
          ['trace', 'x'],
          ['trace', null],
          ['le.destination', 'd'],
          ['le.action', 'a'],
          ['le.mapping', 'm'],
          ['le.outcome', 'full'],
          ['le.entities', 'e=hit@1'],
          ['le.source', `${input}/2/0`],
          ['le.event_id', 'id-2-0'],
        ],
      },
    ])
  })

  test('a topic with fewer partitions gets each key where a Java producer puts it', async () => {
    const [input, output] = [
      await newTopic(connection, { partitions: 5 }),
      await newTopic(connection, { partitions: 2 }),
    ]
    await publish(connection, numbered(input, 50, {}, 5))
    const check = await newTopic(connection, { partitions: 2 })
    await pass(input, output)
    const { Kafka, Partitioners } = await import('kafkajs')
    const producer = new Kafka({ brokers: [...connection.brokers], logLevel: 0 }).producer({
      createPartitioner: Partitioners.DefaultPartitioner,
    })
    await producer.connect()
    await producer.send({
      topic: check,
      messages: numbered(input, 50).map(({ key }) => ({ key: String(key), value: '' })),
    })
    await producer.disconnect()
    const places = async (topic: string) =>
      (await readAll(connection, topic)).map(({ key, partition }) => `${key}@${partition}`).sort()
    expect(await places(output)).toEqual(await places(check))
  })

  test('order is kept within a partition', async () => {
    const [input, output] = [
      await newTopic(connection, { partitions: 2 }),
      await newTopic(connection, { partitions: 2 }),
    ]
    await publish(connection, numbered(input, 5000, {}, 2))
    await pass(input, output)
    const records = await readAll(connection, output)
    expect(records).toHaveLength(5000)
    for (const partition of [0, 1]) {
      const values = records
        .filter((each) => each.partition === partition)
        .map(({ value }) => Number.parseInt(value ?? '', 10))
      expect(values).toEqual([...values].sort((a, b) => a - b))
    }
  })

  test('more than a batch may hold goes out in several', async () => {
    const input = await newTopic(connection)
    const output = await newTopic(connection, { config: { 'max.message.bytes': '3000' } })
    await publish(connection, numbered(input, 200, { value: 'x'.repeat(500) }))
    await pass(input, output)
    expect(await readAll(connection, output)).toHaveLength(200)
  })

  test('a time far in the future does not have its batch refused', async () => {
    const [input, output] = [
      await newTopic(connection, { config: { 'message.timestamp.after.max.ms': '9000000000000' } }),
      await newTopic(connection),
    ]
    const future = Date.now() + 100 * 24 * 3_600_000
    await publish(connection, [
      ...numbered(input, 2),
      { topic: input, partition: 0, key: 'f', value: 'f', timestamp: future },
    ])
    expect((await readAll(connection, input)).at(-1)?.timestamp).toBe(future)
    await pass(input, output)
    const records = await readAll(connection, output)
    expect(records).toHaveLength(3)
    expect(records.at(-1)?.timestamp).toBeLessThanOrEqual(Date.now())
  })

  test('a dead letter is the message with its reason, and reaches a topic that takes less', async () => {
    const [input, output] = [await newTopic(connection), await newTopic(connection)]
    const dead = await newTopic(connection, { config: { 'max.message.bytes': '2000' } })
    const large = `bad${'x'.repeat(10_000)}`
    await publish(connection, [
      { topic: input, partition: 0, key: 'k', value: 'bad', headers: [['h', 'x']] },
      { topic: input, partition: 0, key: 'k', value: large },
    ])
    await pass(input, output, dead)
    const [small, truncated] = await readAll(connection, dead)
    expect(small).toMatchObject({ key: 'k', value: 'bad' })
    expect(Object.fromEntries(small?.headers ?? [])).toMatchObject({
      h: 'x',
      'le.reason': 'invalid_json',
      '__connect.errors.topic': input,
      '__connect.errors.offset': '0',
      '__connect.errors.stage': 'VALUE_CONVERTER',
      '__connect.errors.exception.message': 'no JSON',
    })
    expect(truncated).toMatchObject({ key: 'k', value: null })
    expect(Number(Object.fromEntries(truncated?.headers ?? [])['le.truncated'])).toBe(large.length + 1)
  })

  test('knows how much a record may have', async () => {
    const output = await newTopic(connection, { config: { 'max.message.bytes': '5000' } })
    const sink = await kafkaSink({ connection, targets: [output], deadLetterTopic: null, tell: () => {} })
    const bytes = sink.recordBytesMax({ topic: output })
    expect(bytes).toBeLessThan(5000)
    expect(bytes).toBeGreaterThan(4800)
    await sink.close()
  })

  test('a topic that does not exist is named at once', async () => {
    const sink = kafkaSink({ connection, targets: [unique('no')], deadLetterTopic: null, tell: () => {} })
    await expect(sink).rejects.toMatchObject({ code: 'KAFKA_TOPIC_MISSING' })
  })
})

test('brokers that nobody can reach are an error in bounded time', { timeout: 40_000 }, async () => {
  const nowhere = { ...connection, brokers: ['127.0.0.1:1'] }
  const source = kafkaSource({ connection: nowhere, topics: ['t'], group: 'g', untilEnd: false, tell: () => {} })
  await expect(source).rejects.toMatchObject({ code: 'KAFKA_UNAVAILABLE' })
})
