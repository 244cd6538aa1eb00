/** How far each partition is to be read, fixed once, and which have been committed that far, by this member or another. */
import type { KafkaCluster } from './cluster.ts'
import { kafkaError } from './kafka-error.ts'
import { committedOffsets } from './offset-requests.ts'
import { askLeaders, patiently } from './patience.ts'

export interface Stretch {
  readonly topic: string
  readonly partition: number
  readonly end: number
  /** The offset to read next, as far as known. */
  committed: number
}

export class UntilEnd {
  readonly #stretches: ReadonlyMap<string, Stretch>

  constructor(stretches: readonly Stretch[]) {
    this.#stretches = new Map(stretches.map((stretch) => [`${stretch.topic}/${stretch.partition}`, stretch]))
  }

  /** The end of the partition; beyond every offset for one that did not exist at the start. */
  endOf(topic: string, partition: number): number {
    return this.#stretches.get(`${topic}/${partition}`)?.end ?? 0
  }

  isDone(topic: string, partition: number): boolean {
    const stretch = this.#stretches.get(`${topic}/${partition}`)
    return stretch === undefined || stretch.committed >= stretch.end
  }

  /** Offsets that are left, of all partitions. */
  left(): number {
    return [...this.#stretches.values()].reduce((sum, { end, committed }) => sum + Math.max(0, end - committed), 0)
  }

  allDone(): boolean {
    return [...this.#stretches.values()].every((stretch) => stretch.committed >= stretch.end)
  }

  committed(topic: string, partition: number, offset: number): void {
    const stretch = this.#stretches.get(`${topic}/${partition}`)
    if (stretch !== undefined) stretch.committed = Math.max(stretch.committed, offset)
  }

  /** Looks at what the group has committed: other members read too. */
  async look(cluster: KafkaCluster, group: string): Promise<void> {
    const left = [...this.#stretches.values()].filter((stretch) => stretch.committed < stretch.end)
    if (left.length === 0) return
    for (const { topic, partition, offset } of await committedOffsets(
      await cluster.findGroupCoordinator({ groupId: group }),
      group,
      left,
    ))
      this.committed(topic, partition, offset)
  }
}

/** The ends as they are now: the last stable offsets, which is where a reader of committed records gets to. */
export async function fixEnds(cluster: KafkaCluster, group: string, topics: readonly string[]): Promise<UntilEnd> {
  try {
    const wanted = topics.map((topic) => ({
      topic,
      partitions: cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => ({ partition: partitionId })),
    }))
    const ask = (fromBeginning: boolean) =>
      askLeaders(cluster, () => cluster.fetchTopicsOffset(wanted.map((each) => ({ ...each, fromBeginning }))))
    const [lows, ends] = [await ask(true), await ask(false)]
    const low = new Map(
      lows.flatMap((each) => each.partitions.map((at) => [`${each.topic}/${at.partition}`, at.offset])),
    )
    const stretches = ends.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, offset }) => ({
        topic,
        partition,
        end: Number(offset),
        committed: Number(low.get(`${topic}/${partition}`) ?? 0),
      })),
    )
    return await known(new UntilEnd(stretches), cluster, group)
  } catch (error) {
    throw kafkaError(error, 'find the ends of the topics')
  }
}

/** With what the group has committed so far. */
export async function known(until: UntilEnd, cluster: KafkaCluster, group: string): Promise<UntilEnd> {
  try {
    await patiently(() => until.look(cluster, group))
    return until
  } catch (error) {
    throw kafkaError(error, `find what "${group}" has committed`)
  }
}
