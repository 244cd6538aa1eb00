/**
 * Rows for the lines of a list, as a cart has them: the mapping finds each beside its line, where `@arrayPath` looks, and all
 * of them as a list at the reserved path. The event itself stays as it is: the lines that get a row are copies.
 */
import { isObject, type JsonObject, type JsonValue, parseJson } from '../json.ts'
import type { Match } from './match.ts'

/** Adds the lists to `rows` and returns the event with the rows beside its lines. */
export function withLines(space: string, event: JsonObject, matches: readonly Match[], rows: JsonObject): JsonObject {
  const lists = new Map<string, { readonly path: readonly string[]; readonly beside: JsonObject[] }>()
  for (const { binding, row, line } of matches) {
    const { list: path, entity } = binding
    if (path === null) continue
    const all = (rows[entity] ??= []) as JsonValue[]
    if (line === null) continue
    const value = row === null ? null : parseJson(row.text)
    all.push(value)
    const name = JSON.stringify(path)
    let list = lists.get(name)
    if (list === undefined) lists.set(name, (list = { path, beside: [] }))
    const beside = (list.beside[line] ??= {})
    if (value !== null) beside[entity] = value
  }
  let seen = event
  for (const { path, beside } of lists.values()) {
    seen = changedAt(seen, path, (list) =>
      (list as JsonValue[]).map((line, index) => withRow(line, space, beside[index]!)),
    )
  }
  return seen
}

/** Not enumerable: what passes the line on does not pass the row on. */
function withRow(line: JsonValue, space: string, rows: JsonObject): JsonValue {
  if (!isObject(line)) return line
  return Object.defineProperty({ ...line }, '__segment_entities', { value: { [space]: rows }, enumerable: false })
}

/** A copy that differs at one path, which is there; the rest is shared. */
function changedAt(value: JsonValue, path: readonly string[], change: (value: JsonValue) => JsonValue): JsonObject {
  const [first, ...rest] = path
  if (first === undefined) return change(value) as JsonObject
  const inner = changedAt((value as JsonObject)[first]!, rest, change)
  if (Array.isArray(value)) return value.with(Number(first), inner) as unknown as JsonObject
  return { ...(value as JsonObject), [first]: inner }
}
