/** A coordinator of a group or of a transactional id: found once, and asked again until it answers. */
import { LinkedEventsError } from '../errors.ts'
import type { KafkaCluster } from './cluster.ts'
import type { Broker } from './internals.ts'
import { kafkaCode, kafkaError } from './kafka-error.ts'

/** Network, time-out, loading, not there, moved. */
const awayCodes = new Set([7, 13, 14, 15, 16])
/** CONCURRENT_TRANSACTIONS: the one before is still being ended, which takes milliseconds. */
const stillEnding = 51
const pauseMilliseconds = 10
const stillEndingMillisecondsMax = 50
/** A broker that answers will soon know better. */
const movingMillisecondsMax = 250
const pauseMillisecondsMax = 2000

export interface CoordinatorOptions {
  readonly cluster: KafkaCluster
  readonly of: 'group' | 'transaction'
  readonly id: string
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

  /** Resolves with the answer, however long the coordinator is away; only `close` ends the asking. @throws what it answers */
  async ask<T>(question: (coordinator: Broker) => Promise<T>): Promise<T> {
    const { cluster, of, id } = this.#options
    for (let wait = pauseMilliseconds; ; wait = Math.min(wait * 2, pauseMillisecondsMax)) {
      if (this.#closed) throw new LinkedEventsError('CANCELLED', `closed while waiting for the coordinator of "${id}"`)
      try {
        this.#broker ??= await cluster.findGroupCoordinator({ groupId: id, coordinatorType: of === 'group' ? 0 : 1 })
        return await question(this.#broker)
      } catch (error) {
        const code = kafkaCode(error)
        const away = code === null ? kafkaError(error, 'ask').code === 'KAFKA_UNAVAILABLE' : awayCodes.has(code)
        if (!away && code !== stillEnding) throw error
        if (code !== null)
          wait = Math.min(wait, code === stillEnding ? stillEndingMillisecondsMax : movingMillisecondsMax)
        if (code !== stillEnding && this.#broker !== null) {
          if (code === null || code === 7 || code === 13) this.#unanswered++
          this.#broker = null
        }
      }
      await new Promise((resolve) => setTimeout(resolve, wait))
    }
  }

  close(): void {
    this.#closed = true
  }
}
