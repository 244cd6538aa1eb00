/** Reads columns out of the text of a row without parsing the whole: a mapping of one column pays for one. */
import { encodeJson, isObject, type JsonObject, parseJson } from '../json.ts'
import { setMember } from '../mapping/directive.ts'
import { defaultLimits } from './decode.ts'
import { openScanner, type Scanner } from './scan.ts'
import { nodeAt, type ShapeNode, shapeOf } from './shape.ts'
import { textAt, valueAt } from './view.ts'

interface EntityColumns {
  readonly scanner: Scanner
  readonly nodes: ReadonlyMap<string, ShapeNode>
  /** Of these the computed pieces see the values; null: they see the whole row. */
  readonly seen: readonly { readonly name: string; readonly node: ShapeNode }[] | null
}

/** What of an entity's rows is read. */
export interface RowReads {
  /** Columns whose text is passed on. */
  readonly columns: ReadonlySet<string>
  /** Columns that are computed with, or all. */
  readonly seen: ReadonlySet<string> | 'all'
}

export class RowReader {
  readonly #entities = new Map<string, EntityColumns>()
  /** The row that each scanner has in hand. */
  readonly #scanned = new Map<string, string>()

  constructor(reads: ReadonlyMap<string, RowReads>) {
    let memory = 1
    for (const [entity, { columns, seen }] of reads) {
      const names = [...new Set([...columns, ...(seen === 'all' ? [] : seen)])]
      const shape = shapeOf(names.map((name) => [name]))
      const scanner = openScanner({ shape, limits: defaultLimits, memory: memory++ })
      if (scanner === null) continue
      const nodes = new Map(names.map((name) => [name, nodeAt(shape, [name])]))
      const of = (name: string) => ({ name, node: nodes.get(name)! })
      this.#entities.set(entity, { scanner, nodes, seen: seen === 'all' ? null : [...seen].map(of) })
    }
  }

  /** The JSON text of a column, or undefined: the row has none of that name. */
  columnText(entity: string, row: string, column: string): string | undefined {
    const columns = this.#scan(entity, row)
    const node = columns?.nodes.get(column)
    if (columns !== null && node !== undefined) return textAt(node, [], columns.scanner.bytes, columns.scanner.found)
    const parsed = parseJson(row)
    return isObject(parsed) && Object.hasOwn(parsed, column) ? encodeJson(parsed[column]) : undefined
  }

  /** The row with at least the columns that are computed with. */
  seenRow(entity: string, row: string): JsonObject {
    const seen = this.#entities.get(entity)?.seen ?? null
    const columns = seen === null ? null : this.#scan(entity, row)
    if (seen === null || columns === null) return parseJson(row) as JsonObject
    const { bytes, found } = columns.scanner
    const object: JsonObject = {}
    for (const { name, node } of seen)
      if ((found.starts[node.slot] as number) >= 0) setMember(object, name, valueAt(node, bytes, found))
    return object
  }

  /** Null: the row has to be parsed. */
  #scan(entity: string, row: string): EntityColumns | null {
    const columns = this.#entities.get(entity)
    if (columns === undefined) return null
    if (this.#scanned.get(entity) === row && columns.scanner.isCurrent()) return columns
    if (!columns.scanner.scanText(row)) {
      this.#scanned.delete(entity)
      return null
    }
    this.#scanned.set(entity, row)
    return columns
  }
}
