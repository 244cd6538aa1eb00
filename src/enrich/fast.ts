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
import { Decisions } from './decisions.ts'
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
import { type Binding, type Match, matchBytes, matchValue } from './match.ts'
import type { FilterReason } from './outcome.ts'
import { patchWriter, type WriteValue } from './patch.ts'
import { computedReads, objectText, type Path, type PieceMember, piecesOf, placePieces, setPaths } from './pieces.ts'
import type { DestinationPlan, MappingPlan, Plan } from './plan.ts'
import { RowReader } from './row-reader.ts'
import { type Found, openScanner } from './scan.ts'
import { nodeAt, type Shape, type ShapeNode, shapeOf } from './shape.ts'
import type { Snapshot, SnapshotSet } from './snapshots.ts'
import { inHandMost, type Message } from './source.ts'
import { ValueWriter } from './value-writer.ts'
import { eventFrom, isPlainText, isProto, type View, valueAt, viewOf } from './view.ts'

export interface Enricher {
  /** A message that will be enriched soon: what is slow to come is asked for. */
  look(snapshots: SnapshotSet, message: Message): void
  /** Whether somebody looked at it or not. The outputs are valid until the next message. */
  enrich(snapshots: SnapshotSet, message: Message): Enrichment
}

/** The fast way where there is one, and the way through the parsed event. */
export function compileEnricher(plan: Plan): Enricher {
  const fast = compileFast(plan)
  return {
    look: (snapshots, message) => fast?.look(snapshots, message),
    enrich: (snapshots, message) => fast?.enrich(snapshots, message) ?? enrich(plan, snapshots, message),
  }
}

/** As `Enricher`; null from `enrich`: this event has to be parsed. */
export interface FastEnricher extends Pick<Enricher, 'look'> {
  enrich(snapshots: SnapshotSet, message: Message): Enrichment | null
}

/** What a mapping reads of the event. Null: it may read anything. */
interface Needs {
  readonly plan: MappingPlan
  readonly reads: readonly Path[] | null
  /** Null: its result has to be made as a whole. */
  readonly members: readonly PieceMember[] | null
  readonly format: 'event' | 'payload'
}

/** Where an event has the key of a row. */
interface FastKey {
  readonly binding: Binding
  readonly node: ShapeNode
  /** Of the set in hand. */
  snapshot: Snapshot | undefined
}

/** For one destination: the mappings that apply, or why there are none. Null is a mapping that needs the parsed event. */
interface Decision {
  readonly destination: DestinationPlan
  readonly mappings: readonly (FastMapping | null)[]
  readonly reason: FilterReason | null
}

/** A mapping for events that were scanned. */
interface FastMapping {
  readonly plan: MappingPlan
  readonly keys: readonly FastKey[]
  /** What the mapping reads, or its computed pieces. */
  readonly view: View
  /** From pieces; null: the mapping makes its result as a whole. */
  readonly write: WriteValue | null
}

/** A message that was looked at. */
interface Looked {
  readonly place: number
  readonly found: Found
  /** Null: none. */
  message: Message | null
  /** Null: it has to be parsed. */
  decisions: readonly Decision[] | null
}

/** Null: every event has to be parsed. */
export function compileFast(plan: Plan): FastEnricher | null {
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
  const decisions = new Decisions<readonly Decision[]>(view)
  const mappings = needs.map((need) => placed(need, shape))
  const keys = mappings.flatMap((mapping) => mapping?.keys ?? [])
  const scanner = openScanner({ shape, limits: plan.limits, places: inHandMost })
  if (scanner === null) return null
  const inHand = scanner.found.map((found, place): Looked => ({ place, found, message: null, decisions: null }))
  const writer = new ValueWriter()
  const canonical = new CanonicalRows()
  const rows = new RowReader(seenColumns(needs, plan.space))
  let setInHand: SnapshotSet | null = null

  return {
    look(snapshots, message) {
      // Where many paths are wanted there are fewer places: the other messages are looked at when they are visited.
      if (message.place < inHand.length) look(inHand[message.place]!, message, snapshots)
    },
    enrich(snapshots, message) {
      const looked = inHand[message.place % inHand.length]!
      if (looked.message !== message) look(looked, message, snapshots)
      looked.message = null
      return looked.decisions === null ? null : enrichLooked(looked.found, looked.decisions, message)
    },
  }

  function look(looked: Looked, message: Message, snapshots: SnapshotSet): void {
    const { bytes, valueStart, valueEnd } = message
    const { place, found } = looked
    if (snapshots !== setInHand) {
      for (const key of keys) key.snapshot = snapshots.of(key.binding.entity)
      setInHand = snapshots
    }
    looked.message = message
    looked.decisions = null
    if (!scanner!.scan(place, bytes, valueStart, valueEnd)) return
    looked.decisions = decisions.of(bytes, found, () => decide(plan, eventFrom(view, bytes, found), mappings))
    for (const { mappings } of looked.decisions)
      for (const mapping of mappings)
        if (mapping !== null)
          for (const { node, snapshot } of mapping.keys)
            if (isPlainText(node, bytes, found))
              snapshot?.expect?.(bytes, (found.starts[node.slot] as number) + 1, (found.ends[node.slot] as number) - 1)
  }

  function enrichLooked(found: Found, decisions: readonly Decision[], message: Message): Enrichment | null {
    writer.reset()
    const entries: (Delivery | Omission)[] = []
    for (const { destination, reason, mappings } of decisions) {
      if (reason !== null) {
        entries.push({ destination, mapping: null, outcome: 'filtered', matches: [], reason })
        continue
      }
      for (const mapping of mappings) {
        if (mapping === null) return null
        const matches = mapping.keys.map((key) => match(key, message.bytes, found))
        const matched = { plan, destination, mapping: mapping.plan, matches }
        const entry = withoutRow(matched) ?? make(mapping, matched, message, found)
        if (entry === null) return null
        if ('explanation' in entry) return entry
        entries.push(entry)
      }
    }
    return { entries }
  }

  function match({ binding, node, snapshot }: FastKey, bytes: Buffer, found: Found): Match {
    const start = found.starts[node.slot] as number
    if (isPlainText(node, bytes, found)) {
      const end = (found.ends[node.slot] as number) - 1
      return matchBytes(binding, { bytes, start: start + 1, end }, snapshot)
    }
    return matchValue(binding, start >= 0 ? valueAt(node, bytes, found) : undefined, snapshot)
  }

  function make(mapping: FastMapping, matched: Matched, message: Message, found: Found) {
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

function decide(plan: Plan, event: JsonObject, all: readonly (FastMapping | null)[]): Decision[] {
  let number = 0
  return plan.destinations.map((destination): Decision => {
    const first = number
    number += destination.mappings.length
    const discard = discardReason(event, { destination: destination.integration, categories: destination.categories })
    if (discard !== null) return { destination, mappings: [], reason: discard }
    const mappings = all.slice(first, number).filter((_, index) => destination.mappings[index]!.trigger.matches(event))
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
  const keys = plan.bindings.map(
    (binding): FastKey => ({
      binding,
      node: nodeAt(shape, binding.path),
      snapshot: undefined,
    }),
  )
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
