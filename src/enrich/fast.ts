/**
 * The short way of an event: its bytes are scanned once, and only what something looks at becomes a value. What each mapping
 * needs is decided when the plan is compiled; an event that needs more is parsed. Both ways give the same bytes.
 */
import { encodeJson, type JsonObject, parseJson } from '../json.ts'
import { entityColumns } from '../mapping/mapping.ts'
import { memory, type Span } from '../memory.ts'
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
import { Express, type ExpressMapping, isExpressible, renumber } from './express.ts'
import { askedTo, decideAt, decisionAt, entitiesAsked, keysMost, sureAt } from './in-hand.ts'
import { type Binding, type Match, matchBytes, matchValue } from './match.ts'
import type { FilterReason } from './outcome.ts'
import { patchWriter, type WriteValue } from './patch.ts'
import {
  computedReads,
  objectText,
  type Path,
  type PieceMember,
  type PlacedMember,
  piecesOf,
  placePieces,
  setPaths,
} from './pieces.ts'
import type { DestinationPlan, MappingPlan, Plan } from './plan.ts'
import { RowReader } from './row-reader.ts'
import { type Found, openScanner } from './scan.ts'
import { nodeAt, type Shape, type ShapeNode, shapeOf } from './shape.ts'
import type { Snapshot, SnapshotSet } from './snapshots.ts'
import { inHandMost, type Message } from './source.ts'
import { ValueWriter } from './value-writer.ts'
import { eventFrom, isPlainText, isProto, type View, valueAt, viewOf } from './view.ts'

export interface Enricher {
  /** The messages in hand will be enriched soon: what is slow to come is asked for. Null: there is nothing to do ahead. */
  readonly look: ((snapshots: SnapshotSet, count: number) => void) | null
  /** Whether somebody looked at it or not. The outputs are valid until the next message. */
  enrich(snapshots: SnapshotSet, message: Message): Enrichment
  /** For the messages of one batch that were looked at; null: each has to be visited. */
  express(options: Omit<ConstructorParameters<typeof Express>[0], 'slots'>): Express | null
  /**
   * How `express` makes the deliveries of the message in hand that was enriched last, one after another. None: its like are not
   * for it. Null: this one says nothing about others.
   */
  expressMappings(): readonly ExpressMapping[] | null
}

/** The fast way where there is one, and the way through the parsed event. */
export function compileEnricher(plan: Plan): Enricher {
  const fast = compileFast(plan)
  const whole = (snapshots: SnapshotSet, message: Message) => enrich(plan, snapshots, message)
  if (fast === null) return { look: null, enrich: whole, express: () => null, expressMappings: () => null }
  return { ...fast, enrich: (snapshots, message) => fast.enrich(snapshots, message) ?? whole(snapshots, message) }
}

/** As `Enricher`; null from `enrich`: this event has to be parsed. */
export interface FastEnricher extends Omit<Enricher, 'enrich'> {
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
  /** Which of the plan's. */
  readonly entity: number
  readonly node: ShapeNode
  /** Of the set in hand. */
  snapshot: Snapshot | undefined
}

/** What events with the same decisive values have in common. */
interface Kind {
  readonly decisions: readonly Decision[]
  /** Of all mappings, at most as many as are looked up ahead. */
  readonly keys: readonly FastKey[]
  readonly isExpressible: boolean
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
  /** What it writes, where nothing of it is computed. */
  readonly express: Pick<ExpressMapping, 'format' | 'members'> | null
}

