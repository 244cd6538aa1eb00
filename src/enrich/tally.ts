/** Counts of one batch, in plain integers. It closes exactly: each message is one dead letter, or has an entry for each enabled destination. */
import type { Delivery, Omission } from './enrich.ts'
import { isDelivery } from './enrich.ts'
import { type DeadLetterReason, type EntityStatus, noOutcomes, type OutcomeCounts } from './outcome.ts'

export class Tally {
  lastTimestamp = 0
  #delivered = 0
  readonly #deliveredTo = new Map<string, number>()
  readonly #outcomes: OutcomeCounts = noOutcomes()
  readonly #deadLetters: Partial<Record<DeadLetterReason, number>> = {}
  readonly #lookups = new Map<string, Partial<Record<EntityStatus, number>>>()

  entry(entry: Delivery | Omission): void {
    this.#outcomes[entry.outcome]++
    if (isDelivery(entry)) {
      const { target } = entry.destination
      const name = 'topic' in target ? target.topic : target.file
      this.#delivered++
      this.#deliveredTo.set(name, (this.#deliveredTo.get(name) ?? 0) + 1)
    }
    for (const { binding, status } of entry.matches) {
      let counts = this.#lookups.get(binding.entity)
      if (counts === undefined) this.#lookups.set(binding.entity, (counts = {}))
      counts[status] = (counts[status] ?? 0) + 1
    }
  }

  deadLetter(reason: DeadLetterReason): void {
    this.#outcomes.dead_letter++
    this.#deadLetters[reason] = (this.#deadLetters[reason] ?? 0) + 1
  }

  counts() {
    return {
      delivered: this.#delivered,
      deliveredTo: this.#deliveredTo,
      outcomes: this.#outcomes,
      deadLetters: this.#deadLetters,
      lookups: this.#lookups,
      lastTimestamp: this.lastTimestamp,
    }
  }
}
