/** What we must know of a topic before we write to it. */
import { type KafkaCluster, requireTopics } from './cluster.ts'
import { stockAdmin } from './stock-admin.ts'

export interface TopicDescription {
  readonly topic: string
  readonly partitions: number
  /** Most bytes of one batch (`max.message.bytes`). */
  readonly batchBytesMax: number
  /** A record's time may be this far ahead of the broker's clock, in milliseconds; infinite where it does not matter. */
  readonly aheadMillisecondsMax: number
  /** The same behind. */
  readonly behindMillisecondsMax: number
  /** Whether the broker told the configuration, or these are Kafka's defaults. */
  readonly configured: boolean
  readonly cleanupPolicy: string
}

/** Kafka's own defaults: 1 MiB and the batch's head, an hour. */
const batchBytesMaxDefault = 1_048_588
const aheadMillisecondsMaxDefault = 3_600_000
const topicResource = 2
const settings = [
  'max.message.bytes',
  'message.timestamp.type',
  'message.timestamp.after.max.ms',
  'message.timestamp.before.max.ms',
  'cleanup.policy',
]

/** @throws KAFKA_TOPIC_MISSING, KAFKA_DENIED. Without DescribeConfigs on the topic, Kafka's defaults are taken. */
export async function describeTopics(cluster: KafkaCluster, names: readonly string[]): Promise<TopicDescription[]> {
  await requireTopics(cluster, names)
  return Promise.all(
    names.map(async (topic) => {
      const found = await configOf(cluster, topic)
      const number = (name: string, fallback: number) => Number(found?.get(name) ?? fallback)
      const appendTime = found?.get('message.timestamp.type') === 'LogAppendTime'
      return {
        topic,
        partitions: cluster.findTopicPartitionMetadata(topic).length,
        batchBytesMax: number('max.message.bytes', batchBytesMaxDefault),
        aheadMillisecondsMax: appendTime
          ? Number.POSITIVE_INFINITY
          : number('message.timestamp.after.max.ms', aheadMillisecondsMaxDefault),
        behindMillisecondsMax: appendTime
          ? Number.POSITIVE_INFINITY
          : number('message.timestamp.before.max.ms', Number.POSITIVE_INFINITY),
        configured: found !== null,
        cleanupPolicy: found?.get('cleanup.policy') ?? 'delete',
      }
    }),
  )
}

async function configOf(cluster: KafkaCluster, topic: string): Promise<Map<string, string> | null> {
  try {
    const { resources } = await stockAdmin(cluster).describeConfigs({
      includeSynonyms: false,
      resources: [{ type: topicResource, name: topic, configNames: settings }],
    })
    const entries = resources[0]?.configEntries ?? []
    return entries.length === 0
      ? null
      : new Map(entries.map(({ configName, configValue }) => [configName, configValue]))
  } catch {
    return null // not permitted: the defaults do, and an oversized batch is still refused by the broker
  }
}
