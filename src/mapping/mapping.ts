/**
 * Segment's mapping kit: which value lands where in what a destination gets. Checked and compiled once, run once an event;
 * the results are those of `@segment/actions-core`, apart from the differences listed in docs/compatibility.md.
 */
import { LinkedEventsError } from '../errors.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import { checkMapping } from './check.ts'
import { compileValue, requireObject } from './compile.ts'
import { typeName, withRootDirective } from './directive.ts'
import { readsOf } from './reads.ts'

export interface CompiledMapping {
  /** What the mapping makes of an event. Parts of the result may be parts of the event itself: neither is to be changed. */
  transform(event: JsonObject): JsonValue
  /** The same of each event of a batch; what is no object in it is taken as an event without fields. */
  transformBatch(events: readonly JsonObject[]): JsonValue[]
  /** Every event path that it can read, dotted, without `$.`; the empty text is the whole event. */
  readonly reads: readonly string[]
}

/** @throws LinkedEventsError MAPPING_INVALID, whose problems carry the path in the mapping of each thing that is wrong. */
export function compileMapping(mapping: JsonValue): CompiledMapping {
  const problems = checkMapping(mapping)
  const [first] = problems
  if (first !== undefined) {
    const more = problems.length === 1 ? '' : ` (and ${problems.length - 1} more)`
    const details = first.hint === null ? { problems } : { problems, hint: first.hint }
    throw new LinkedEventsError('MAPPING_INVALID', `the mapping cannot be compiled: ${first.message}${more}`, details)
  }
  const whole = withRootDirective(mapping as JsonObject)
  const evaluate = compileValue(whole)
  return {
    transform(event) {
      return evaluate(requireObject(event)) as JsonValue
    },
    transformBatch(events) {
      if (!Array.isArray(events)) throw new TypeError(`data must be an array, got ${typeName(events)}`)
      return events.map((event) => evaluate(event) as JsonValue)
    },
    reads: readsOf(whole),
  }
}

/** The columns of one entity that the paths read, sorted, or `all` where some path takes the whole row or more. */
export function entityColumns(reads: readonly string[], space: string, entity: string): string[] | 'all' {
  const row = ['__segment_entities', space, entity]
  const columns = new Set<string>()
  for (const read of reads) {
    const all = read === '' ? [] : read.split('.')
    const keys = all.slice(Math.max(0, all.indexOf('__segment_entities'))) // a row may stand beside the line of a list
    if (!row.every((key, index) => index >= keys.length || keys[index] === key)) continue
    const column = keys[row.length]
    if (column === undefined) return 'all'
    columns.add(column)
    // One line's row of a list: the column comes after its number.
    const next = keys[row.length + 1]
    if (/^\d+$/.test(column)) {
      if (next === undefined) return 'all'
      columns.add(next)
    }
  }
  return [...columns].sort()
}
