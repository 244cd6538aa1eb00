/**
 * `tsx test/bench/kafka-pass-through.ts [EVENTS]`: CPU of this process for an event of 1 KB, consumed only and passed through
 * with another value, ours beside stock kafkajs. Uses the broker of KAFKA_BROKERS, else starts one.
 */
import { Kafka } from 'kafkajs'
import type { Provenance } from '../../src/enrich/provenance.ts'
import type { Batch } from '../../src/enrich/source.ts'
import { publish } from '../../src/kafka/publish.ts'
import { kafkaSink } from '../../src/kafka/sink.ts'
import { kafkaSource } from '../../src/kafka/source.ts'
import { spanOf } from '../../src/memory.ts'
import { connectionTo, newTopic, unique, withAdmin } from '../support/kafka.ts'
import { sharedBroker } from '../support/kafka-broker.ts'

const events = Number(process.argv[2] ?? 200_000)
const partitions = 4
const value = Buffer.alloc(1024, 'abcdefghijklmnop')
const other = Buffer.alloc(1024, 'ponmlkjihgfedcba')
const broker = await sharedBroker()
const connection = connectionTo(broker.brokers)
const provenance: Provenance = {
  destination: 'amplitude',
  action: 'logEvent',
  mapping: 'Order Completed',
  outcome: 'full',
  entities: 'product-entity=hit@12',
  eventIdPrefix: '0123456789abcdef',
}

function* records(topic: string) {
  for (let index = 0; index < events; index++)
    yield { topic, partition: index % partitions, key: `user-${String(index).padStart(15, '0')}`, value }
}

async function measure(name: string, work: () => Promise<number>): Promise<void> {
  const cpu = process.cpuUsage()
  const start = performance.now()
  const count = await work()
  const { user, system } = process.cpuUsage(cpu)
  const seconds = (performance.now() - start) / 1000
  const perEvent = ((user + system) / count).toFixed(2)
  const rss = Math.round(process.memoryUsage().rss / 1024 / 1024)
  console.log(
    `${name.padEnd(26)} ${perEvent.padStart(6)} µs CPU/event ${Math.round(count / seconds)} events/s RSS ${rss} MiB (${count})`,
  )
}

async function ours(topic: string, handle: (batch: Batch) => Promise<void>): Promise<number> {
  let count = 0
  const source = await kafkaSource({
    connection,
    topics: [topic],
    group: unique('bench'),
    untilEnd: true,
    tell: () => {},
  })
  await source.consume(async (batch) => {
    count += batch.count
    await handle(batch)
    await batch.acknowledge()
  }, new AbortController().signal)
  await source.close()
  return count
}

async function stock(topic: string, output: string | null): Promise<number> {
  const kafka = new Kafka({ brokers: [...connection.brokers], logLevel: 0 })
  const consumer = kafka.consumer({ groupId: unique('bench'), maxWaitTimeInMs: 100 })
  const producer = kafka.producer({
    createPartitioner:
      () =>
      ({ message }) =>
        message.partition ?? 0,
  })
  await Promise.all([consumer.connect(), producer.connect()])
  await consumer.subscribe({ topic, fromBeginning: true })
  let count = 0
  await new Promise<void>((resolve, reject) => {
    consumer
      .run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: 4,
        eachBatch: async ({ batch, resolveOffset, commitOffsetsIfNecessary, heartbeat }) => {
          for (let at = 0; output !== null && at < batch.messages.length; at += 500) {
            const messages = batch.messages.slice(at, at + 500).map(({ key, timestamp, headers }) => {
              const own = { 'le.destination': provenance.destination, 'le.action': provenance.action }
              const more = { 'le.mapping': provenance.mapping, 'le.outcome': provenance.outcome }
              const ids = {
                'le.entities': provenance.entities,
                'le.source': 't/0/123456',
                'le.event_id': '0123456789abcdef-0-123456',
              }
              return {
                key,
                timestamp,
                value: other,
                partition: batch.partition,
                headers: { ...headers, ...own, ...more, ...ids },
              }
            })
            await producer.send({ topic: output, messages })
          }
          resolveOffset(batch.lastOffset())
          const offset = String(Number(batch.lastOffset()) + 1)
          await commitOffsetsIfNecessary({ topics: [{ topic, partitions: [{ partition: batch.partition, offset }] }] })
          await heartbeat()
          count += batch.messages.length
          if (count >= events) resolve()
        },
      })
      .catch(reject)
  })
  await Promise.all([consumer.disconnect(), producer.disconnect()])
  return count
}

const input = await newTopic(connection, { partitions, topic: unique('bench-in') })
await measure('publish, ours', () => publish(connection, records(input)))
for (let round = 1; round <= 2; round++) {
  await measure('consume, ours', () => ours(input, async (batch) => batch.each(() => {})))
  await measure('consume, stock', () => stock(input, null))
  const output = await newTopic(connection, { partitions, topic: unique('bench-out') })
  const sink = await kafkaSink({ connection, targets: [output], deadLetterTopic: null, tell: () => {} })
  const target = { topic: output }
  await measure('pass through, ours', () =>
    ours(input, async (batch) => {
      const outputs = sink.begin(batch)
      batch.each((message) => outputs.deliver(target, message, spanOf(other), provenance))
      await outputs.flush()
    }),
  )
  await sink.close()
  await measure('pass through, stock', () => stock(input, output))
  await withAdmin(connection, (admin) => admin.deleteTopics([output]))
}
await withAdmin(connection, (admin) => admin.deleteTopics([input]))
await broker.stop()
process.exit(0)
