/**
 * The short way of an event: its bytes are scanned once, and only what something looks at becomes a value. What each mapping
 * needs is decided when the plan is compiled; an event that needs more is parsed. Both ways give the same bytes.
 */
import { encodeJson, type JsonObject, parseJson } from '../json.ts'
import { entityColumns } from '../mapping/mapping.ts'
import type { Span } from '../memory.ts'
import type { RowLayout } from '../row-text.ts'
import { triggerReads } from '../trigger/reads.ts'
import { discardReason } from './consent.ts'
import { type Decision, Decisions } from './decisions.ts'
import {
  type Delivery,
  deliver,
  type Enrichment,
  enrich,
  type Matched,
  type Omission,
  outcomeOf,
  withoutRow,
} from './enrich.ts'
import { type Match, matchBytes, matchValue } from './match.ts'
import { patchWriter, type WriteValue } from './patch.ts'
import { computedReads, objectText, type Path, type PieceMember, piecesOf, placePieces, setPaths } from './pieces.ts'
import type { MappingPlan, Plan } from './plan.ts'
import { RowReader } from './row-reader.ts'
import { openScanner } from './scan.ts'
import { nodeAt, type Shape, type ShapeNode, shapeOf } from './shape.ts'
import type { SnapshotSet } from './snapshots.ts'
import type { Message } from './source.ts'
import { ValueWriter } from './value-writer.ts'
import { eventFrom, isPlainText, isProto, type View, valueAt, viewOf } from './view.ts'

export type Enrich = (snapshots: SnapshotSet, message: Message) => Enrichment

/** The fast way where there is one, and the way through the parsed event. */
export function enricher(plan: Plan): Enrich {
  const fast = compileFast(plan)
  return (snapshots, message) => fast?.(snapshots, message) ?? enrich(plan, snapshots, message)
}

/** What a mapping reads of the event. Null: it may read anything. */
interface Needs {
  readonly plan: MappingPlan
  readonly reads: readonly Path[] | null
  /** Null: its result has to be made as a whole. */
  readonly members: readonly PieceMember[] | null
  readonly format: 'event' | 'payload'
}

/** A mapping for events that were scanned. */
interface FastMapping {
  readonly plan: MappingPlan
  readonly keys: readonly ShapeNode[]
  /** What the mapping reads, or its computed pieces. */
  readonly view: View
  /** From pieces; null: the mapping makes its result as a whole. */
  readonly write: WriteValue | null
}

/** Null from the result: this event has to be parsed. Null instead of it: all have to. */
export function compileFast(plan: Plan): ((snapshots: SnapshotSet, message: Message) => Enrichment | null) | null {
  const decisive = decisivePaths(plan)
  if (decisive.some((path) => path.length === 0 || path.some(isProto))) return null
  const needs = plan.destinations.flatMap(({ format, mappings }) =>
    mappings.map((mapping) => needsOf(mapping, format, plan.space)),
  )
  const shape = shapeOf([
    ...decisive,
    ...needs.flatMap(({ plan: { bindings }, reads, members, format }) =>
      reads === null
        ? []
        : [...reads, ...bindings.map(({ path }) => path), ...(format === 'event' ? setPaths(members ?? []) : [])],
    ),
  ])
  const view = viewOf(shape, decisive)
  const decisions = new Decisions(view)
  const mappings = needs.map((need) => placed(need, shape))
  const scanner = openScanner({ shape, limits: plan.limits })
  if (scanner === null) return null
  const { found } = scanner
  const writer = new ValueWriter()
  const canonical = new CanonicalRows()
  const rows = new RowReader(seenColumns(needs, plan.space))

  return (snapshots, message) => {
    const { bytes, valueStart, valueEnd } = message
    if (!scanner.scan(bytes, valueStart, valueEnd)) return null
    writer.reset()
    const entries: (Delivery | Omission)[] = []
    for (const decision of decisions.of(bytes, found, () => decide(plan, eventFrom(view, bytes, found)))) {
      const { destination, reason } = decision
      if (reason !== null) {
        entries.push({ destination, mapping: null, outcome: 'filtered', matches: [], reason })
        continue
      }
      for (const number of decision.mappings) {
        const mapping = mappings[number]
        if (mapping === null || mapping === undefined) return null
        const matched = { plan, destination, mapping: mapping.plan, matches: match(mapping, snapshots, bytes) }
        const entry = withoutRow(matched) ?? make(mapping, matched, message)
        if (entry === null) return null
        if ('explanation' in entry) return entry
        entries.push(entry)
      }
    }
    return { entries }
  }

  function match({ plan: { bindings }, keys }: FastMapping, snapshots: SnapshotSet, bytes: Buffer): Match[] {
    return bindings.map((binding, index) => {
      const key = keys[index]!
      const start = found.starts[key.slot] as number
      if (isPlainText(key, bytes, found)) {
        const end = (found.ends[key.slot] as number) - 1
        return matchBytes(binding, { bytes, start: start + 1, end }, snapshots)
      }
      return matchValue(binding, start >= 0 ? valueAt(key, bytes, found) : undefined, snapshots)
    })
  }

  function make(mapping: FastMapping, matched: Matched, message: Message) {
    const { bytes, valueStart: start, valueEnd: end } = message
    const { destination, matches } = matched
    const event = () => eventFrom(mapping.view, bytes, found)
    if (mapping.write === null) return deliver(matched, event(), () => bytes.toString('utf8', start, end))
    if (!canonical.areCanonical(matches)) return null
    let made: JsonObject | null = null
    const seen = () => (made ??= seenEvent(plan.space, event(), matches, rows))
    let value: Span | null
    try {
      value = mapping.write({ bytes, start, end, found, matches, rows, event: seen }, writer)
    } catch {
      return null // a mapping that fails on this event: the way through the parsed event says why
    }
    return value === null ? null : { destination, mapping: mapping.plan, outcome: outcomeOf(matches), matches, value }
  }
}

