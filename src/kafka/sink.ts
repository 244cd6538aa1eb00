/** Output records and dead letters to Kafka topics. Keeps the promises of `enrich/sink.ts`. */
import { assert } from '../assert.ts'
import type { DeadLetterReason } from '../enrich/outcome.ts'
import type { Provenance } from '../enrich/provenance.ts'
import type { Outputs, Sink, Target } from '../enrich/sink.ts'
import type { Message } from '../enrich/source.ts'
import type { Span } from '../memory.ts'
import type { Tell } from '../telemetry.ts'
import { Batches, WriterPool } from './batches.ts'
import { type KafkaCluster, openCluster, requireTopics } from './cluster.ts'
import type { KafkaConnection } from './connection.ts'
import { DeliveryWriter, recordBytesMax, writeDeadLetter, writeHeld } from './delivery.ts'
import { partitionOf } from './murmur2.ts'
import { Sender } from './sender.ts'
import { describeTopics, type TopicDescription } from './topic.ts'
import type { Transactions } from './transactions.ts'

export interface KafkaSinkOptions {
  readonly connection: KafkaConnection
  /** Every topic that outputs may name. */
  readonly targets: readonly string[]
  readonly deadLetterTopic: string | null
  readonly tell: Tell
  /** Input topics on the same cluster: their partition counts say whether an output topic has as many. */
  readonly inputs?: readonly string[]
  /** The name in Kafka Connect's headers of a dead letter: the consumer group. Default `linked-events`. */
  readonly connectorName?: string
  /** Goes out as `le.replay_id`. */
  readonly replayId?: string | null
  /** Shared with the source for exactly once; the sink closes them. Without, everything is written at once. */
  readonly transactions?: Transactions | null
}

/** @throws KAFKA_UNAVAILABLE, KAFKA_TOPIC_MISSING, KAFKA_DENIED */
export async function kafkaSink(options: KafkaSinkOptions): Promise<Sink> {
  const { deadLetterTopic, targets } = options
  const cluster = options.transactions?.cluster ?? (await openCluster(options.connection))
  try {
    const names = [...new Set(deadLetterTopic === null ? targets : [...targets, deadLetterTopic])]
    const topics = await describeTopics(cluster, names)
    await requireTopics(cluster, options.inputs ?? [])
    return new KafkaSink(options, cluster, topics)
  } catch (error) {
    await cluster.close()
    throw error
  }
}

interface Input {
  /** Partitions of the input topic, where they are known. */
  readonly partitions: number | undefined
  /** From 0 to 1, for messages without a key: they share one partition, so that the batch stays one batch. */
  readonly keyless: number
}

class KafkaSink implements Sink {
  readonly #cluster: KafkaCluster
  readonly #sender: Sender
  readonly #transactions: Transactions | null
  readonly #pool = new WriterPool()
  readonly #topics: ReadonlyMap<string, TopicDescription>
  readonly #deadLetters: TopicDescription | null
  readonly #delivery: DeliveryWriter
  readonly #connector: string
  readonly #inputs = new Map<string, number>()
  #lastTarget: Target | null = null
  #lastTopic: TopicDescription | null = null

  constructor(options: KafkaSinkOptions, cluster: KafkaCluster, topics: readonly TopicDescription[]) {
    this.#cluster = cluster
    this.#topics = new Map(topics.map((topic) => [topic.topic, topic]))
    this.#deadLetters = this.#topics.get(options.deadLetterTopic ?? '') ?? null
    this.#sender = new Sender({ cluster, tell: options.tell })
    this.#transactions = options.transactions ?? null
    if (this.#transactions === null) this.#sender.prepare()
    for (const topic of options.inputs ?? []) {
      const { length } = cluster.findTopicPartitionMetadata(topic)
      if (length > 0) this.#inputs.set(topic, length)
    }
    const { replayId = null } = options
    this.#delivery = new DeliveryWriter({ extraHeaders: replayId === null ? [] : [['le.replay_id', replayId]] })
    this.#connector = options.connectorName ?? 'linked-events'
  }

  begin(batch: { readonly topic: string; readonly partition: number }): Outputs {
    const batches = new Batches({ pool: this.#pool, now: Date.now() })
    const keyless = Math.random()
    const own: Input = { partitions: this.#inputs.get(batch.topic), keyless }
    // A held message speaks of the topic that it first came from.
    const inputOf = ({ topic }: Message) =>
      topic === batch.topic ? own : { partitions: this.#inputs.get(topic), keyless }
    return {
      deliver: (target: Target, message: Message, value: Span, provenance: Provenance) => {
        const topic = this.#topic(target)
        const partition = choosePartition(topic, inputOf(message), message)
        this.#delivery.write(batches, topic, partition, message, value, provenance)
      },
      direct: (target: Target, message: Message, provenance: Provenance) => {
        const topic = this.#topic(target)
        const { partition } = message
        if (topic.partitions < (own.partitions ?? partition + 1)) return null // each key has its own
        const headers = this.#delivery.headersOf(provenance, message)
        return { lane: batches.lane(topic, partition), recordBytesMax: recordBytesMax(topic), headers }
      },
      deadLetter: (message: Message, reason: DeadLetterReason, explanation: string) => {
        const topic = this.#deadLetters
        assert(topic !== null, 'a dead letter needs a topic, and none is configured')
        const letter = { message, reason, explanation, connector: this.#connector }
        writeDeadLetter(batches, topic, choosePartition(topic, inputOf(message), message), letter)
      },
      hold: (target: Target, message: Message, note: string) => {
        const topic = this.#topic(target)
        writeHeld(batches, topic, choosePartition(topic, inputOf(message), message), message, note)
      },
      flush: () =>
        this.#transactions === null
          ? batches.flush(this.#sender)
          : this.#transactions.write(batch, (sender) => batches.flush(sender)),
    }
  }

  recordBytesMax(target: Target): number {
    return recordBytesMax(this.#topic(target))
  }

  async close(): Promise<void> {
    this.#sender.close()
    await (this.#transactions ?? this.#cluster).close()
  }

  /** Asked for every record, and nearly always for the target of the one before. */
  #topic(target: Target): TopicDescription {
    if (target === this.#lastTarget && this.#lastTopic !== null) return this.#lastTopic
    const topic = 'topic' in target ? this.#topics.get(target.topic) : undefined
    if (topic === undefined) assert(false, `the sink was not opened for ${JSON.stringify(target)}`)
    this.#lastTarget = target
    this.#lastTopic = topic
    return topic
  }
}

/** The input's partition where the topic has as many; else the one where a Java producer would put the key. */
function choosePartition(topic: TopicDescription, input: Input, message: Message): number {
  if (topic.partitions >= (input.partitions ?? message.partition + 1)) return message.partition
  return message.keyStart < 0
    ? Math.floor(input.keyless * topic.partitions)
    : partitionOf(message.bytes, message.keyStart, message.keyEnd, topic.partitions)
}
