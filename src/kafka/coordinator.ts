/** A coordinator of a group or of a transactional id: found once, and asked again until it answers. */
import { LinkedEventsError } from '../errors.ts'
import type { Tell } from '../telemetry.ts'
import type { KafkaCluster } from './cluster.ts'
import type { Broker } from './internals.ts'
import { kafkaCode, kafkaError } from './kafka-error.ts'
import { Wait } from './wait.ts'

/** CONCURRENT_TRANSACTIONS: the one before is still being ended, which takes milliseconds. */
export const stillEnding = 51
const pauseMilliseconds = 10
export const stillEndingMillisecondsMax = 50
/** A broker that answers will soon know better. */
const movingMillisecondsMax = 250
const pauseMillisecondsMax = 2000

/** Not there, or not ready: another attempt may find it so. */
export function isAway(error: unknown): boolean {
  return kafkaError(error, 'ask').code === 'KAFKA_UNAVAILABLE'
}

export interface CoordinatorOptions {
  readonly cluster: KafkaCluster
  readonly of: 'group' | 'transaction'
  readonly id: string
  readonly tell: Tell
}

export class Coordinator {
  readonly #options: CoordinatorOptions
  #broker: Broker | null = null
  #closed = false
  #unanswered = 0

  constructor(options: CoordinatorOptions) {
    this.#options = options
  }

  /** Requests so far that may or may not have arrived: one of them may still be carried out, late. */
  get unanswered(): number {
    return this.#unanswered
  }

  /**
   * Resolves with the answer, however long the coordinator is away; only `close` ends the asking.
   * @throws what it answers
   */
  async ask<T>(question: (coordinator: Broker) => Promise<T>): Promise<T> {
    const { cluster, of, id, tell } = this.#options
    const wait = new Wait({ for: `${of} coordinator`, what: id, tell })
    try {
      for (let pause = pauseMilliseconds; ; pause = Math.min(pause * 2, pauseMillisecondsMax)) {
        if (this.#closed)
          throw new LinkedEventsError('CANCELLED', `closed while waiting for the coordinator of "${id}"`)
        try {
          this.#broker ??= await cluster.findGroupCoordinator({ groupId: id, coordinatorType: of === 'group' ? 0 : 1 })
          return await question(this.#broker)
        } catch (error) {
          const code = kafkaCode(error)
          if (!isAway(error) && code !== stillEnding) throw error
          if (code !== null)
            pause = Math.min(pause, code === stillEnding ? stillEndingMillisecondsMax : movingMillisecondsMax)
          if (code !== stillEnding && this.#broker !== null) {
            if (code === null || code === 7 || code === 13) this.#unanswered++
            this.#broker = null
          }
          wait.lasts(error)
        }
        await new Promise((resolve) => setTimeout(resolve, pause))
      }
    } finally {
      wait.isOver()
    }
  }

  close(): void {
    this.#closed = true
  }
}
