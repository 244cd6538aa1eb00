/** The value at a path of own properties, or undefined. */
import type { JsonObject, JsonValue } from '../json.ts'

export function valueAtPath(event: JsonObject, path: readonly string[]): JsonValue | undefined {
  let value: JsonValue | undefined = event
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = (value as JsonObject)[part]
  }
  return value
}