/** What consent, integrations and triggers look at. */
function decisivePaths(plan: Plan): Path[] {
  return plan.destinations.flatMap(({ integration, categories, mappings }) => [
    ['integrations', integration],
    ['integrations', 'All'],
    ...(categories.length > 0 ? [['context', 'consent']] : []),
    ...mappings.flatMap(({ trigger }) => triggerReads(trigger.ast)),
  ])
}

function decide(plan: Plan, event: JsonObject): Decision[] {
  let number = 0
  return plan.destinations.map((destination): Decision => {
    const first = number
    number += destination.mappings.length
    const discard = discardReason(event, { destination: destination.integration, categories: destination.categories })
    if (discard !== null) return { destination, mappings: [], reason: discard }
    const mappings = destination.mappings.flatMap(({ trigger }, index) => (trigger.matches(event) ? first + index : []))
    if (mappings.length > 0) return { destination, mappings, reason: null }
    const reason = destination.mappings.length === 0 ? 'NO_MATCHING_MAPPING' : 'FILTERED_AT_MAPPING'
    return { destination, mappings, reason }
  })
}

function needsOf(plan: MappingPlan, format: 'event' | 'payload', space: string): Needs {
  const reads = eventPaths(plan.mapping.reads)
  const paths = [...reads, ...plan.bindings.map(({ path }) => path)]
  const odd =
    plan.bindings.some(({ list }) => list !== null) ||
    paths.some((path) => path.length === 0 || path.some((name) => name === '' || isProto(name)))
  if (odd || hasQuotedNames(plan.kit)) return { plan, format, reads: null, members: null }
  return { plan, format, reads, members: plan.schema === null ? piecesOf(plan.kit, space) : null }
}

/** A name in brackets may hold a dot, and reads are told with dots. */
function hasQuotedNames(kit: JsonObject): boolean {
  return /\[(?:\\"|')/.test(JSON.stringify(kit))
}

function placed({ plan, reads, members, format }: Needs, shape: Shape): FastMapping | null {
  if (reads === null) return null
  const keys = plan.bindings.map(({ path }) => nodeAt(shape, path))
  if (members === null) return { plan, keys, view: viewOf(shape, reads), write: null }
  const view = viewOf(shape, eventPaths(computedReads(members)))
  return { plan, keys, view, write: format === 'event' ? patchWriter(members, shape) : payloadWriter(members, shape) }
}

function payloadWriter(members: readonly PieceMember[], shape: Shape): WriteValue {
  const placed = placePieces(members, shape, { isEvent: false })
  return (source, writer) => {
    const text = objectText(placed, source)
    writer.begin(3 * text.length)
    writer.text(text)
    return writer.end()
  }
}

/** Reads of the event, as paths. */
function eventPaths(reads: readonly string[]): Path[] {
  return reads.map((read) => (read === '' ? [] : read.split('.'))).filter(([root]) => root !== '__segment_entities')
}

/** Of each entity, the columns that any mapping computes with. */
function seenColumns(needs: readonly Needs[], space: string): Map<string, Set<string> | 'all'> {
  const all = new Map<string, Set<string> | 'all'>()
  for (const { plan, members } of needs) {
    if (members === null) continue
    const computed = computedReads(members)
    for (const { entity } of plan.bindings) {
      const before = all.get(entity) ?? []
      const seen = entityColumns(computed, space, entity)
      all.set(entity, seen === 'all' || before === 'all' ? 'all' : new Set([...before, ...seen]))
    }
  }
  return all
}

/** The event as the computed pieces see it: with rows of the columns that they read. */
function seenEvent(space: string, event: JsonObject, matches: readonly Match[], rows: RowReader): JsonObject {
  const seen: JsonObject = {}
  for (const { binding, row } of matches) if (row !== null) seen[binding.entity] = rows.seenRow(binding.entity, row)
  event.__segment_entities = { [space]: seen }
  return event
}

/**
 * A row is passed on as the snapshot has it where that is how it would be written again. Its values are, since the sync; the
 * names and order of its columns are the same in all rows of a version, and of these the first row tells.
 */
class CanonicalRows {
  readonly #known = new WeakMap<RowLayout, boolean>()
  #last: RowLayout | null = null

  areCanonical(matches: readonly Match[]): boolean {
    for (const { row } of matches) {
      if (row === null || row.layout === this.#last) continue
      let known = this.#known.get(row.layout)
      if (known === undefined) this.#known.set(row.layout, (known = encodeJson(parseJson(row.text)) === row.text))
      if (!known) return false
      this.#last = row.layout
    }
    return true
  }
}
