/**
 * The inner part of `rows-in-memory.ts`, in AssemblyScript: rows in a memory of their version. After a change run `npm run
 * scanner`, which compiles it into `rows-code.ts`.
 *
 * The memory begins as `exchange` of `enrich/express.as.ts` does: with what is asked for, and room for the texts of rows.
 */
import { stands, weave } from '../enrich/scan.as'

const exchangeEnd: usize = 0x22000
const askBytes: usize = 32
/** Before a row: the lengths of its key and of its values. */
const headBytes: usize = 5
/** Above every hash. */
const hashEnd: f64 = 9007199254740992

let starts: usize = 0
let parts: f64 = 0
let heads: usize = 0
let headCount: i32 = 0
let headsSize: usize = 0

/** Where the starts of the parts are, and the names of the columns, with an upper bound of what these add to a row. */
export function open(startsAt: usize, partCount: i32, headsAt: usize, count: i32, size: usize): void {
  starts = startsAt
  parts = <f64>partCount
  heads = headsAt
  headCount = count
  headsSize = size
}

// @ts-ignore: decorator
@inline
function partOf(hash: f64): usize {
  return starts + (<usize>(<i32>((hash / hashEnd) * parts)) << 2)
}

let touched: u32 = 0

/** Waits for the memory of all rows that are asked for of this entity at the same time. `end`: of what is asked for. */
export function expect(end: usize, entity: i32): void {
  for (let ask: usize = 0; ask < end; ask += load<usize>(ask, 24))
    if (load<i32>(ask, 12) == entity) store<usize>(ask, load<usize>(partOf(load<f64>(ask))), 20)
  let sum: u32 = 0
  for (let ask: usize = 0; ask < end; ask += load<usize>(ask, 24)) {
    if (load<i32>(ask, 12) != entity) continue
    const row = load<usize>(ask, 20)
    sum += load<u8>(row) + load<u8>(row, 64) + load<u8>(row, 128) + load<u8>(row, 192)
  }
  touched = sum // or nobody would need what was read
}

/** Makes the texts of the rows that are asked for of this entity, from `to` on, and says where they are. The end of the last. */
export function bring(end: usize, entity: i32, to: usize): usize {
  expect(end, entity)
  for (let ask: usize = 0; ask < end; ask += load<usize>(ask, 24)) {
    if (load<i32>(ask, 12) != entity) continue
    const length = load<usize>(ask, 8)
    const row = rowAt(partOf(load<f64>(ask)), ask + askBytes, length)
    if (row == 0) continue
    const values = row + headBytes + length
    const bytes = valuesBytes(row)
    if (to + bytes + headsSize > exchangeEnd) continue
    const after = weave(values, values + bytes, heads, headCount, to)
    if (after == 0) continue
    store<usize>(ask, to, 16)
    store<usize>(ask, after, 20)
    to = (after + 15) & ~15
  }
  return to
}

/** Where the row begins whose key stands here, or 0. */
export function find(hash: f64, key: usize, length: usize): usize {
  return rowAt(partOf(hash), key, length)
}

function rowAt(part: usize, key: usize, length: usize): usize {
  const end = load<usize>(part, 4)
  for (let row = load<usize>(part); row < end; ) {
    const own = (<usize>load<u8>(row) << 7) | <usize>load<u8>(row, 1)
    if (own == length && stands(key, row + headBytes, length)) return row
    row += headBytes + own + valuesBytes(row)
  }
  return 0
}

// @ts-ignore: decorator
@inline
function valuesBytes(row: usize): usize {
  return (<usize>load<u8>(row, 2) << 14) | (<usize>load<u8>(row, 3) << 7) | <usize>load<u8>(row, 4)
}
