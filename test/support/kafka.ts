/** What Kafka tests share: a connection, topics of their own, and everything a topic holds. */
import { randomBytes } from 'node:crypto'
import { headersOf } from '../../src/enrich/source.ts'
import { type KafkaAdmin, kafkaAdmin, type NewTopic } from '../../src/kafka/admin.ts'
import type { KafkaConnection } from '../../src/kafka/connection.ts'
import { scan } from '../../src/kafka/scan.ts'
import { sharedBroker } from './kafka-broker.ts'

export function connectionTo(brokers: readonly string[]): KafkaConnection {
  return { brokers, clientId: 'test', tls: null, sasl: null }
}

export async function sharedConnection(): Promise<KafkaConnection> {
  return connectionTo((await sharedBroker()).brokers)
}

/** A name that no other test has. */
export function unique(prefix: string): string {
  return `${prefix}-${randomBytes(5).toString('hex')}`
}

export async function newTopic(connection: KafkaConnection, options: Partial<NewTopic> = {}): Promise<string> {
  const topic = options.topic ?? unique('topic')
  await withAdmin(connection, (admin) => admin.createTopics([{ partitions: 1, ...options, topic }]))
  return topic
}

export async function withAdmin<T>(connection: KafkaConnection, use: (admin: KafkaAdmin) => Promise<T>): Promise<T> {
  const admin = await kafkaAdmin(connection)
  try {
    return await use(admin)
  } finally {
    await admin.close()
  }
}

export interface ReadRecord {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [name: string, value: string | null])[]
}

/** All records of a topic, by partition and offset. */
export async function readAll(connection: KafkaConnection, topic: string): Promise<ReadRecord[]> {
  const records: ReadRecord[] = []
  for await (const batch of scan({ connection, topic })) {
    batch.each((message) => {
      const text = (start: number, end: number) => (start < 0 ? null : message.bytes.toString('utf8', start, end))
      records.push({
        partition: message.partition,
        offset: message.offset,
        timestamp: message.timestamp,
        key: text(message.keyStart, message.keyEnd),
        value: text(message.valueStart, message.valueEnd),
        headers: headersOf(message).map(({ name, value }) => [name, value === null ? null : value.toString('utf8')]),
      })
    })
  }
  return records.sort((a, b) => a.partition - b.partition || a.offset - b.offset)
}

/** Waits for something to become true, looking every 20 ms; fails after `seconds`. */
export async function until(condition: () => boolean | Promise<boolean>, what: string, seconds = 30): Promise<void> {
  const end = Date.now() + seconds * 1000
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`it did not happen in ${seconds} s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
