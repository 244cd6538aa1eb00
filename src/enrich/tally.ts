/** Counts of one batch, in plain integers. It closes exactly: each message is one dead letter, or has an entry for each enabled destination. */
import type { Delivery, Omission } from './enrich.ts'
import { isDelivery } from './enrich.ts'
import type { Binding } from './match.ts'
import { type DeadLetterReason, type EntityStatus, noOutcomes, type OutcomeCounts } from './outcome.ts'
import type { DestinationPlan } from './plan.ts'

export class Tally {
  lastTimestamp = 0
  #delivered = 0
  readonly #deliveredTo = new Map<DestinationPlan, { records: number }>()
  readonly #outcomes: OutcomeCounts = noOutcomes()
  readonly #deadLetters: Partial<Record<DeadLetterReason, number>> = {}
  readonly #lookups = new Map<Binding, Partial<Record<EntityStatus, number>>>()
  // Most entries are of the same destination and the same entity as the one before.
  #lastDestination: DestinationPlan | null = null
  #lastDelivered = { records: 0 }
  #lastBinding: Binding | null = null
  #lastLookups: Partial<Record<EntityStatus, number>> = {}

  entry(entry: Delivery | Omission): void {
    this.#outcomes[entry.outcome]++
    if (isDelivery(entry)) {
      this.#delivered++
      this.#deliveredBy(entry.destination).records++
    }
    for (const { binding, status } of entry.matches) {
      const counts = this.#lookupsOf(binding)
      counts[status] = (counts[status] ?? 0) + 1
    }
  }

  #deliveredBy(destination: DestinationPlan): { records: number } {
    if (destination !== this.#lastDestination) {
      this.#lastDestination = destination
      this.#lastDelivered = madeOnce(this.#deliveredTo, destination, () => ({ records: 0 }))
    }
    return this.#lastDelivered
  }

  #lookupsOf(binding: Binding): Partial<Record<EntityStatus, number>> {
    if (binding !== this.#lastBinding) {
      this.#lastBinding = binding
      this.#lastLookups = madeOnce(this.#lookups, binding, () => ({}))
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
      deliveredTo: this.#byTarget(),
      outcomes: this.#outcomes,
      deadLetters: this.#deadLetters,
      lookups: this.#byEntity(),
      lastTimestamp: this.lastTimestamp,
    }
  }

  #byTarget(): Map<string, number> {
    const sums = new Map<string, number>()
    for (const [{ target }, { records }] of this.#deliveredTo) {
      const name = 'topic' in target ? target.topic : target.file
      sums.set(name, (sums.get(name) ?? 0) + records)
    }
    return sums
  }

  #byEntity(): Map<string, Partial<Record<EntityStatus, number>>> {
    const sums = new Map<string, Partial<Record<EntityStatus, number>>>()
    for (const [{ entity }, counts] of this.#lookups) {
      const sum = madeOnce<string, Partial<Record<EntityStatus, number>>>(sums, entity, () => ({}))
      for (const [status, count] of Object.entries(counts) as [EntityStatus, number][])
        sum[status] = (sum[status] ?? 0) + count
    }
    return sums
  }
}

function madeOnce<Key, Value>(values: Map<Key, Value>, key: Key, make: () => Value): Value {
  let value = values.get(key)
  if (value === undefined) values.set(key, (value = make()))
  return value
}
