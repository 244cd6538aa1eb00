/**
 * The inner part of `rows-in-memory.ts`, in AssemblyScript: rows in a memory of their version. After a change run `npm run
 * scanner`, which compiles it into `rows-code.ts`.
 *
 * The memory begins as `exchange` of `enrich/express.as.ts` does: with what is asked for, and room for the texts of rows.
 */
import { longValue, stands, valueFrom, weaveCounted } from '../enrich/scan.as'
import { hashOf } from '../key.as'

const exchangeEnd: usize = 0x22000
const askBytes: usize = 32
/** Before a row: how many bytes its key has, in two bytes, and its values, in three; seven bits each, the high ones first. */
const headBytes: usize = 5
const comma: u32 = 0x2c
/** Above every hash. */
const hashEnd: f64 = 9007199254740992

/** The hashes in as many equal parts as there are rows: where the first row of each part begins, and the end of the last. */
let starts: usize = 0
let begun: usize = 0
let parts: f64 = 0
let heads: usize = 0
let headCount: i32 = 0
let headsSize: usize = 0

/** Where the starts of the parts are, and the names of the columns, with an upper bound of what these add to a row. */
export function open(startsAt: usize, partCount: i32, headsAt: usize, count: i32, size: usize): void {
  starts = startsAt
  begun = startsAt
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

/**
 * Takes whole rows in the order of their hashes: head, key, a byte, values with commas between. Each comma, and the byte, becomes
 * the length of the value behind it. False: there is one that is too long, has other columns, or a number of 127 digits.
 */
export function add(from: usize, end: usize): bool {
  for (let row = from; row < end; ) {
    // A length with more bits than the head has place for makes a character beyond ASCII there.
    if ((load<u8>(row) | load<u8>(row, 2)) > 127) return false
    const keyEnd = row + headBytes + keyBytes(row)
    const rowEnd = keyEnd + 1 + valuesBytes(row)
    begin(partOf(hashOf(row + headBytes, keyEnd)), row)
    const after = load<u8>(rowEnd)
    store<u8>(rowEnd, 0) // or it could go on with a number
    let p = keyEnd
    for (let left = headCount; left > 0; left--) {
      if (left < headCount && load<u8>(p) != comma) return false
      const end = valueFrom(p + 1)
      if (end == 0) return false
      const size = end - p - 1
      if (size >= longValue && !endsItself(load<u8>(p + 1))) return false
      store<u8>(p, <u8>min(size, longValue))
      p = end
    }
    store<u8>(rowEnd, after)
    if (headCount > 0 && p != rowEnd) return false
    row = rowEnd
  }
  return true
}

/** Whether a value that begins so needs no other byte to end it. */
function endsItself(first: u32): bool {
  return first == 0x22 || first == 0x7b || first == 0x5b
}

/** After the last row. */
export function seal(end: usize): void {
  begin(starts + (<usize>parts << 2), end)
}

function begin(part: usize, row: usize): void {
  for (; begun <= part; begun += 4) store<usize>(begun, row)
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
    if (to + valuesBytes(row) + headsSize > exchangeEnd) continue
    const after = weaveCounted(values, heads, headCount, to)
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
    const own = keyBytes(row)
    if (own == length && stands(key, row + headBytes, length)) return row
    row += headBytes + own + 1 + valuesBytes(row)
  }
  return 0
}

// @ts-ignore: decorator
@inline
function keyBytes(row: usize): usize {
  return (<usize>load<u8>(row) << 7) | <usize>load<u8>(row, 1)
}

// @ts-ignore: decorator
@inline
function valuesBytes(row: usize): usize {
  return (<usize>load<u8>(row, 2) << 14) | (<usize>load<u8>(row, 3) << 7) | <usize>load<u8>(row, 4)
}
