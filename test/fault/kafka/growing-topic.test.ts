import { Kafka } from 'kafkajs'
import { expect, test } from 'vitest'
import { publish } from '../../../src/kafka/publish.ts'
import { kafkaSource } from '../../../src/kafka/source.ts'
import type { Fact } from '../../../src/telemetry.ts'
import { newTopic, sharedConnection, until } from '../../support/kafka.ts'

test('partitions that a topic gets later are read, too, and nothing is read twice', { timeout: 120_000 }, async () => {
  const connection = await sharedConnection()
  const topic = await newTopic(connection)
  const facts: Fact[] = []
  const source = await kafkaSource({
    connection,
    topics: [topic],
    group: topic,
    untilEnd: false,
    tell: (fact) => facts.push(fact),
  })
  const abort = new AbortController()
  const seen: string[] = []
  const consuming = source.consume(async (batch) => {
    batch.each((message) => seen.push(message.bytes.toString('utf8', message.valueStart, message.valueEnd)))
    await batch.acknowledge()
  }, abort.signal)
  await publish(connection, [{ topic, partition: 0, key: null, value: 'before' }])
  await until(() => seen.length === 1, 'the first is read')
  const admin = new Kafka({ brokers: [...connection.brokers], logLevel: 0 }).admin()
  await admin.connect()
  await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] })
  await admin.disconnect()
  await publish(connection, [
    { topic, partition: 0, key: null, value: 'after' },
    { topic, partition: 2, key: null, value: 'new' },
  ])
  await until(() => seen.length === 3, 'the new partition is read', 90) // topics are looked at every 30 s
  expect([...seen].sort()).toEqual(['after', 'before', 'new'])
  expect(source.partitions()).toHaveLength(3)
  expect(facts.filter(({ name }) => name === 'partitions-revoked')).toHaveLength(1)
  abort.abort()
  await consuming
  await source.close()
})
