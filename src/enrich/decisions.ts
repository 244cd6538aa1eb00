/**
 * What the destinations and triggers say of an event, remembered: most events of a stream are alike in the few values that
 * decide. The scanner numbers these values, and is exact: a number stands for the very bytes that were decided on.
 */
import type { Scanner } from './scan.ts'

/** So many new decisions more than known ones: the values of this stream do not repeat. */
const missesMost = 10_000

export class Decisions<Decision> {
  readonly #scanner: Scanner
  #known: (Decision | undefined)[] = []
  #claims = 0
  #misses = 0

  constructor(scanner: Scanner) {
    this.#scanner = scanner
  }

  /** By its number. */
  at(number: number): Decision {
    return this.#known[number] as Decision
  }

  /** So many were asked for by their numbers. */
  hit(events: number): void {
    if (this.#misses > 0) this.#misses -= Math.min(this.#misses, events)
  }

  /**
   * What was decided on the same values as the last scan's, which was for this place, or `decide`'s answer. `renumber` hears of
   * a number that stands for another decision from now on.
   */
  of(place: number, decide: () => Decision, renumber?: (number: number, decision: Decision) => void): Decision {
    const scanner = this.#scanner
    if (scanner.claims !== this.#claims) {
      this.#known = []
      this.#claims = scanner.claims
    }
    const number = scanner.decide(place)
    if (number >= 0) {
      this.hit(1)
      return this.at(number)
    }
    const decision = decide()
    if (number === -2) return decision
    if (++this.#misses > missesMost) scanner.stopDeciding()
    const own = scanner.remember()
    this.#known[own] = decision
    renumber?.(own, decision)
    return decision
  }
}
