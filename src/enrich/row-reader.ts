/** Reads columns out of a row without parsing the whole: a mapping of one column pays for one. */
import { type JsonObject, type JsonValue, parseJson } from '../json.ts'
import { setMember } from '../mapping/directive.ts'
import type { Row } from '../row-text.ts'

const quote = 0x22

export class RowReader {
  /** Of each entity the columns that are computed with; of others all. */
  readonly #seen: ReadonlyMap<string, ReadonlySet<string> | 'all'>
  #last: Row | null = null
  #values: readonly string[] = []

  constructor(seen: ReadonlyMap<string, ReadonlySet<string> | 'all'>) {
    this.#seen = seen
  }

  /** The JSON text of a column, or undefined: the row has none of that name. */
  columnText(row: Row, column: string): string | undefined {
    const place = row.layout.placeOf(column)
    return place === undefined ? undefined : this.#valuesOf(row)[place]
  }

  /** The row with at least the columns that are computed with. */
  seenRow(entity: string, row: Row): JsonObject {
    const seen = this.#seen.get(entity) ?? 'all'
    if (seen === 'all') return parseJson(row.text) as JsonObject
    const object: JsonObject = {}
    for (const name of seen) {
      const text = this.columnText(row, name)
      if (text !== undefined) setMember(object, name, parsed(text))
    }
    return object
  }

  #valuesOf(row: Row): readonly string[] {
    if (row !== this.#last) {
      this.#values = row.list()
      this.#last = row
    }
    return this.#values
  }
}

function parsed(text: string): JsonValue {
  if (text.charCodeAt(0) === quote && !text.includes('\\')) return text.slice(1, -1)
  return parseJson(text)
}
