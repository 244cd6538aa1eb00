/**
 * Which row of an entity belongs to an event: the value at the match property, as key text, looked up in the snapshot. With
 * `[*]` in the match property each line of a list has a row of its own.
 */
import { type JsonObject, type JsonValue, valueAtPath } from '../json.ts'
import { keyOf } from '../key.ts'
import type { Span } from '../memory.ts'
import type { Row } from '../row-text.ts'
import type { EntityStatus } from './outcome.ts'
import type { Snapshot, SnapshotSet } from './snapshots.ts'

/** What to do when an entity has no row: let the event go on without it (Segment's way), wait for one, leave it out, or set it aside. */
export type OnMissing = 'pass' | 'hold' | 'drop' | 'dead_letter'

/** One entity of a mapping, and the event property that names its row. */
export interface Binding {
  readonly entity: string
  /** As the operator wrote it, for people. */
  readonly match: string
  /** The list whose lines are matched, or null: the event itself is. */
  readonly list: readonly string[] | null
  /** In the event, or in the line. */
  readonly path: readonly string[]
  readonly onMissing: OnMissing
}

/** What a lookup found: on a hit, a row. */
export interface Match {
  readonly binding: Binding
  readonly status: EntityStatus
  /** The key text; null: the event has none, or nobody asks for it. */
  readonly key: string | null
  readonly row: Row | null
  /** Which line of the list, from 0; null: no list is matched, or there is no line in it. */
  readonly line: number | null
  /** Version of the snapshot that was asked, or null when there is none. */
  readonly version: number | null
}

const everyLine = '[*]'

/**
 * The parts of a match property: `$.` in front is optional; `a.b`, `a[0]` and `a['b c']` as in the mapping kit, and once
 * `[*]` for every line of a list.
 */
export function parseMatch(text: string): Pick<Binding, 'list' | 'path'> {
  const at = text.indexOf(everyLine)
  if (at < 0) return { list: null, path: partsOf(text) }
  return { list: partsOf(text.slice(0, at)), path: partsOf(text.slice(at + everyLine.length)) }
}

/** Lists in lists have no meaning here. */
export function isMatchOfLists(text: string): boolean {
  return text.split(everyLine).length > 2
}

function partsOf(text: string): string[] {
  return text
    .replace(/^\$\.?/, '')
    .split(/\.|\[(?=\d|'|")|(?<=\d|'|")\]/)
    .map((part) => part.replace(/^['"]|['"]$/g, ''))
    .filter((part) => part !== '')
}

/** One match, or one for each line of the list. A list that is missing, empty, or none has one match, without a line. */
export function matchesOf(binding: Binding, event: JsonObject, snapshots: SnapshotSet): Match[] {
  const snapshot = snapshots.of(binding.entity)
  if (binding.list === null) return [matchValue(binding, valueAtPath(event, binding.path), snapshot)]
  const list = valueAtPath(event, binding.list)
  if (!Array.isArray(list)) return [matchValue(binding, list === undefined || list === null ? list : [], snapshot)]
  if (list.length === 0) return [matchValue(binding, undefined, snapshot)]
  return list.map((item, line) => ({
    ...matchValue(binding, valueAtPath(item as JsonObject, binding.path), snapshot),
    line,
  }))
}

/** The match property as it is for this match: with the number of its line. */
export function matchText({ binding, line }: Match): string {
  return line === null ? binding.match : binding.match.replace(everyLine, `[${line}]`)
}

/** `value`: what the event has at the match property. */
export function matchValue(binding: Binding, value: JsonValue | undefined, snapshot: Snapshot | undefined): Match {
  const found = typeof value === 'string' ? null : keyOf(value)
  if (typeof found === 'string')
    return { binding, status: found, key: null, row: null, line: null, version: snapshot?.version ?? null }
  const key = found === null ? (value as string) : found.key // text is its own key
  return matchOf(binding, key, snapshot, snapshot?.get(key))
}

/** The same for a value that is a text, plain ASCII, and stands in these bytes. */
export function matchBytes(binding: Binding, { bytes, start, end }: Span, snapshot: Snapshot | undefined): Match {
  return matchOf(binding, null, snapshot, snapshot?.find(bytes, start, end))
}

function matchOf(binding: Binding, key: string | null, snapshot: Snapshot | undefined, row: Row | undefined): Match {
  const status = snapshot === undefined ? 'entity_not_ready' : row === undefined ? 'no_match' : 'hit'
  return { binding, status, key, row: row ?? null, line: null, version: snapshot?.version ?? null }
}
