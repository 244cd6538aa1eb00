/** Writes records one by one, with the sender of the sink: for what is not the event path. */
import { LinkedEventsError } from '../errors.ts'
import type { Tell } from '../telemetry.ts'
import { Batches, WriterPool } from './batches.ts'
import { type KafkaCluster, openCluster } from './cluster.ts'
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
  const publisher = await Publisher.open(connection, tell)
  let count = 0
  let bytes = 0
  try {
    for await (const record of records) {
      bytes += await publisher.add(record)
      count++
      if (bytes < roundBytesMax) continue
      await publisher.flush()
      bytes = 0
    }
    await publisher.flush()
    return count
  } finally {
    await publisher.close()
  }
}

/** Collects records, and writes them when it is told to. */
export class Publisher {
  readonly #cluster: KafkaCluster
  readonly #sender: Sender
  readonly #pool = new WriterPool()
  readonly #topics = new Map<string, TopicDescription>()
  readonly #keyless = Math.random()
  #batches: Batches

  private constructor(cluster: KafkaCluster, tell: Tell) {
    this.#cluster = cluster
    this.#sender = new Sender({ cluster, tell })
    this.#batches = this.#newBatches()
  }

  static async open(connection: KafkaConnection, tell: Tell = () => {}): Promise<Publisher> {
    return new Publisher(await openCluster(connection), tell)
  }

  /** The record's bytes, about. */
  async add(record: PublishRecord): Promise<number> {
    return append(this.#batches, await this.#topic(record.topic), record, this.#keyless)
  }

  /** Resolves when everything added so far is acknowledged. */
  async flush(): Promise<void> {
    const batches = this.#batches
    this.#batches = this.#newBatches()
    await batches.flush(this.#sender)
  }

  async close(): Promise<void> {
    this.#sender.close()
    await this.#cluster.close()
  }

  async #topic(name: string): Promise<TopicDescription> {
    const known = this.#topics.get(name)
    if (known !== undefined) return known
    const [found] = await describeTopics(this.#cluster, [name])
    if (found === undefined) throw new LinkedEventsError('KAFKA_TOPIC_MISSING', `no topic "${name}"`)
    this.#topics.set(name, found)
    return found
  }

  #newBatches(): Batches {
    return new Batches({ pool: this.#pool, now: Date.now() })
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
