/** Which row of an entity belongs to an event: the value at the match property, as key text, looked up in the snapshot. */
import { type JsonObject, type JsonValue, valueAtPath } from '../json.ts'
import { keyOf } from '../key.ts'
import type { EntityStatus } from './outcome.ts'
import type { SnapshotSet } from './snapshots.ts'

/** What to do when an entity has no row: let the event go on without it (Segment's way), leave it out, or set it aside. */
export type OnMissing = 'pass' | 'drop' | 'dead_letter'

/** One entity of a mapping, and the event property that names its row. */
export interface Binding {
  readonly entity: string
  /** As the operator wrote it, for people. */
  readonly match: string
  readonly path: readonly string[]
  readonly onMissing: OnMissing
}

/** What a lookup found. `row` is the row's JSON text on a hit. */
export interface Match {
  readonly binding: Binding
  readonly status: EntityStatus
  readonly key: string | null
  readonly row: string | null
  /** Version of the snapshot that was asked, or null when there is none. */
  readonly version: number | null
}

/** The parts of a match property: `$.` in front is optional; `a.b`, `a[0]` and `a['b c']` as in the mapping kit. */
export function parseMatch(text: string): string[] {
  return text
    .replace(/^\$\.?/, '')
    .split(/\.|\[(?=\d|'|")|(?<=\d|'|")\]/)
    .map((part) => part.replace(/^['"]|['"]$/g, ''))
    .filter((part) => part !== '')
}

export function match(binding: Binding, event: JsonObject, snapshots: SnapshotSet): Match {
  return matchValue(binding, valueAtPath(event, binding.path), snapshots)
}

/** `value`: what the event has at the match property. */
export function matchValue(binding: Binding, value: JsonValue | undefined, snapshots: SnapshotSet): Match {
  const snapshot = snapshots.of(binding.entity)
  const version = snapshot?.version ?? null
  const found = typeof value === 'string' ? null : keyOf(value)
  if (typeof found === 'string') return { binding, status: found, key: null, row: null, version }
  const key = found === null ? (value as string) : found.key // text is its own key
  if (snapshot === undefined) return { binding, status: 'entity_not_ready', key, row: null, version }
  const row = snapshot.get(key)
  return { binding, status: row === undefined ? 'no_match' : 'hit', key, row: row ?? null, version }
}
