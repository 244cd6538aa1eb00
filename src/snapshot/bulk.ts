/**
 * The first rows of a snapshot file. They come in any order and have to go in by their hashes, which would touch a page for
 * each row; so they wait in a second file, in buckets by hash that are small enough to be sorted in memory.
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import type Database from 'better-sqlite3'
import { keyHash, keyHashEnd } from '../key.ts'
import { type KeyHash, rowWriter } from './table.ts'

/** Some 15 MB of rows: what one sort takes, and for how long the event loop is held. */
const bucketRows = 50_000
/** What a bucket collects before it is written. */
const chunkBytes = 1 << 16
/** Before each row: its hash, then how many bytes its key and its text have. */
const headBytes = 16

interface Chunk {
  readonly bytes: Buffer
  readonly view: DataView
}

interface Bucket {
  rows: number
  readonly chunk: Chunk
  filled: number
  /** Where the file has what the bucket has written so far. */
  readonly written: { readonly position: number; readonly bytes: number }[]
}

export interface BulkOptions {
  /** Of the staging file, which the caller deletes. */
  readonly path: string
  /** About how many rows come. */
  readonly rows: number
  readonly hashOf?: KeyHash
}

export class Bulk {
  readonly #database: Database.Database
  readonly #hashOf: KeyHash
  readonly #buckets: readonly Bucket[]
  readonly #file: number
  #fileBytes = 0
  /** A whole bucket. */
  #room = Buffer.alloc(0)

  constructor(database: Database.Database, { path, rows, hashOf = keyHash }: BulkOptions) {
    this.#database = database
    this.#hashOf = hashOf
    this.#buckets = Array.from({ length: Math.max(1, Math.ceil(rows / bucketRows)) }, () => ({
      rows: 0,
      chunk: chunkOf(chunkBytes),
      filled: 0,
      written: [],
    }))
    this.#file = openSync(path, 'w+', 0o600)
  }

  put(key: string, row: string): void {
    const hash = this.#hashOf(key)
    const count = this.#buckets.length
    const bucket = this.#buckets[Math.min(count - 1, Math.floor((hash / keyHashEnd) * count))]!
    bucket.rows++
    // A UTF-16 unit is at most three bytes.
    const bytesMax = headBytes + 3 * (key.length + row.length)
    if (bucket.filled + bytesMax > chunkBytes) this.#write(bucket, bucket.chunk, bucket.filled)
    if (bytesMax <= chunkBytes) {
      bucket.filled += encode(bucket.chunk, bucket.filled, { hash, key, row })
    } else {
      const alone = chunkOf(bytesMax)
      this.#write(bucket, alone, encode(alone, 0, { hash, key, row }))
    }
  }

  /** Bucket by bucket, so that the caller can let the event loop have a turn. */
  *load(): Generator<void> {
    const insert = this.#database.prepare<[number, Buffer, Buffer]>(
      'INSERT OR IGNORE INTO entity VALUES (?, CAST(? AS TEXT), CAST(? AS TEXT))',
    )
    const writer = rowWriter(this.#database, this.#hashOf)
    for (const bucket of this.#buckets) {
      const { room, view, hashes, places } = this.#read(bucket)
      for (const index of inOrder(hashes)) {
        const head = places[index]!
        const at = head + headBytes
        const keyEnd = at + view.getUint32(head + 8)
        const key = room.subarray(at, keyEnd)
        const row = room.subarray(keyEnd, keyEnd + view.getUint32(head + 12))
        const { changes } = insert.run(hashes[index]!, key, row)
        if (changes === 0) writer.put(key.toString(), row.toString())
      }
      yield
    }
  }

  close(): void {
    closeSync(this.#file)
  }

  /** What the bucket has collected is in the file afterwards, or `alone` is: a row that is larger than a chunk. */
  #write(bucket: Bucket, chunk: Chunk, bytes: number): void {
    for (let done = 0; done < bytes; )
      done += writeSync(this.#file, chunk.bytes, done, bytes - done, this.#fileBytes + done)
    bucket.written.push({ position: this.#fileBytes, bytes })
    this.#fileBytes += bytes
    if (chunk === bucket.chunk) bucket.filled = 0
  }

  #read({ rows, chunk, filled, written }: Bucket) {
    const end = written.reduce((sum, { bytes }) => sum + bytes, filled)
    if (this.#room.length < end) this.#room = Buffer.allocUnsafeSlow(end)
    const room = this.#room
    let at = 0
    for (const { position, bytes } of written) {
      for (let done = 0; done < bytes; ) {
        const read = readSync(this.#file, room, at + done, bytes - done, position + done)
        if (read === 0) throw new Error('the staging file has lost its end')
        done += read
      }
      at += bytes
    }
    chunk.bytes.copy(room, at, 0, filled)
    const view = new DataView(room.buffer)
    const hashes = new Float64Array(rows)
    const places = new Uint32Array(rows)
    for (let row = 0, place = 0; row < rows; row++) {
      hashes[row] = view.getFloat64(place)
      places[row] = place
      place += headBytes + view.getUint32(place + 8) + view.getUint32(place + 12)
    }
    return { room, view, hashes, places }
  }
}

function chunkOf(size: number): Chunk {
  const bytes = Buffer.allocUnsafeSlow(size)
  return { bytes, view: new DataView(bytes.buffer) }
}

/** The bytes written. */
function encode(
  { bytes, view }: Chunk,
  at: number,
  { hash, key, row }: { readonly hash: number; readonly key: string; readonly row: string },
): number {
  const keyBytes = bytes.write(key, at + headBytes)
  const rowBytes = bytes.write(row, at + headBytes + keyBytes)
  view.setFloat64(at, hash)
  view.setUint32(at + 8, keyBytes)
  view.setUint32(at + 12, rowBytes)
  return headBytes + keyBytes + rowBytes
}

/**
 * The places of the hashes in ascending order; of one hash, in the order in which they came. The last digits of each hash give way
 * to its place, so that plain numbers are sorted: two hashes that differ in nothing else may change places, which costs a page's
 * order and nothing else.
 */
function inOrder(hashes: Float64Array): Float64Array {
  const scale = 2 ** Math.ceil(Math.log2(Math.max(1, hashes.length)))
  const sorted = hashes.map((hash, place) => Math.floor(hash / scale) * scale + place).sort()
  return sorted.map((mixed) => mixed - Math.floor(mixed / scale) * scale)
}
