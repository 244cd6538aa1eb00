/** What a mapping is made of: raw JSON, and directives, which are objects with one key that starts with `@`. */
import type { JsonObject, JsonValue } from '../json.ts'

export const directiveNames = [
  '@arrayPath',
  '@case',
  '@excludeWhenNull',
  '@flatten',
  '@if',
  '@json',
  '@liquid',
  '@literal',
  '@merge',
  '@path',
  '@replace',
  '@template',
  '@transform',
] as const
export type DirectiveName = (typeof directiveNames)[number]

/** The key under which one directive stands for the whole mapping; the other fields become its `mapping`. */
export const rootKey = '__segment_internal_directive'

export type MappingPath = readonly (string | number)[]

export function isRecord(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Any object with an `@` key is meant to be a directive; whether it is a good one is checked. */
export function isDirective(value: unknown): value is JsonObject {
  return isRecord(value) && Object.keys(value).some((key) => key.startsWith('@'))
}

/** Name and argument of a directive that has been checked. The user interface's `_metadata` beside it means nothing. */
export function directiveOf(value: JsonObject): { readonly name: DirectiveName; readonly argument: JsonValue } {
  const name = Object.keys(value).find((key) => key.startsWith('@')) as DirectiveName
  return { name, argument: value[name] as JsonValue }
}

export type TypeName = 'string' | 'number' | 'boolean' | 'null' | 'undefined' | 'array' | 'object' | 'directive'

export function typeName(value: unknown): TypeName {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (isDirective(value)) return 'directive'
  return typeof value as TypeName
}

/** Sets a member as JSON would have it: `__proto__` is a key like any other. */
export function setMember(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true })
  } else target[key] = value
}

/** A root directive with the mapping's other fields put in, or the mapping as it is. */
export function withRootDirective(mapping: JsonObject): JsonObject {
  if (!Object.hasOwn(mapping, rootKey)) return mapping
  const { [rootKey]: root, ...fields } = mapping
  if (!isRecord(root)) return mapping
  const name = Object.keys(root)[0]
  if (name === undefined || !isRecord(root[name])) return mapping
  return { [name]: { ...(root[name] as JsonObject), mapping: fields } }
}
