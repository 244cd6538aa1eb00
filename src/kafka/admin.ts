/** Questions about a cluster and small changes to it, each with a deadline. */
import { type KafkaCluster, openCluster, requireTopics, within } from './cluster.ts'
import type { KafkaConnection } from './connection.ts'
import type { ApiVersions, Broker } from './internals.ts'
import { kafkaCode, kafkaError, protocolError } from './kafka-error.ts'
import { byTopic } from './offset-requests.ts'
import { comingPartition, movedLeader, patiently } from './patience.ts'
import { stockAdmin } from './stock-admin.ts'
import { describeTopics, type TopicDescription } from './topic.ts'

const deadlineMilliseconds = 20_000

export interface NewTopic {
  readonly topic: string
  readonly partitions: number
  readonly replicationFactor?: number
  readonly config?: Readonly<Record<string, string>>
}

export interface PartitionOffsets {
  readonly partition: number
  readonly low: number
  /** Offset after the last message. */
  readonly high: number
}

export interface CommittedOffset {
  readonly topic: string
  readonly partition: number
  /** The next to read, or null where the group has committed nothing. */
  readonly offset: number | null
}

export interface PartitionLag extends CommittedOffset {
  readonly high: number
  readonly lag: number
}

export interface ClusterCheck {
  readonly clusterId: string
  readonly controller: number
  readonly brokers: readonly { readonly id: number; readonly host: string; readonly port: number }[]
  /** Lowest and highest version that the brokers speak, by the number of the request. */
  readonly apiVersions: ApiVersions
}

export interface KafkaAdmin {
  topics(): Promise<string[]>
  describeTopics(names: readonly string[]): Promise<TopicDescription[]>
  /** Creates those that do not exist yet. */
  createTopics(topics: readonly NewTopic[]): Promise<void>
  deleteTopics(names: readonly string[]): Promise<void>
  offsets(topic: string): Promise<PartitionOffsets[]>
  /** The first offset at or after this time, per partition; the end where there is none. */
  offsetsAt(topic: string, milliseconds: number): Promise<{ partition: number; offset: number }[]>
  committed(group: string, topics: readonly string[]): Promise<CommittedOffset[]>
  /** Sets what a group without members has committed. */
  commit(group: string, offsets: readonly { topic: string; partition: number; offset: number }[]): Promise<void>
  lag(group: string, topics: readonly string[]): Promise<PartitionLag[]>
  deleteGroup(group: string): Promise<void>
  /** Deletes the messages before these offsets. */
  deleteRecords(topic: string, before: readonly { partition: number; offset: number }[]): Promise<void>
  /** Moves partitions to these nodes, the first of which becomes the leader in time. */
  reassign(topic: string, replicas: readonly { partition: number; nodes: readonly number[] }[]): Promise<void>
  /** The node that leads each partition. */
  leaders(topic: string): Promise<{ partition: number; leader: number }[]>
  check(): Promise<ClusterCheck>
  close(): Promise<void>
}

/** @throws KAFKA_UNAVAILABLE, KAFKA_DENIED */
export async function kafkaAdmin(connection: KafkaConnection): Promise<KafkaAdmin> {
  const cluster = await openCluster(connection)
  await cluster.refreshMetadata().catch(() => {})
  return adminOf(cluster)
}

