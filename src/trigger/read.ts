/** Reading a value below one field of the event, as Segment's packages do it, except that the prototype is out of reach. */
import type { JsonObject } from '../json.ts'

export type Reader = (event: JsonObject) => unknown

const inherited = new Set(
  [Object.prototype, Array.prototype, String.prototype, Number.prototype, Boolean.prototype].flatMap((prototype) =>
    Object.getOwnPropertyNames(prototype),
  ),
)
inherited.delete('length')

/** Names that every object, list or text answers to without having them. `length` is the one that is of use. */
export const isInherited = (key: string): boolean => inherited.has(key)

/** The same text as property names are held: comparing and looking up with it is several times faster than with a slice. */
export function interned(text: string): string {
  return Object.keys({ [text]: null })[0] ?? text
}

/** A falsy value on the way ends the descent and is the result. */
export function below(root: Reader, path: readonly string[]): Reader {
  const keys = path.map(interned)
  if (keys.some(isInherited)) return (event) => keys.reduce<unknown>(own, root(event))
  const [first, second, third] = keys
  if (first === undefined) return root
  if (second === undefined) {
    return (event) => {
      const value = root(event)
      return value ? (value as JsonObject)[first] : value
    }
  }
  if (third === undefined) {
    return (event) => {
      const value = root(event)
      const inner = value ? (value as JsonObject)[first] : value
      return inner ? (inner as JsonObject)[second] : inner
    }
  }
  return (event) => {
    let value: unknown = root(event)
    for (const key of keys) {
      if (!value) return value
      value = (value as JsonObject)[key]
    }
    return value
  }
}

function own(value: unknown, key: string): unknown {
  if (!value) return value
  return Object.hasOwn(Object(value), key) ? (value as JsonObject)[key] : undefined
}
