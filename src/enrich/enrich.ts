/** One event through every destination: trigger → match → lookup → map → encode. Decides, and sends nothing. */
import { encodeJson, isObject, type JsonObject, type JsonValue, parseJson } from '../json.ts'
import { type Span, spanOf } from '../memory.ts'
import { discardReason } from './consent.ts'
import { decode, type Rejected, rejected } from './decode.ts'
import { withLines } from './lines.ts'
import { type Match, matchesOf } from './match.ts'
import type { FilterReason } from './outcome.ts'
import type { DestinationPlan, MappingPlan, Plan } from './plan.ts'
import type { SnapshotSet } from './snapshots.ts'
import type { Message } from './source.ts'
import { splice } from './splice.ts'

/** One output record. */
export interface Delivery {
  readonly destination: DestinationPlan
  readonly mapping: MappingPlan
  readonly outcome: 'full' | 'partial' | 'none' | 'bypassed'
  readonly matches: readonly Match[]
  /** The record's value; valid until the next message. */
  readonly value: Span
}

/** A destination, or one of its mappings, that gets nothing. */
export interface Omission {
  readonly destination: DestinationPlan
  readonly mapping: MappingPlan | null
  readonly outcome: 'filtered' | 'dropped' | 'held'
  readonly matches: readonly Match[]
  readonly reason: FilterReason | 'entity_missing'
}

/** What becomes of one message: one dead letter, or at least one entry for each enabled destination. */
export type Enrichment = { readonly entries: readonly (Delivery | Omission)[] } | Rejected

export function isDelivery(entry: Delivery | Omission): entry is Delivery {
  return 'value' in entry
}

/** The way of every event, on the parsed event. `fast.ts` takes a shorter one to the same result where it can. */
export function enrich(
  plan: Plan,
  snapshots: SnapshotSet,
  message: Message,
): (Enrichment & { readonly event: JsonObject }) | Rejected {
  const decoded = decode(message, plan.limits)
  if ('reason' in decoded) return decoded
  const { event, text } = decoded
  const entries: (Delivery | Omission)[] = []
  for (const destination of plan.destinations) {
    const discard = discardReason(event, { destination: destination.integration, categories: destination.categories })
    let entered = 0
    for (const mapping of discard === null ? destination.mappings : []) {
      if (!mapping.trigger.matches(event)) continue
      const matches = mapping.bindings.flatMap((binding) => matchesOf(binding, event, snapshots))
      const made = { plan, destination, mapping, matches }
      const entry = withoutRow(made) ?? deliver(made, event, () => text)
      if ('explanation' in entry) return entry
      entries.push(entry)
      entered++
    }
    if (entered > 0) continue
    const reason = discard ?? (destination.mappings.length === 0 ? 'NO_MATCHING_MAPPING' : 'FILTERED_AT_MAPPING')
    entries.push({ destination, mapping: null, outcome: 'filtered', matches: [], reason })
  }
  return { event, entries }
}

/** One event, one mapping, and the rows that were found. */
export interface Matched {
  readonly plan: Plan
  readonly destination: DestinationPlan
  readonly mapping: MappingPlan
  readonly matches: readonly Match[]
}

/** What the mapping says of an event that has no row, or null when the event goes on. */
export function withoutRow({ destination, mapping, matches }: Matched): Omission | Rejected | null {
  for (const { status, binding } of matches) {
    if (status === 'hit' || binding.onMissing === 'pass') continue
    if (binding.onMissing === 'drop')
      return { destination, mapping, outcome: 'dropped', matches, reason: 'entity_missing' }
    if (binding.onMissing === 'hold')
      return { destination, mapping, outcome: 'held', matches, reason: 'entity_missing' }
    return rejected('entity_missing', `${binding.entity}: ${status}, mapping ${mapping.name}`)
  }
  return null
}

/** `event` has at least what the mapping reads; `text` is the whole event. */
export function deliver(
  { plan, destination, mapping, matches }: Matched,
  event: JsonObject,
  text: () => string,
): Delivery | Rejected {
  let result: JsonValue
  try {
    result = mapping.mapping.transform(withRows(plan.space, event, matches))
  } catch (error) {
    return rejected('mapping_failed', `${mapping.name}: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (!isObject(result)) return rejected('mapping_failed', `${mapping.name}: the mapping gives no object`)
  const checked = mapping.schema === null ? { payload: result } : mapping.schema(result)
  if ('problems' in checked) return rejected('payload_invalid', `${mapping.name}: ${checked.problems.join('; ')}`)
  const value = destination.format === 'event' ? splice(text(), checked.payload) : encodeJson(checked.payload)
  return { destination, mapping, outcome: outcomeOf(matches), matches, value: spanOf(Buffer.from(value)) }
}

export function outcomeOf(matches: readonly Match[]): Delivery['outcome'] {
  if (matches.length === 0) return 'bypassed'
  let hits = 0
  for (const { status } of matches) if (status === 'hit') hits++
  return hits === matches.length ? 'full' : hits === 0 ? 'none' : 'partial'
}

/** The event as a mapping sees it: the rows at Segment's reserved path, and nothing else there. */
export function withRows(space: string, event: JsonObject, matches: readonly Match[]): JsonObject {
  const rows: JsonObject = {}
  let hasLines = false
  for (const { binding, row } of matches) {
    if (binding.list !== null) hasLines = true
    else if (row !== null) rows[binding.entity] = parseJson(row.text)
  }
  const seen = hasLines ? withLines(space, event, matches, rows) : event
  return { ...seen, __segment_entities: { [space]: rows } }
}
