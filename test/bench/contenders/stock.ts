/**
 * What a careful team writes in a day: stock kafkajs and better-sqlite3, tuned; the row placed at `properties.product`, or a
 * payload made by Segment's own packages, their trigger parsed once.
 */
import Database from 'better-sqlite3'
import { Kafka, type Message, Partitioners } from 'kafkajs'
import type { JsonObject } from '../../../src/json.ts'
import { mappingOracle, triggerOracle } from '../../support/oracle.ts'
import { entity, mappings, space, trigger } from '../segment-events.ts'
import type { Format } from '../test-bench.ts'

const [brokers = '', input = '', output = '', snapshot = '', format = ''] = process.argv.slice(2)
const kafka = new Kafka({ brokers: brokers.split(','), logLevel: 1 })
const consumer = kafka.consumer({ groupId: output, maxBytesPerPartition: 512 * 1024, maxWaitTimeInMs: 100 })
const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })

const database = new Database(snapshot, { readonly: true })
database.pragma('mmap_size = 2147418112')
const rowOf = database.prepare<[string], string>('SELECT row FROM entity WHERE key = ?').pluck()
const begin = database.prepare('BEGIN')
const commit = database.prepare('COMMIT')

type Event = JsonObject & { properties: { product_id: string; product?: unknown } }

/** The output's value, or null: the trigger does not match. */
const made = format === 'event' ? eventWithRow : payloadMaker(mappings[format as Format])

function eventWithRow(event: Event): unknown {
  const row = rowOf.get(event.properties.product_id)
  if (row !== undefined) event.properties.product = JSON.parse(row)
  return event
}

function payloadMaker(mapping: JsonObject): (event: Event) => unknown {
  const { parseFql, validate } = triggerOracle()
  const { transform } = mappingOracle()
  const parsed = parseFql(trigger)
  return (event) => {
    if (!validate(parsed, event)) return null
    const row = rowOf.get(event.properties.product_id)
    const rows = row === undefined ? {} : { [entity]: JSON.parse(row) }
    return transform(mapping, { ...event, __segment_entities: { [space]: rows } })
  }
}

await Promise.all([consumer.connect(), producer.connect()])
await consumer.subscribe({ topic: input, fromBeginning: true })
await consumer.run({
  autoCommit: false,
  eachBatchAutoResolve: false,
  partitionsConsumedConcurrently: 4,
  eachBatch: async ({ batch, resolveOffset, commitOffsetsIfNecessary, heartbeat }) => {
    const messages: Message[] = []
    begin.run()
    for (const { key, value, timestamp, headers, offset } of batch.messages) {
      const result = made(JSON.parse(String(value)))
      if (result === null) continue
      messages.push({
        key,
        timestamp,
        partition: batch.partition,
        value: JSON.stringify(result),
        headers: { ...headers, 'le.source': `${batch.topic}/${batch.partition}/${offset}` },
      })
    }
    commit.run()
    await producer.send({ topic: output, acks: -1, messages })
    resolveOffset(batch.lastOffset())
    await commitOffsetsIfNecessary({
      topics: [
        {
          topic: batch.topic,
          partitions: [{ partition: batch.partition, offset: String(Number(batch.lastOffset()) + 1) }],
        },
      ],
    })
    await heartbeat()
  },
})

process.once('SIGTERM', async () => {
  await Promise.all([consumer.disconnect(), producer.disconnect()])
  process.exit(0)
})
