/** A wait that lasts is told: first after some seconds, then from time to time, and when it is over. */
import type { Tell, WaitFor } from '../telemetry.ts'

const firstMilliseconds = 5000
const everyMilliseconds = 30_000

export interface WaitOptions {
  readonly for: WaitFor
  /** Whose coordinator, which partitions. */
  readonly what: string
  readonly tell: Tell
}

export class Wait {
  readonly #options: WaitOptions
  readonly #begun = performance.now()
  #next = this.#begun + firstMilliseconds
  #told = false

  constructor(options: WaitOptions) {
    this.#options = options
  }

  /** It goes on, because of this. */
  lasts(why: unknown): void {
    const now = performance.now()
    if (now < this.#next) return
    this.#next = now + everyMilliseconds
    this.#told = true
    this.#tell(why instanceof Error ? why.message : String(why))
  }

  isOver(): void {
    if (this.#told) this.#tell(null)
    this.#told = false
  }

  #tell(why: string | null): void {
    const { tell, for: reason, what } = this.#options
    tell({ name: 'waiting', for: reason, what, seconds: (performance.now() - this.#begun) / 1000, why })
  }
}