function adminOf(cluster: KafkaCluster): KafkaAdmin {
  const stock = stockAdmin(cluster)
  const ask = async <T>(doing: string, question: () => Promise<T>, alsoPassing?: readonly number[]): Promise<T> => {
    try {
      return await within(patiently(question, alsoPassing), deadlineMilliseconds, doing)
    } catch (error) {
      throw kafkaError(error, doing)
    }
  }
  /** Of the leaders of a topic's partitions; where one has moved it is looked for, and asked. */
  const askLeaders = <T>(doing: string, topic: string, question: () => Promise<T>): Promise<T> => {
    const once = async () => {
      await requireTopics(cluster, [topic])
      try {
        return await question()
      } catch (error) {
        if (kafkaCode(error) === movedLeader) await cluster.refreshMetadata()
        throw error
      }
    }
    return ask(doing, once, [movedLeader])
  }
  const admin: KafkaAdmin = {
    topics: () => ask('list the topics', async () => (await stock.listTopics()).sort()),
    describeTopics: (names) => ask('describe topics', () => describeTopics(cluster, names)),
    createTopics: (topics) => ask('create topics', () => createTopics(cluster, topics)),
    deleteTopics: (names) => ask('delete topics', () => stock.deleteTopics({ topics: [...names] })),
    offsets: (topic) =>
      askLeaders(`find the offsets of "${topic}"`, topic, async () => {
        const all = await stock.fetchTopicOffsets(topic)
        return sorted(
          all.map((each) => ({ partition: each.partition, low: Number(each.low), high: Number(each.high) })),
        )
      }),
    offsetsAt: (topic, milliseconds) =>
      askLeaders(`find the offsets of "${topic}" by time`, topic, async () => {
        const all = await stock.fetchTopicOffsetsByTimestamp(topic, milliseconds)
        return sorted(all.map((each) => ({ partition: each.partition, offset: Number(each.offset) })))
      }),
    committed: (group, topics) => ask(`find what "${group}" has committed`, () => committed(cluster, group, topics)),
    commit: (group, offsets) =>
      ask(`set the offsets of "${group}"`, async () => {
        const coordinator = await cluster.findGroupCoordinator({ groupId: group })
        const topics = byTopic(offsets, ({ partition, offset }) => ({ partition, offset: String(offset) }))
        await coordinator.offsetCommit({ groupId: group, memberId: '', groupGenerationId: -1, topics })
      }),
    lag: async (group, topics) => {
      const places = await admin.committed(group, topics)
      const ends = new Map<string, PartitionOffsets>()
      for (const topic of topics) for (const at of await admin.offsets(topic)) ends.set(`${topic}/${at.partition}`, at)
      return places.map((place) => {
        const { low = 0, high = 0 } = ends.get(`${place.topic}/${place.partition}`) ?? {}
        return { ...place, high, lag: Math.max(0, high - Math.max(low, place.offset ?? low)) }
      })
    },
    deleteGroup: (group) => ask(`delete the group "${group}"`, async () => void (await stock.deleteGroups([group]))),
    deleteRecords: (topic, before) =>
      ask(`delete records of "${topic}"`, async () => {
        await requireTopics(cluster, [topic])
        const partitions = before.map(({ partition, offset }) => ({ partition, offset: String(offset) }))
        await stock.deleteTopicRecords({ topic, partitions })
      }),
    reassign: (topic, replicas) =>
      ask(`move partitions of "${topic}"`, () =>
        stock.alterPartitionReassignments({
          topics: [
            {
              topic,
              partitionAssignment: replicas.map(({ partition, nodes }) => ({ partition, replicas: [...nodes] })),
            },
          ],
        }),
      ),
    leaders: (topic) =>
      ask(`find the leaders of "${topic}"`, async () => {
        const { topics } = await stock.fetchTopicMetadata({ topics: [topic] })
        const found = topics[0]?.partitions ?? []
        return sorted(found.map(({ partitionId, leader }) => ({ partition: partitionId, leader })))
      }),
    check: () =>
      ask('look at the cluster', async () => {
        const found = await stock.describeCluster()
        const { versions } = cluster.brokerPool as { versions: Broker['versions'] }
        const brokers = found.brokers.map(({ nodeId, host, port }) => ({ id: nodeId, host, port }))
        return { clusterId: found.clusterId, controller: found.controller, brokers, apiVersions: versions ?? {} }
      }),
    close: () => cluster.close(),
  }
  return admin
}

async function createTopics(cluster: KafkaCluster, topics: readonly NewTopic[]): Promise<void> {
  const stock = stockAdmin(cluster)
  const existing = new Set(await stock.listTopics())
  const missing = topics.filter(({ topic }) => !existing.has(topic))
  if (missing.length === 0) return
  try {
    await stock.createTopics({
      waitForLeaders: false, // for stock a leader that is missing is an error, for our cluster it is not
      topics: missing.map(({ topic, partitions, replicationFactor, config }) => ({
        topic,
        numPartitions: partitions,
        replicationFactor: replicationFactor ?? -1,
        configEntries: Object.entries(config ?? {}).map(([name, value]) => ({ name, value })),
      })),
    })
  } catch (error) {
    // Made, but this broker does not know it yet: as with a leader that is not there yet, it passes.
    throw kafkaCode(error) === 3 ? protocolError(5) : error
  }
  await patiently(async () => {
    const made = await stock.fetchTopicMetadata({ topics: missing.map(({ topic }) => topic) })
    const leaderless = made.topics.some(({ partitions }) => partitions.some(({ leader }) => leader < 0))
    if (leaderless) throw protocolError(5)
  }, comingPartition)
}

async function committed(
  cluster: KafkaCluster,
  groupId: string,
  topics: readonly string[],
): Promise<CommittedOffset[]> {
  await requireTopics(cluster, topics)
  const wanted = topics.map((topic) => ({
    topic,
    partitions: cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => ({ partition: partitionId })),
  }))
  const coordinator = await cluster.findGroupCoordinator({ groupId })
  const { responses } = await coordinator.offsetFetch({ groupId, topics: wanted })
  return responses.flatMap(({ topic, partitions }) =>
    sorted(partitions.map(({ partition, offset }) => ({ topic, partition, offset: known(Number(offset)) }))),
  )
}

function known(offset: number): number | null {
  return offset < 0 ? null : offset
}

function sorted<T extends { readonly partition: number }>(partitions: T[]): T[] {
  return partitions.sort((a, b) => a.partition - b.partition)
}
