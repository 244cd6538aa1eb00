/** Which output paths a mapping fills from the rows of entities: as deep as its raw objects go, and where a directive decides, the directive's. */
import type { JsonObject, JsonValue } from '../json.ts'
import { directiveOf, isDirective, isRecord, withRootDirective } from './directive.ts'
import { readsOf } from './reads.ts'

/** Dotted paths of a checked mapping, sorted, each once. The empty text: the output as a whole. */
export function rowWrites(mapping: JsonValue): readonly string[] {
  const found = new Set<string>()
  visit(isRecord(mapping) ? withRootDirective(mapping) : mapping, { path: '', onRow: false }, found)
  return [...found].sort()
}

interface Place {
  readonly path: string
  /** What is read here may come from a row, whatever its name: the first step of a transform has put it there. */
  readonly onRow: boolean
}

function visit(value: JsonValue | undefined, place: Place, found: Set<string>): void {
  if (Array.isArray(value)) for (const item of value) visit(item, place, found)
  else if (isDirective(value)) visitDirective(value, place, found)
  else if (isRecord(value)) {
    const prefix = place.path === '' ? '' : `${place.path}.`
    for (const [key, member] of Object.entries(value)) visit(member, { ...place, path: prefix + key }, found)
  }
}

function visitDirective(directive: JsonObject, place: Place, found: Set<string>): void {
  const { name, argument } = directiveOf(directive)
  const fields = (isRecord(argument) ? argument : {}) as JsonObject
  switch (name) {
    case '@merge':
      visit(fields.objects, place, found)
      return
    case '@literal':
    case '@excludeWhenNull':
      visit(argument, place, found)
      return
    case '@transform':
      visit(fields.mapping, { ...place, onRow: place.onRow || rowsIn(fields.apply) }, found)
      return
    case '@if':
      if (readsRow(fields.exists ?? fields.blank, place.onRow)) found.add(place.path)
      visit(fields.then, place, found)
      visit(fields.else, place, found)
      return
    default:
      if (readsRow(directive, place.onRow)) found.add(place.path)
  }
}

/** A path that only the event knows is told as the whole event, and may lead to a row. */
function readsRow(value: JsonValue | undefined, onRow: boolean): boolean {
  const reads = value === undefined ? [] : readsOf(value)
  return onRow ? reads.length > 0 : reads.includes('') || rowsIn(value)
}

/** At the reserved path, or beside the line of a list. */
const rowsIn = (value: JsonValue | undefined): boolean =>
  value !== undefined && readsOf(value).some((read) => read.split('.').includes('__segment_entities'))
