/** What would happen to one message, told so that a person sees why: keys, rows, output, and the reason for each empty field. */
import { isObject, type JsonObject, type JsonValue, parseJson, valueAtPath } from '../json.ts'
import { compileMapping } from '../mapping/mapping.ts'
import { bytesOf } from '../memory.ts'
import { type Delivery, enrich, isDelivery, type Omission, withRows } from './enrich.ts'
import { type Match, matchText } from './match.ts'
import type { EntityStatus, Outcome } from './outcome.ts'
import type { Plan } from './plan.ts'
import type { SnapshotSet } from './snapshots.ts'
import type { Message } from './source.ts'

export interface PreviewedDelivery {
  readonly destination: string
  readonly action: string | null
  readonly mapping: string | null
  readonly outcome: Outcome
  /** Why it is filtered, dropped or not fully enriched; null when there is nothing to say. */
  readonly reason: string | null
  readonly entities: readonly {
    entity: string
    match: string
    key: string | null
    status: EntityStatus
    version: number | null
  }[]
  /** The record's value, parsed; null when there is none. */
  readonly output: JsonValue
  /** Each output field that came out empty, and why. */
  readonly reasons: readonly { path: string; reason: string }[]
}

export interface Preview {
  /** The event's messageId, or where it came from. */
  readonly event_id: string
  readonly deliveries: readonly PreviewedDelivery[]
  readonly dead_letter?: { readonly reason: string; readonly message: string }
}

export function preview(plan: Plan, snapshots: SnapshotSet, message: Message): Preview {
  const source = `${message.topic}/${message.partition}/${message.offset}`
  const enrichment = enrich(plan, snapshots, message)
  if ('reason' in enrichment) {
    const { reason, explanation } = enrichment
    return { event_id: source, deliveries: [], dead_letter: { reason, message: explanation } }
  }
  const { event, entries } = enrichment
  const id = event.messageId
  return {
    event_id: typeof id === 'string' ? id : source,
    deliveries: entries.map((entry) => explain(plan, event, entry)),
  }
}

function explain(plan: Plan, event: JsonObject, entry: Delivery | Omission): PreviewedDelivery {
  const { destination, mapping, outcome, matches } = entry
  const misses = matches.filter(({ status }) => status !== 'hit').map(missText)
  return {
    destination: destination.slug,
    action: mapping?.action ?? null,
    mapping: mapping?.name ?? null,
    outcome,
    reason: isDelivery(entry) ? (misses.length > 0 ? misses.join('; ') : null) : entry.reason,
    entities: matches.map((match) => ({
      entity: match.binding.entity,
      match: matchText(match),
      key: match.key,
      status: match.status,
      version: match.version,
    })),
    output: isDelivery(entry) ? parseJson(bytesOf(entry.value).toString()) : null,
    reasons: isDelivery(entry) ? emptyFields(plan, event, entry) : [],
  }
}

function missText(match: Match): string {
  const { binding, key, status } = match
  return key === null
    ? `${binding.entity}: ${status} (${matchText(match)})`
    : `${binding.entity}: ${status} for key ${JSON.stringify(key)}`
}

function emptyFields(
  plan: Plan,
  event: JsonObject,
  { mapping, matches }: Delivery,
): { path: string; reason: string }[] {
  const seen = withRows(plan.space, event, matches)
  const result = mapping.mapping.transform(seen)
  const empty: { path: string; reason: string }[] = []
  visit(mapping.kit, [])
  return empty

  function visit(field: JsonValue, path: readonly string[]): void {
    if (isObject(field) && !Object.keys(field).some((key) => key.startsWith('@'))) {
      for (const [key, member] of Object.entries(field))
        if (key !== '__segment_internal_directive') visit(member, [...path, key])
      return
    }
    const value = isObject(result) ? valueAtPath(result, path) : undefined
    if (value !== undefined && value !== null && value !== '') return
    empty.push({ path: path.join('.'), reason: whyEmpty(field) })
  }

  function whyEmpty(field: JsonValue): string {
    if (!isObject(field)) return 'the mapping says so'
    const whys = compileMapping({ field }).reads.flatMap((read) => whyNot(read, matches, seen) ?? [])
    return whys.length > 0 ? [...new Set(whys)].join('; ') : 'the directive gave nothing'
  }
}

/** Why a path of the event gives nothing, or null when it gives something. */
function whyNot(read: string, matches: readonly Match[], event: JsonObject): string | null {
  const parts = read.split('.')
  const [root, , entity, ...column] = parts
  const value = valueAtPath(event, parts)
  if (value !== undefined && value !== null && value !== '') return null
  const state = value === undefined ? 'is not there' : value === null ? 'is null' : 'is empty text'
  if (root !== '__segment_entities') return `event property ${read} ${state}`
  const match =
    matches.find(({ binding, status }) => binding.entity === entity && status !== 'hit') ??
    matches.find(({ binding }) => binding.entity === entity)
  if (match === undefined) return `entity ${entity} is not listed in the mapping`
  if (match.status === 'hit' && match.line !== null)
    return `entity ${entity} has a row for each line: read it with @arrayPath over the list, or one as ${entity}[0]`
  return match.status === 'hit' ? `column ${column.join('.')} of ${entity} ${state}` : missText(match)
}
