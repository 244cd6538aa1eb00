/** Answers that pass by themselves: a new topic has no leader yet, a coordinator is being found or is loading. */
import { kafkaCode } from './kafka-error.ts'

/** LEADER_NOT_AVAILABLE, COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR. */
const passing = new Set([5, 14, 15, 16])
const pauseMilliseconds = 200
const patienceMilliseconds = 10_000

/** Asks again while the answer is one that passes, for ten seconds at most. */
export async function patiently<T>(question: () => Promise<T>): Promise<T> {
  for (const end = performance.now() + patienceMilliseconds; ; ) {
    try {
      return await question()
    } catch (error) {
      if (!passing.has(kafkaCode(error) ?? -1) || performance.now() > end) throw error
      await new Promise((resolve) => setTimeout(resolve, pauseMilliseconds))
    }
  }
}
