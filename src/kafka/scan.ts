/** Every message of a bounded stretch of a topic, by direct reads: no group, nothing committed, nothing changed. */
import type { Batch } from '../enrich/source.ts'
import { LinkedEventsError } from '../errors.ts'
import { type KafkaCluster, openCluster, requireTopics } from './cluster.ts'
import type { KafkaConnection } from './connection.ts'
import { fetchFrom } from './fetch.ts'
import { createErrorFromCode } from './internals.ts'
import { kafkaError } from './kafka-error.ts'
import { askLeaders } from './patience.ts'
import { RecordBatch } from './record-reader.ts'

export interface ScanOptions {
  readonly connection: KafkaConnection
  readonly topic: string
  /** First offset by partition; a partition that is not named begins at its earliest. */
  readonly from?: ReadonlyMap<number, number>
  /** Offset after the last by partition; a partition that is not named ends where it ends now. */
  readonly to?: ReadonlyMap<number, number>
  /** Read only these. */
  readonly partitions?: readonly number[]
}

/** A batch that is only looked at. */
export type ScannedBatch = Omit<Batch, 'acknowledge'>

interface Stretch {
  readonly partition: number
  readonly to: number
  next: number
}

const fetchBytesMax = 10 * 1024 * 1024
const partitionBytesMax = 1024 * 1024
const waitMilliseconds = 250
/** So long may a partition be without a leader, or brokers be away. */
const failureSecondsMax = 60
const failurePauseMilliseconds = 200
const outOfRange = 1

/** Batches of one partition come in order; those of different partitions mixed. */
export async function* scan(options: ScanOptions): AsyncGenerator<ScannedBatch, void, undefined> {
  const cluster = await openCluster(options.connection)
  try {
    await requireTopics(cluster, [options.topic])
    let left = (await stretches(cluster, options)).filter(({ next, to }) => next < to)
    let failingSince: number | null = null
    while (left.length > 0) {
      let batches: RecordBatch[] = []
      try {
        batches = await fetchOnce(cluster, options.topic, left)
        failingSince = null
      } catch (error) {
        failingSince ??= performance.now()
        const known = kafkaError(error, `read "${options.topic}"`)
        if (!known.retry || performance.now() - failingSince > failureSecondsMax * 1000) throw known
        await new Promise((resolve) => setTimeout(resolve, failurePauseMilliseconds))
        await cluster.refreshMetadata().catch(() => {})
      }
      for (const batch of batches) {
        if (batch.count > 0) yield view(batch)
        const stretch = left.find(({ partition }) => partition === batch.partition)
        if (stretch !== undefined) stretch.next = batch.next
      }
      left = left.filter(({ next, to }) => next < to)
    }
  } finally {
    await cluster.close()
  }
}

async function stretches(cluster: KafkaCluster, options: ScanOptions): Promise<Stretch[]> {
  const { topic, from, to, partitions } = options
  const all = cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId)
  for (const partition of partitions ?? []) {
    if (!all.includes(partition))
      throw new LinkedEventsError('BAD_INPUT', `the topic "${topic}" has no partition ${partition}`)
  }
  const wanted = { topic, partitions: (partitions ?? all).map((partition) => ({ partition })) }
  const ask = async (fromBeginning: boolean) => {
    const [answer] = await askLeaders(cluster, () => cluster.fetchTopicsOffset([{ ...wanted, fromBeginning }]))
    return new Map((answer?.partitions ?? []).map(({ partition, offset }) => [partition, Number(offset)]))
  }
  try {
    const [lows, ends] = [await ask(true), await ask(false)]
    return wanted.partitions.map(({ partition }) => {
      const low = lows.get(partition) ?? 0
      const end = ends.get(partition) ?? 0
      return {
        partition,
        next: Math.max(low, from?.get(partition) ?? low),
        to: Math.min(end, to?.get(partition) ?? end),
      }
    })
  } catch (error) {
    throw kafkaError(error, `find the offsets of "${topic}"`)
  }
}

/** One round: a fetch from each node that leads something that is left. */
async function fetchOnce(cluster: KafkaCluster, topic: string, left: readonly Stretch[]): Promise<RecordBatch[]> {
  await cluster.refreshMetadataIfNecessary()
  const leaders = cluster.findLeaderForPartitions(
    topic,
    left.map(({ partition }) => partition),
  )
  const rounds = Object.entries(leaders).map(async ([nodeId, partitions]) => {
    const broker = await cluster.findBroker({ nodeId })
    const asked = left.filter(({ partition }) => partitions.includes(partition))
    const answer = await fetchFrom(broker, {
      topics: [
        {
          topic,
          partitions: asked.map(({ partition, next }) => ({
            partition,
            fetchOffset: String(next),
            maxBytes: partitionBytesMax,
          })),
        },
      ],
      maxBytes: fetchBytesMax,
      minBytes: 1,
      maxWaitMilliseconds: waitMilliseconds,
      isolationLevel: 1,
      rackId: '',
    })
    const batches: RecordBatch[] = []
    for (const fetched of answer.topics.flatMap((each) => each.partitions)) {
      const stretch = asked.find(({ partition }) => partition === fetched.partition)
      if (stretch === undefined) continue
      // Retention deleted what we were about to read.
      if (fetched.errorCode === outOfRange) stretch.next = await earliest(cluster, topic, fetched.partition)
      else if (fetched.errorCode !== 0) throw createErrorFromCode(fetched.errorCode)
      else batches.push(new RecordBatch({ topic, from: stretch.next, until: stretch.to, fetched }))
    }
    return batches
  })
  return (await Promise.all(rounds)).flat()
}

async function earliest(cluster: KafkaCluster, topic: string, partition: number): Promise<number> {
  const [answer] = await cluster.fetchTopicsOffset([{ topic, partitions: [{ partition }], fromBeginning: true }])
  return Number(answer?.partitions[0]?.offset ?? 0)
}

function view(batch: RecordBatch): ScannedBatch {
  return {
    topic: batch.topic,
    partition: batch.partition,
    count: batch.count,
    bytes: batch.bytes,
    lag: Math.max(0, batch.highWatermark - batch.next),
    each: (visit) => batch.each(visit),
  }
}
