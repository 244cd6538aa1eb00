/** Which output paths a mapping sets: as deep as its raw objects go, and where a directive decides, the path of the directive. */
import type { JsonObject, JsonValue } from '../json.ts'
import { directiveOf, isDirective, isRecord, withRootDirective } from './directive.ts'

/** Dotted paths, sorted, each once. The empty text: anything at all. */
export function writes(mapping: JsonValue): readonly string[] {
  const found = new Set<string>()
  visit(isRecord(mapping) ? withRootDirective(mapping) : mapping, '', found)
  return [...found].sort()
}

function visit(value: JsonValue | undefined, path: string, found: Set<string>): void {
  if (isDirective(value)) {
    const { name, argument } = directiveOf(value)
    for (const inner of outputs(name, argument)) visit(inner, path, found)
    if (!(name === '@transform' && isRecord(argument))) found.add(path)
    return
  }
  if (!isRecord(value) || Object.keys(value).length === 0) {
    found.add(path)
    return
  }
  for (const [key, member] of Object.entries(value)) visit(member, path === '' ? key : `${path}.${key}`, found)
}

/** The parts of a directive that may become its result. */
function outputs(name: string, argument: JsonValue): readonly (JsonValue | undefined)[] {
  const fields = (isRecord(argument) ? argument : {}) as JsonObject
  if (name === '@if') return [fields.then, fields.else].filter((part) => isRecord(part))
  if (name === '@merge') return Array.isArray(fields.objects) ? fields.objects : []
  if (name === '@transform') return [fields.mapping]
  return name === '@literal' || name === '@excludeWhenNull' ? [argument].filter((part) => isRecord(part)) : []
}
