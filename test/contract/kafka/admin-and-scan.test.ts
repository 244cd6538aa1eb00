import { beforeAll, describe, expect, test } from 'vitest'
import type { KafkaConnection } from '../../../src/kafka/connection.ts'
import { publish } from '../../../src/kafka/publish.ts'
import { scan } from '../../../src/kafka/scan.ts'
import { kafkaSource } from '../../../src/kafka/source.ts'
import { newTopic, readAll, sharedConnection, unique, until, withAdmin } from '../../support/kafka.ts'

let connection: KafkaConnection
beforeAll(async () => {
  connection = await sharedConnection()
})

async function filled(count: number, partitions = 1): Promise<string> {
  const topic = await newTopic(connection, { partitions })
  const records = Array.from({ length: count }, (_, index) => ({
    topic,
    partition: index % partitions,
    key: `k${index}`,
    value: String(index),
    timestamp: 1_700_000_000_000 + index * 1000,
  }))
  await publish(connection, records)
  return topic
}

async function scanned(options: Omit<Parameters<typeof scan>[0], 'connection'>): Promise<string[]> {
  const seen: string[] = []
  for await (const batch of scan({ connection, ...options }))
    batch.each((message) => seen.push(`${message.partition}/${message.offset}`))
  return seen.sort()
}

describe('the scan', () => {
  test('reads a stretch of each partition, and nothing else', async () => {
    const topic = await filled(20, 2)
    const from = new Map([[0, 8]])
    const to = new Map([[1, 2]])
    expect(await scanned({ topic, from, to })).toEqual(['0/8', '0/9', '1/0', '1/1'])
    expect(await scanned({ topic, partitions: [1], from: new Map([[1, 9]]) })).toEqual(['1/9'])
  })

  test('ends at once where there is nothing', async () => {
    const topic = await filled(4)
    expect(await scanned({ topic, from: new Map([[0, 4]]) })).toEqual([])
    expect(await scanned({ topic: await newTopic(connection) })).toEqual([])
  })

  test('begins at the earliest where retention has deleted the wanted beginning', async () => {
    const topic = await filled(10)
    await withAdmin(connection, (admin) => admin.deleteRecords(topic, [{ partition: 0, offset: 7 }]))
    expect(await scanned({ topic, from: new Map([[0, 2]]) })).toEqual(['0/7', '0/8', '0/9'])
  })

  test('may be left in the middle', async () => {
    const topic = await filled(1000)
    for await (const batch of scan({ connection, topic })) {
      expect(batch.count).toBeGreaterThan(0)
      break
    }
  })

  test('a topic or a partition that is not there is named', async () => {
    await expect(scanned({ topic: unique('no') })).rejects.toMatchObject({ code: 'KAFKA_TOPIC_MISSING' })
    const topic = await filled(1)
    await expect(scanned({ topic, partitions: [3] })).rejects.toMatchObject({ code: 'BAD_INPUT' })
  })
})

describe('the admin', () => {
  test('tells topics, partitions and limits', async () => {
    const topic = await newTopic(connection, { partitions: 3, config: { 'max.message.bytes': '7000' } })
    await withAdmin(connection, async (admin) => {
      expect(await admin.topics()).toContain(topic)
      expect(await admin.describeTopics([topic])).toMatchObject([
        { topic, partitions: 3, batchBytesMax: 7000, configured: true },
      ])
    })
  })

  test('leaves a topic alone that exists', async () => {
    const topic = await newTopic(connection, { partitions: 3 })
    await withAdmin(connection, async (admin) => {
      await admin.createTopics([{ topic, partitions: 5 }])
      expect(await admin.describeTopics([topic])).toMatchObject([{ partitions: 3 }])
    })
  })

  test('finds offsets, also by time', async () => {
    const topic = await filled(10)
    await withAdmin(connection, async (admin) => {
      expect(await admin.offsets(topic)).toEqual([{ partition: 0, low: 0, high: 10 }])
      expect(await admin.offsetsAt(topic, 1_700_000_004_500)).toEqual([{ partition: 0, offset: 5 }])
      expect(await admin.offsetsAt(topic, 1_800_000_000_000)).toEqual([{ partition: 0, offset: 10 }])
    })
  })

  test('sets what a group without members has committed, tells its lag, and forgets it', async () => {
    const topic = await filled(10, 2)
    await withAdmin(connection, async (admin) => {
      expect(await admin.lag(topic, [topic])).toMatchObject([
        { partition: 0, offset: null, lag: 5 },
        { partition: 1, offset: null, lag: 5 },
      ])
      await admin.commit(topic, [{ topic, partition: 1, offset: 3 }])
      expect(await admin.committed(topic, [topic])).toEqual([
        { topic, partition: 0, offset: null },
        { topic, partition: 1, offset: 3 },
      ])
      await admin.deleteGroup(topic)
      expect(await admin.committed(topic, [topic])).toMatchObject([{ offset: null }, { offset: null }])
    })
  })

  test('refuses to set the offsets of a group with members', async () => {
    const topic = await filled(10)
    const source = await kafkaSource({ connection, topics: [topic], group: topic, untilEnd: false, tell: () => {} })
    const abort = new AbortController()
    const consuming = source.consume((batch) => batch.acknowledge(), abort.signal)
    await until(() => source.partitions()[0]?.position === 10, 'it has read')
    const commit = withAdmin(connection, (admin) => admin.commit(topic, [{ topic, partition: 0, offset: 3 }]))
    await expect(commit).rejects.toMatchObject({ message: expect.stringContaining(topic) })
    abort.abort()
    await consuming
    await source.close()
  })

  test('looks at the cluster', async () => {
    const found = await withAdmin(connection, (admin) => admin.check())
    expect(found.brokers.length).toBeGreaterThan(0)
    expect(found.apiVersions[0]?.maxVersion).toBeGreaterThanOrEqual(7)
  })
})

describe('publishing', () => {
  test('writes keys, values, headers and times as given', async () => {
    const topic = await newTopic(connection)
    const bytes = new Uint8Array([104, 105])
    const headers = [
      ['a', 'x'],
      ['a', null],
    ] as const
    const count = await publish(connection, [
      { topic, key: null, value: null, timestamp: 1 },
      { topic, key: bytes, value: bytes, headers, timestamp: 2 },
    ])
    expect(count).toBe(2)
    expect(await readAll(connection, topic)).toMatchObject([
      { key: null, value: null, timestamp: 1, headers: [] },
      { key: 'hi', value: 'hi', timestamp: 2, headers },
    ])
  })

  test('a partition that is not there is an error, and a topic that is not there, too', async () => {
    const topic = await newTopic(connection)
    await expect(publish(connection, [{ topic, partition: 7, key: null, value: 'v' }])).rejects.toThrow(
      'no partition 7',
    )
    const missing = publish(connection, [{ topic: unique('no'), key: null, value: 'v' }])
    await expect(missing).rejects.toMatchObject({ code: 'KAFKA_TOPIC_MISSING' })
  })
})
