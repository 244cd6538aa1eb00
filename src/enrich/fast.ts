/**
 * The short way of an event: its bytes are scanned once, and only what something looks at becomes a value. What each mapping
 * needs is decided when the plan is compiled; an event that needs more is parsed. Both ways give the same bytes.
 */
import { encodeJson, type JsonObject, parseJson } from '../json.ts'
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
  withRows,
} from './enrich.ts'
import { type Match, matchValue } from './match.ts'
import { type Patch, type PatchMember, patchOf, patchPaths, placedPatch } from './patch.ts'
import type { MappingPlan, Plan } from './plan.ts'
import { openScanner } from './scan.ts'
import { nodeAt, type Shape, type ShapeNode, shapeOf } from './shape.ts'
import type { Snapshot, SnapshotSet } from './snapshots.ts'
import type { Message } from './source.ts'
import { ValueWriter } from './value-writer.ts'
import { eventFrom, isInherited, type View, valueAt, viewOf } from './view.ts'

export type Enrich = (snapshots: SnapshotSet, message: Message) => Enrichment

/** The fast way where there is one, and the way through the parsed event. */
export function enricher(plan: Plan): Enrich {
  const fast = compileFast(plan)
  return (snapshots, message) => fast?.(snapshots, message) ?? enrich(plan, snapshots, message)
}

type Path = readonly string[]

/** What a mapping reads of the event. Null: it may read anything. */
interface Needs {
  readonly plan: MappingPlan
  readonly reads: readonly Path[] | null
  readonly members: readonly PatchMember[] | null
}

/** A mapping for events that were scanned. */
interface FastMapping {
  readonly plan: MappingPlan
  readonly keys: readonly ShapeNode[]
  readonly view: View
  readonly patch: Patch | null
}

/** Null from the result: this event has to be parsed. Null instead of it: all have to. */
export function compileFast(plan: Plan): ((snapshots: SnapshotSet, message: Message) => Enrichment | null) | null {
  const decisive = decisivePaths(plan)
  if (decisive.some((path) => path.length === 0 || path.some(isInherited))) return null
  const needs = plan.destinations.flatMap(({ format, mappings }) =>
    mappings.map((mapping) => needsOf(mapping, format, plan.space)),
  )
  const shape = shapeOf([
    ...decisive,
    ...needs.flatMap(({ plan: { bindings }, reads, members }) =>
      reads === null ? [] : [...reads, ...bindings.map(({ path }) => path), ...patchPaths(members ?? [])],
    ),
  ])
  const view = viewOf(shape, decisive)
  const decisions = new Decisions(view)
  const mappings = needs.map((need) => placed(need, shape))
  const scanner = openScanner(shape, plan.limits)
  if (scanner === null) return null
  const { found } = scanner
  const writer = new ValueWriter()
  const rows = new CanonicalRows()

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
        const entry = withoutRow(matched) ?? make(mapping, matched, snapshots, message)
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
      const isThere = (found.starts[key.slot] as number) >= 0
      return matchValue(binding, isThere ? valueAt(key, bytes, found) : undefined, snapshots)
    })
  }

  function make(mapping: FastMapping, matched: Matched, snapshots: SnapshotSet, message: Message) {
    const { bytes, valueStart: start, valueEnd: end } = message
    const { destination, matches } = matched
    const event = () => eventFrom(mapping.view, bytes, found)
    if (mapping.patch === null) return deliver(matched, event(), () => bytes.toString('utf8', start, end))
    if (!rows.areCanonical(matches, snapshots)) return null
    const seen = () => withRows(plan.space, event(), matches)
    let value: Buffer | null
    try {
      value = mapping.patch({ bytes, start, end, found, matches, event: seen }, writer)
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
  const reads = plan.mapping.reads
    .map((read) => (read === '' ? [] : read.split('.')))
    .filter(([root]) => root !== '__segment_entities')
  const paths = [...reads, ...plan.bindings.map(({ path }) => path)]
  const odd =
    plan.bindings.some(({ list }) => list !== null) ||
    paths.some((path) => path.length === 0 || path.some((name) => name === '' || isInherited(name)))
  if (odd || hasQuotedNames(plan.kit)) return { plan, reads: null, members: null }
  const members = format === 'event' && plan.schema === null ? patchOf(plan.kit, space) : null
  return { plan, reads, members }
}

/** A name in brackets may hold a dot, and reads are told with dots. */
function hasQuotedNames(kit: JsonObject): boolean {
  return /\[(?:\\"|')/.test(JSON.stringify(kit))
}

function placed({ plan, reads, members }: Needs, shape: Shape): FastMapping | null {
  if (reads === null) return null
  return {
    plan,
    keys: plan.bindings.map(({ path }) => nodeAt(shape, path)),
    view: viewOf(shape, reads),
    patch: members === null ? null : placedPatch(members, shape),
  }
}

/**
 * A row is passed on as the snapshot has it where that is how it would be written again. Its values are, since the sync; the
 * names and order of its columns are the same in all rows of a version, and of these the first row tells.
 */
class CanonicalRows {
  readonly #known = new WeakMap<Snapshot, boolean>()

  areCanonical(matches: readonly Match[], snapshots: SnapshotSet): boolean {
    for (const { binding, row } of matches) {
      if (row === null) continue
      const snapshot = snapshots.of(binding.entity)!
      let known = this.#known.get(snapshot)
      if (known === undefined) this.#known.set(snapshot, (known = encodeJson(parseJson(row)) === row))
      if (!known) return false
    }
    return true
  }
}
