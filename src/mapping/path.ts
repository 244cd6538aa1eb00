/**
 * Paths of the mapping kit: `$.a.b[0]["c d"]`. Compiled once to a list of keys. The rules are the published package's, apart
 * from one: what an object merely inherits (`constructor`, `__proto__`) is out of reach.
 */
export type Read = (scope: unknown) => unknown

/** The first `$.`, wherever it stands, is not part of the path. */
export const stripRoot = (path: string): string => path.replace('$.', '')

/** Dots cut, brackets beside a digit or a quote cut, quotes vanish. No keys: the whole scope. */
export function keysOf(path: string): readonly string[] {
  return path
    .split(/\.|\[(?=[\d"'])|(?<=[\d"'])\]+/)
    .filter((part) => part !== '')
    .map((part) => interned(part.replace(/["']/g, '')))
}

/** As property names are held: looking up with a slice of another text is several times slower. */
function interned(key: string): string {
  return Object.keys({ [key]: null })[0] ?? key
}

/** Keys in the dotted form in which a mapping's reads are told. */
export const dotted = (keys: readonly string[]): string => keys.join('.')

/** Names that objects, lists, texts and numbers answer to without having them. */
const inherited = new Set(
  [Object.prototype, Array.prototype, String.prototype, Number.prototype, Boolean.prototype].flatMap((prototype) =>
    Object.getOwnPropertyNames(prototype),
  ),
)
inherited.delete('length') // lists and texts do have it

/** A value that is falsy ends the descent and is the result: `zero.foo` gives 0. */
export function reader(keys: readonly string[]): Read {
  if (keys.some((key) => inherited.has(key))) return (scope) => keys.reduce<unknown>(own, scope)
  const [first, second, third] = keys
  if (first === undefined) return (scope) => scope
  if (second === undefined) return (scope) => (scope ? (scope as Members)[first] : scope)
  if (third === undefined) {
    return (scope) => {
      const value = scope ? (scope as Members)[first] : scope
      return value ? (value as Members)[second] : value
    }
  }
  return (scope) => {
    let value = scope
    for (const key of keys) {
      if (!value) return value
      value = (value as Members)[key]
    }
    return value
  }
}

type Members = Readonly<Record<string, unknown>>

function own(value: unknown, key: string): unknown {
  if (!value) return value
  return Object.hasOwn(Object(value), key) ? (value as Members)[key] : undefined
}
