/** Writes records one by one, with the sender of the sink: for what is not the event path. */
import { LinkedEventsError } from '../errors.ts'
import type { Tell } from '../telemetry.ts'
import { Batches, WriterPool } from './batches.ts'
import { openCluster } from './cluster.ts'
import type { KafkaConnection } from './connection.ts'
import { encodeHeaders } from './headers.ts'
import { partitionOf } from './murmur2.ts'
import { fieldSize } from './record-writer.ts'
import { Sender } from './sender.ts'
import { describeTopics, type TopicDescription } from './topic.ts'
import { varintSize } from './varint.ts'

export interface PublishRecord {
  readonly topic: string
  /** Default: by the key, as a Java producer would; without a key, one for the whole call. */
  readonly partition?: number
  readonly key: string | Uint8Array | null
  readonly value: string | Uint8Array | null
  readonly headers?: readonly (readonly [name: string, value: string | Uint8Array | null])[]
  /** Milliseconds since 1970; default now. */
  readonly timestamp?: number
}

/** Records of one round of sending, about. */
const roundBytesMax = 4 * 1024 * 1024

/**
 * Resolves with the number of records when all are acknowledged; within a partition they are in the order given.
 * @throws KAFKA_TOPIC_MISSING, KAFKA_UNAVAILABLE, KAFKA_DENIED, KAFKA_FATAL
 */
export async function publish(
  connection: KafkaConnection,
  records: AsyncIterable<PublishRecord> | Iterable<PublishRecord>,
  tell: Tell = () => {},
): Promise<number> {
  const cluster = await openCluster(connection)
  const sender = new Sender({ cluster, tell })
  const pool = new WriterPool()
  const topics = new Map<string, TopicDescription>()
  const keyless = Math.random()
  let count = 0
  let bytes = 0
  let batches = new Batches({ pool, now: Date.now() })
  try {
    for await (const record of records) {
      let topic = topics.get(record.topic)
      if (topic === undefined) {
        const [found] = await describeTopics(cluster, [record.topic])
        if (found === undefined) throw new LinkedEventsError('KAFKA_TOPIC_MISSING', `no topic "${record.topic}"`)
        topic = found
        topics.set(record.topic, topic)
      }
      bytes += append(batches, topic, record, keyless)
      count++
      if (bytes < roundBytesMax) continue
      await batches.flush(sender)
      batches = new Batches({ pool, now: Date.now() })
      bytes = 0
    }
    await batches.flush(sender)
    return count
  } finally {
    sender.close()
    await cluster.close()
  }
}

/** Adds a record to a round of sending, and returns its size. `keyless`: where records without a key go, from 0 to 1. */
export function append(batches: Batches, topic: TopicDescription, record: PublishRecord, keyless: number): number {
  const key = bytesOf(record.key)
  const value = bytesOf(record.value)
  const headers = record.headers ?? []
  const encoded = encodeHeaders(headers)
  const body =
    fieldSize(key?.length ?? -1) + fieldSize(value?.length ?? -1) + varintSize(headers.length) + encoded.length
  const partition =
    record.partition ??
    (key === null ? Math.floor(keyless * topic.partitions) : partitionOf(key, 0, key.length, topic.partitions))
  const writer = batches.begin(topic, partition, record.timestamp ?? Date.now(), body)
  writer.field(key ?? nothing, key === null ? -1 : 0, key?.length ?? 0)
  writer.field(value ?? nothing, value === null ? -1 : 0, value?.length ?? 0)
  writer.varint(headers.length)
  writer.raw(encoded, 0, encoded.length)
  return body
}

const nothing = Buffer.alloc(0)

function bytesOf(value: string | Uint8Array | null): Uint8Array | null {
  return typeof value === 'string' ? Buffer.from(value) : value
}
