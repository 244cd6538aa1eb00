/** Counts of one batch, in plain integers. It closes exactly: each message is one dead letter, or has an entry for each enabled destination. */
import type { Delivery, Omission } from './enrich.ts'
import { isDelivery } from './enrich.ts'
import type { Binding } from './match.ts'
import { type DeadLetterReason, type EntityStatus, noOutcomes, type OutcomeCounts } from './outcome.ts'
import type { DestinationPlan } from './plan.ts'

export class Tally {
  lastTimestamp = 0
  #delivered = 0
  readonly #deliveredTo = new Map<string, { records: number }>()
  readonly #outcomes: OutcomeCounts = noOutcomes()
  readonly #deadLetters: Partial<Record<DeadLetterReason, number>> = {}
  readonly #lookups = new Map<string, Partial<Record<EntityStatus, number>>>()
  // Most entries are of the same destination and entity as the one before: their names are looked up once.
  #lastDestination: DestinationPlan | null = null
  #lastDelivered = { records: 0 }
  #lastBinding: Binding | null = null
  #lastLookups: Partial<Record<EntityStatus, number>> = {}

  /** An entry that so many messages have. */
  entry(entry: Delivery | Omission, messages = 1): void {
    this.#outcomes[entry.outcome] += messages
    if (isDelivery(entry)) {
      this.#delivered += messages
      this.#deliveredBy(entry.destination).records += messages
    }
    for (const { binding, status } of entry.matches) {
      const counts = this.#lookupsOf(binding)
      counts[status] = (counts[status] ?? 0) + messages
    }
  }

  #deliveredBy(destination: DestinationPlan): { records: number } {
    if (destination !== this.#lastDestination) {
      this.#lastDestination = destination
      const { target } = destination
      const name = 'topic' in target ? target.topic : target.file
      this.#lastDelivered = this.#deliveredTo.get(name) ?? { records: 0 }
      this.#deliveredTo.set(name, this.#lastDelivered)
    }
    return this.#lastDelivered
  }

  #lookupsOf(binding: Binding): Partial<Record<EntityStatus, number>> {
    if (binding !== this.#lastBinding) {
      this.#lastBinding = binding
      this.#lastLookups = this.#lookups.get(binding.entity) ?? {}
      this.#lookups.set(binding.entity, this.#lastLookups)
    }
    return this.#lastLookups
  }

  deadLetter(reason: DeadLetterReason): void {
    this.#outcomes.dead_letter++
    this.#deadLetters[reason] = (this.#deadLetters[reason] ?? 0) + 1
  }

  counts() {
    return {
      delivered: this.#delivered,
      deliveredTo: new Map([...this.#deliveredTo].map(([name, { records }]) => [name, records])),
      outcomes: this.#outcomes,
      deadLetters: this.#deadLetters,
      lookups: this.#lookups,
      lastTimestamp: this.lastTimestamp,
    }
  }
}
