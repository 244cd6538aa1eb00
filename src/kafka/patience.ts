/** Answers that pass by themselves: a new topic has no leader yet, a coordinator is being found or is loading. */
import type { KafkaCluster } from './cluster.ts'
import { kafkaCode } from './kafka-error.ts'

/** LEADER_NOT_AVAILABLE, COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR. */
const passing = new Set([5, 14, 15, 16])
const pauseMilliseconds = 200
const patienceMilliseconds = 10_000

/** NOT_LEADER_OR_FOLLOWER. */
export const movedLeader = 6

/** With UNKNOWN_TOPIC_OR_PARTITION: what a broker says of a partition that it is about to have. */
export const comingPartition = [3, movedLeader] as const

/** Asks the leaders of partitions, patiently: who is no longer one is looked for. */
export function askLeaders<T>(cluster: KafkaCluster, question: () => Promise<T>): Promise<T> {
  return patiently(async () => {
    try {
      return await question()
    } catch (error) {
      await cluster.refreshMetadata().catch(() => {})
      throw error
    }
  }, comingPartition)
}

/** Asks again while the answer is one that passes, or one of `alsoPassing`, for ten seconds at most. */
export async function patiently<T>(question: () => Promise<T>, alsoPassing: readonly number[] = []): Promise<T> {
  for (const end = performance.now() + patienceMilliseconds; ; ) {
    try {
      return await question()
    } catch (error) {
      const code = kafkaCode(error) ?? -1
      const passes = passing.has(code) || alsoPassing.includes(code)
      if (!passes || performance.now() > end) throw error
      await new Promise((resolve) => setTimeout(resolve, pauseMilliseconds))
    }
  }
}
