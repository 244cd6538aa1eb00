/** One event through every destination: trigger → match → lookup → map → encode. Decides, and sends nothing. */
import { encodeJson, isObject, type JsonObject, type JsonValue, parseJson } from '../json.ts'
import { discardReason } from './consent.ts'
import { decode, type Rejected, rejected } from './decode.ts'
import { type Match, match } from './match.ts'
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
  /** The record's value. */
  readonly text: string
}

/** A destination, or one of its mappings, that gets nothing. */
export interface Omission {
  readonly destination: DestinationPlan
  readonly mapping: MappingPlan | null
  readonly outcome: 'filtered' | 'dropped'
  readonly matches: readonly Match[]
  readonly reason: FilterReason | 'entity_missing'
}

/** What becomes of one message: one dead letter, or at least one entry for each enabled destination. */
export type Enrichment = { readonly event: JsonObject; readonly entries: readonly (Delivery | Omission)[] } | Rejected

export function isDelivery(entry: Delivery | Omission): entry is Delivery {
  return 'text' in entry
}

export function enrich(plan: Plan, snapshots: SnapshotSet, message: Message): Enrichment {
  const decoded = decode(message, plan.limits)
  if ('reason' in decoded) return decoded
  const { event, text } = decoded
  const entries: (Delivery | Omission)[] = []
  for (const destination of plan.destinations) {
    const discard = discardReason(event, { destination: destination.integration, categories: destination.categories })
    let entered = 0
    for (const mapping of discard === null ? destination.mappings : []) {
      if (!mapping.trigger.matches(event)) continue
      const entry = deliver(plan, snapshots, destination, mapping, event, text)
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

function deliver(
  plan: Plan,
  snapshots: SnapshotSet,
  destination: DestinationPlan,
  mapping: MappingPlan,
  event: JsonObject,
  text: string,
): Delivery | Omission | Rejected {
  const matches = mapping.bindings.map((binding) => match(binding, event, snapshots))
  const missing = matches.find(({ status, binding }) => status !== 'hit' && binding.onMissing !== 'pass')
  if (missing?.binding.onMissing === 'drop') {
    return { destination, mapping, outcome: 'dropped', matches, reason: 'entity_missing' }
  }
  if (missing !== undefined) {
    return rejected('entity_missing', `${missing.binding.entity}: ${missing.status}, mapping ${mapping.name}`)
  }
  let result: JsonValue
  try {
    result = mapping.mapping.transform(withRows(plan.space, event, matches))
  } catch (error) {
    return rejected('mapping_failed', `${mapping.name}: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (!isObject(result)) return rejected('mapping_failed', `${mapping.name}: the mapping gives no object`)
  const checked = mapping.schema === null ? { payload: result } : mapping.schema(result)
  if ('problems' in checked) return rejected('payload_invalid', `${mapping.name}: ${checked.problems.join('; ')}`)
  const value = destination.format === 'event' ? splice(text, checked.payload) : encodeJson(checked.payload)
  return { destination, mapping, outcome: outcomeOf(matches), matches, text: value }
}

function outcomeOf(matches: readonly Match[]): Delivery['outcome'] {
  if (matches.length === 0) return 'bypassed'
  const hits = matches.filter(({ status }) => status === 'hit').length
  return hits === matches.length ? 'full' : hits === 0 ? 'none' : 'partial'
}

/** The event as a mapping sees it: the rows at Segment's reserved path, and nothing else there. */
export function withRows(space: string, event: JsonObject, matches: readonly Match[]): JsonObject {
  const rows: JsonObject = {}
  for (const { binding, row } of matches) if (row !== null) rows[binding.entity] = parseJson(row)
  return { ...event, __segment_entities: { [space]: rows } }
}

/** Status and snapshot version of each entity, as in the header `le.entities`. */
export function entitiesText(matches: readonly Match[]): string {
  return matches.map(({ binding, status, version }) => `${binding.entity}=${status}@${version ?? 0}`).join(' ')
}
