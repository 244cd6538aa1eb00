/**
 * The rows of a version in memory, in the order of their hashes as in the file: a lookup waits for memory once or twice, where
 * a point read of a file that nobody has just read waits a dozen times, and it makes no text of the key and none of the row.
 */
import type Database from 'better-sqlite3'
import { askedTo, exchangeAt, exchangeBytes } from '../enrich/in-hand.ts'
import type { ResidentRows } from '../enrich/snapshots.ts'
import { asciiHash, keyHash } from '../key.ts'
import { compileWasm, copyBytes, instantiateWasm, memory, newMemory } from '../memory.ts'
import { headsSize, putHeads, Row, type RowLayout } from '../row-text.ts'
import { rowsCode } from './rows-code.ts'
import { hasCollided } from './table.ts'

/** Bytes of the rows that are read at a time: half a millisecond. */
const sliceBytes = 64 * 1024
/** Of the time that passes, this share is for reading; so much of it may be made up for at a time, in milliseconds. */
const share = 1 / 5
const burst = 4
/** Before a row are five bytes, and one before its values. */
const headBytes = 5
/** Whoever copies a row eight bytes at a time may read behind it, and so does who fetches the last one. */
const spareBytes = 256
/** Positions are whole numbers of 31 bits. */
const bytesMost = 2 ** 31 - 1

/** Beside rows: what is asked for and texts of rows, as in the memory of the event path. */
const sideBytes = exchangeBytes + 64 * 1024

interface Code {
  add(from: number, end: number): number
  seal(end: number): void
  open(startsAt: number, parts: number, headsAt: number, heads: number, headsBytes: number): void
  expect(end: number, entity: number): void
  bring(end: number, entity: number, to: number): number
  find(hash: number, key: number, length: number): number
}

const module = compileWasm(Buffer.from(rowsCode, 'base64'))

/** Of a snapshot file. */
export interface FileSize {
  readonly rows: number
  readonly bytes: number
}

/** Upper bound of what the rows of a file take in memory: their keys and values are in the file as well. */
export function bytesInMemory(size: FileSize): number {
  return heapBytes(size) + 4 * (partsOf(size) + 1) + sideBytes
}

function heapBytes({ rows, bytes }: FileSize): number {
  return bytes + (headBytes + 1) * rows + spareBytes
}

function partsOf({ rows }: FileSize): number {
  return Math.max(1, rows)
}

/**
 * Reads all rows, in turns with everything else. Null: they cannot be in memory, because one of them is too long (a key of
 * 16 KiB, values of 2 MiB, a number of 127 digits), all are (2 GiB), or two keys share their hash; or `isWanted` does not want
 * them any more.
 */
export async function readIntoMemory(
  database: Database.Database,
  options: { readonly layout: RowLayout; readonly size: FileSize; readonly isWanted: () => boolean },
): Promise<RowsInMemory | null> {
  const { layout, size, isWanted } = options
  if (bytesInMemory(size) > bytesMost || hasCollided(database)) return null
  const rows = new RowsInMemory(layout, size)
  let began = performance.now()
  let due = began
  for (const slice of slices(database, size)) {
    if (!rows.add(slice)) return null
    const now = performance.now()
    due = Math.max(due, now - burst / share) + (now - began) / share
    if (now < due) await new Promise((resolve) => setTimeout(resolve, due - now))
    if (!isWanted()) return null
    began = performance.now()
  }
  return rows.seal()
}

const headAndRow = "char(k >> 7, k & 127, r >> 14, (r >> 7) & 127, r & 127) || key || ',' || row"

/** As text: it is short-lived memory of the engine, while each buffer would press for a full collection. */
function* slices(database: Database.Database, { rows, bytes }: FileSize): Generator<string> {
  const rowsPerSlice = Math.max(1, Math.floor((sliceBytes * rows) / bytes))
  const slice = database
    .prepare<[number], [number | null, string]>(
      `SELECT max(hash), group_concat(${headAndRow}, '')
       FROM (SELECT hash, key, row, octet_length(key) AS k, octet_length(row) AS r
             FROM entity WHERE hash > ? ORDER BY hash LIMIT ${rowsPerSlice})`,
    )
    .raw()
  for (let [last, heap] = slice.get(-1)!; last !== null; [last, heap] = slice.get(last)!) yield heap
}

export class RowsInMemory implements ResidentRows {
  readonly layout: RowLayout
  readonly #code: Code
  /** The rows in the order of their hashes, one after another, each with its head, behind everything else. */
  readonly #memory: Buffer<ArrayBuffer>
  readonly #view: DataView<ArrayBuffer>
  #end: number

  constructor(layout: RowLayout, size: FileSize) {
    this.layout = layout
    const parts = partsOf(size)
    const startsAt = exchangeBytes + headsSize(layout.heads)
    const heapAt = startsAt + 4 * (parts + 1)
    const own = newMemory(heapAt + heapBytes(size))
    this.#memory = Buffer.from(own.buffer)
    this.#view = new DataView(own.buffer)
    this.#end = heapAt
    this.#code = instantiateWasm<Code>(module, own)
    putHeads(layout.heads, this.#memory, exchangeBytes)
    // Beside them a row gets a brace, and is written by sixteen bytes.
    this.#code.open(startsAt, parts, exchangeBytes, layout.heads.length, layout.bytes + 32)
  }

  get bytes(): number {
    return this.#end
  }

  /** Whole rows with their heads, whose hashes are not below those before them. False: one is too long. */
  add(rows: string): boolean {
    const from = this.#end
    this.#end += this.#memory.write(rows, from)
    return this.#code.add(from, this.#end) !== 0
  }

  /** After the last row. */
  seal(): this {
    this.#code.seal(this.#end)
    return this
  }

  /** The row with this key text. */
  get(key: string): Row | undefined {
    const bytes = Buffer.from(key)
    // Half of a surrogate pair has no bytes of its own, and no row.
    return bytes.toString() === key ? this.#find(keyHash(key), bytes, 0, bytes.length) : undefined
  }

  /** The row with the key that stands here in ASCII. */
  find(key: Uint8Array, start: number, end: number): Row | undefined {
    return this.#find(asciiHash(key, start, end), key, start, end)
  }

  expect(entity: number): void {
    const end = askedTo()
    copyBytes(this.#memory, 0, memory, exchangeAt, end)
    this.#code.expect(end - exchangeAt, entity)
  }

  bring(entity: number, at: number): number {
    const asked = askedTo() - exchangeAt
    const from = at - exchangeAt
    copyBytes(this.#memory, 0, memory, exchangeAt, exchangeAt + asked)
    const end = this.#code.bring(asked, entity, from)
    // One copy where they lie together.
    if (from > asked) copyBytes(memory, exchangeAt, this.#memory, 0, asked)
    const begin = from > asked ? from : 0
    copyBytes(memory, exchangeAt + begin, this.#memory, begin, end)
    return exchangeAt + end
  }

  #find(hash: number, key: Uint8Array, start: number, end: number): Row | undefined {
    const length = end - start
    if (length > exchangeBytes - 16) return undefined
    copyBytes(this.#memory, 0, key, start, end)
    const row = this.#code.find(hash, 0, length)
    if (row === 0) return undefined
    const values = row + headBytes + length
    return Row.inBytes(this.layout, this.#view, values, values + 1 + this.#valuesBytes(row))
  }

  #valuesBytes(row: number): number {
    const heap = this.#memory
    return ((heap[row + 2] as number) << 14) | ((heap[row + 3] as number) << 7) | (heap[row + 4] as number)
  }
}
