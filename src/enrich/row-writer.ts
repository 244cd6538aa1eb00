/** The text of a row, made where it is needed: the row's values as they are, with the names of its columns woven in. */
import { copyValues, memory, reserve } from '../memory.ts'
import { headsSize, putHeads, type Row, type RowLayout } from '../row-text.ts'
import { code } from './native.ts'

/** Names in use, and the values of the row in hand. What does not fit is written in JavaScript. */
const headsBytes = 64 * 1024
const headsAt = reserve(headsBytes)
const valuesBytes = 64 * 1024
const valuesAt = reserve(valuesBytes + 32)

/** The heads of a layout in the memory, as `scan.as.ts` reads them, the first with what stands before the row. */
interface Placed {
  readonly before: string
  readonly layout: RowLayout
  /** Null: they do not fit. */
  readonly at: number | null
}

const placed = new Map<RowLayout, Map<string, Placed>>()
let headsEnd = headsAt
let last: Placed | null = null

/** Upper bound of the bytes that `writeRow` needs at its place. */
export function rowBytesMax(row: Row): number {
  return row.layout.bytes + valuesBytesMax(row) + 32
}

function valuesBytesMax(row: Row): number {
  return row.view === null ? 3 * row.values.length : row.end - row.start
}

/**
 * Writes `before` and the text of a row at this address. The address after it, or null: it has to be written otherwise.
 * There are few texts that stand before rows: one for each place that a mapping names.
 */
export function writeRow(before: string, row: Row, to: number): number | null {
  const { layout } = row
  if (last === null || last.layout !== layout || last.before !== before)
    last = placed.get(layout)?.get(before) ?? place(before, layout)
  const { at } = last
  if (at === null || valuesBytesMax(row) > valuesBytes) return null
  const count = layout.heads.length
  if (row.view !== null) {
    copyValues(valuesAt, row.view, row.start, row.end)
    return code.weaveCounted(valuesAt, at, count, to) || null
  }
  const end = valuesAt + memory.write(row.values, valuesAt)
  memory[end] = 0
  return code.weave(valuesAt, end, at, count, to) || null
}

function place(before: string, layout: RowLayout): Placed {
  const heads = layout.heads.map((head, place) => (place === 0 ? before + head : head))
  const size = headsSize(heads)
  if (headsEnd + size > headsAt + headsBytes) {
    headsEnd = headsAt
    placed.clear()
  }
  const fits = size <= headsBytes
  const one = { before, layout, at: fits ? headsEnd : null }
  placed.set(layout, (placed.get(layout) ?? new Map<string, Placed>()).set(before, one))
  if (!fits) return one
  headsEnd = putHeads(heads, memory, headsEnd)
  return one
}