/** The place for a message that nobody looked at. */
const alone = inHandMost

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
  const entities: string[] = []
  const mappings = needs.map((need) => placed(need, shape, entities))
  const keys = mappings.flatMap((mapping) => mapping?.keys ?? [])
  const canExpress = mappings.some((mapping) => mapping?.express != null)
  const scanner = openScanner({ shape, limits: plan.limits, places: inHandMost + 1, decisive: view })
  if (scanner === null) return null
  const decisions = new Decisions<Kind>(scanner)
  // Where many paths are wanted there are too few places: every message is alone.
  const canLook = scanner.found.length > alone
  const lastPlace = scanner.found.length - 1
  const writer = new ValueWriter()
  const canonical = new CanonicalRows()
  const rows = new RowReader(seenColumns(needs, plan.space))
  let setInHand: SnapshotSet | null = null
  /** Of it, by the number of the entity. */
  let snapshotsInHand: (Snapshot | undefined)[] = []
  let express: Express | null = null
  /** Of the message that was enriched last, when it was in hand and took the short way. */
  let kindInHand: Kind | null = null

  return {
    look: canLook ? look : null,
    enrich(snapshots, message) {
      use(snapshots)
      const { place } = message
      kindInHand = null
      if (place < 0) {
        const { bytes, valueStart, valueEnd } = message
        if (!scanner.scan(lastPlace, bytes, valueStart, valueEnd)) return null
        return enrichLooked(scanner.found[lastPlace]!, kindOf(lastPlace, bytes).decisions, message)
      }
      if (sureAt(place) === 0) return null
      const number = decisionAt(place)
      const kind = number < 0 ? decided(message.bytes, scanner.found[place]!) : decisions.at(number)
      const enrichment = enrichLooked(scanner.found[place]!, kind.decisions, message)
      if (enrichment !== null) kindInHand = kind
      return enrichment
    },
    express(options) {
      express = canLook && Express.isFor(options) ? new Express({ ...options, slots: shape.slots }) : null
      return express
    },
    expressMappings() {
      if (kindInHand === null) return null
      if (!kindInHand.isExpressible) return []
      const { decisions: all, keys } = kindInHand
      return all.flatMap(({ mappings }) =>
        mappings.map((mapping) => ({
          ...mapping!.express!,
          rowOf: (entity) => {
            const own = mapping!.keys.findLast(({ binding }) => binding.entity === entity)
            const resident = own?.snapshot?.resident
            if (own === undefined || resident == null) return null
            return { key: keys.findIndex((key) => isSameKey(key, own)), layout: resident.layout }
          },
        })),
      )
    },
  }

  function use(snapshots: SnapshotSet): void {
    if (snapshots === setInHand) return
    snapshotsInHand = entities.map((entity) => snapshots.of(entity))
    for (const key of keys) key.snapshot = snapshotsInHand[key.entity]
    setInHand = snapshots
  }

  function look(snapshots: SnapshotSet, count: number): void {
    use(snapshots)
    let known = count
    if (!scanner!.look(count))
      for (let place = 0; place < count; place++) {
        if (decisionAt(place) >= 0) continue
        known--
        if (sureAt(place) > 0 && decisionAt(place) === -1) kindOf(place, memory, count)
      }
    decisions.hit(known)
    let at = askedTo()
    for (let asked = entitiesAsked(), entity = 0; asked !== 0; asked >>>= 1, entity++) {
      if ((asked & 1) === 0) continue
      const resident = snapshotsInHand[entity]?.resident
      if (express === null || !canExpress) resident?.expect(entity)
      else at = resident?.bring(entity, at) ?? at
    }
  }

  function decided(bytes: Buffer, found: Found): Kind {
    const all = decide(plan, eventFrom(view, bytes, found), mappings)
    return kindFrom(all)
  }

  /** Of the event that was scanned for this place. Others in hand lose a number that stands for it from now on. */
  function kindOf(place: number, bytes: Buffer, inHand = 0): Kind {
    return decisions.of(
      place,
      () => decided(bytes, scanner!.found[place]!),
      (number, { keys }) => {
        express?.settle(number)
        renumber(number, keys)
        for (let other = 0; other < inHand; other++) if (decisionAt(other) === number) decideAt(other, -2)
        if (place < inHand) scanner!.decide(place)
      },
    )
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

function isSameKey(one: FastKey, other: FastKey): boolean {
  return one.node === other.node && one.entity === other.entity
}

/** One key for each place and entity. */
function kindFrom(decisions: readonly Decision[]): Kind {
  const mappings = decisions.flatMap(({ mappings }) => mappings)
  const all = mappings.flatMap((mapping) => mapping?.keys ?? [])
  const keys = all.filter((key, index) => all.findIndex((other) => isSameKey(other, key)) === index)
  const fits = keys.length <= keysMost
  const isExpressible = fits && mappings.every((mapping) => mapping !== null && mapping.express !== null)
  return { decisions, keys: fits ? keys : [], isExpressible }
}

/** `entities`: those that have a number; others get one. */
function placed({ plan, reads, members, format }: Needs, shape: Shape, entities: string[]): FastMapping | null {
  if (reads === null) return null
  const keys = plan.bindings.map(
    (binding): FastKey => ({
      binding,
      entity: numberOf(binding.entity, entities),
      node: nodeAt(shape, binding.path),
      snapshot: undefined,
    }),
  )
  if (members === null) return { plan, keys, view: viewOf(shape, reads), write: null, express: null }
  const view = viewOf(shape, eventPaths(computedReads(members)))
  const isEvent = format === 'event'
  const placed = placePieces(members, shape, { isEvent })
  const write = isEvent ? patchWriter(placed, shape) : payloadWriter(placed)
  return { plan, keys, view, write, express: isExpressible(placed) ? { format, members: placed } : null }
}

function numberOf(entity: string, entities: string[]): number {
  const number = entities.indexOf(entity)
  return number < 0 ? entities.push(entity) - 1 : number
}

function payloadWriter(placed: readonly PlacedMember[]): WriteValue {
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
