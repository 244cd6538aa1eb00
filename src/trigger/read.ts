/** Reading a value below one key of the event, as Segment's packages do it, except that the prototype is out of reach. */
import type { JsonObject } from '../json.ts'

export type Reader = (event: JsonObject) => unknown

/** Names that every object, list or text answers to without having them. `length` is the one that is of use. */
const inherited = new Set(
  [Object.prototype, Array.prototype, String.prototype, Number.prototype, Boolean.prototype].flatMap((prototype) =>
    Object.getOwnPropertyNames(prototype),
  ),
)
inherited.delete('length')

/** A falsy value on the way ends the descent and is the result. */
export function readPath(root: string, keys: readonly string[]): Reader {
  if (keys.some((key) => inherited.has(key))) {
    return (event) => keys.reduce<unknown>((value, key) => (value ? own(value, key) : value), own(event, root))
  }
  const [key, second] = keys
  if (key === undefined) return (event) => own(event, root)
  if (second === undefined) {
    return (event) => {
      const value = (event as JsonObject | null | undefined)?.[root]
      return value ? (value as JsonObject)[key] : value
    }
  }
  return (event) => {
    let value: unknown = (event as JsonObject | null | undefined)?.[root]
    for (const name of keys) {
      if (!value) return value
      value = (value as JsonObject)[name]
    }
    return value
  }
}

function own(value: unknown, key: string): unknown {
  if (value === null || value === undefined) return undefined
  return Object.hasOwn(Object(value), key) ? (value as JsonObject)[key] : undefined
}
