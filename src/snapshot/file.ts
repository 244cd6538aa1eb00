/** One snapshot file, open for reading; its rows are in memory where they are asked for often. */
import Database from 'better-sqlite3'
import type { Snapshot } from '../enrich/snapshots.ts'
import { Row, type RowLayout } from '../row-text.ts'
import { type Manifest, snapshotPath } from './manifest.ts'
import { Pace, type Room } from './pace.ts'
import { type CacheState, cachedRows } from './row-cache.ts'
import { bytesInMemory, type RowsInMemory, readIntoMemory } from './rows-in-memory.ts'
import { type GetValues, readLayout, rowReader } from './table.ts'

/** As much of the file as SQLite lets us map; the rest it reads. */
const mappedBytesMax = 2_147_418_112

/** For a file in which rows are looked up in great numbers. */
export interface Serving {
  /** For its rows in memory. */
  readonly room: Room
  /** A cache of rows is tried, and this hears whether it pays. */
  readonly cacheTold: (state: CacheState) => void
  /** The rows are in memory now. */
  readonly inMemory: (rows: { readonly bytes: number }) => void
}

export class SnapshotFile implements Snapshot {
  readonly #database: Database.Database
  readonly #layout: RowLayout
  readonly #read: GetValues
  /** The same with a cache of rows. */
  #readCached: GetValues
  readonly #serving: Serving | null
  /** Null: not for many lookups, or already being read into memory. */
  #pace: Pace | null
  #inMemory: RowsInMemory | null = null
  #bytesTaken = 0
  #manifest: Manifest
  #asOf: number

  constructor(dir: string, manifest: Manifest, serving: Serving | null = null) {
    this.#manifest = manifest
    this.#asOf = Date.parse(manifest.as_of)
    this.#database = new Database(snapshotPath(dir, manifest.entity, manifest.version), {
      readonly: true,
      fileMustExist: true,
    })
    // The file never changes, so the lock is taken once and kept: half of a point read's time is its lock.
    this.#database.pragma('locking_mode = EXCLUSIVE')
    this.#database.pragma(`mmap_size = ${mappedBytesMax}`)
    // Neither is a transaction begun and ended for each: this one lasts as long as the file is open.
    this.#database.exec('BEGIN; SELECT 1 FROM entity LIMIT 1')
    this.#read = rowReader(this.#database)
    this.#readCached = serving === null ? this.#read : cachedRows(this.#read, serving.cacheTold)
    this.#layout = readLayout(this.#database)
    this.#serving = serving
    this.#pace = serving === null ? null : new Pace(manifest.rows)
  }

  get entity(): string {
    return this.#manifest.entity
  }
  get version(): number {
    return this.#manifest.version
  }
  get epoch(): number {
    return this.#manifest.epoch
  }
  get asOf(): number {
    return this.#asOf
  }
  get rows(): number {
    return this.#manifest.rows
  }
  get manifest(): Manifest {
    return this.#manifest
  }

  get(key: string): Row | undefined {
    if (this.#inMemory !== null) return this.#inMemory.get(key)
    if (this.#pace?.lookup()) void this.#readIntoMemory()
    const values = this.#readCached(key)
    return values === undefined ? undefined : new Row(this.#layout, values)
  }

  find(bytes: Buffer, start: number, end: number): Row | undefined {
    if (this.#inMemory !== null) return this.#inMemory.find(bytes, start, end)
    return this.get(bytes.toString('latin1', start, end))
  }

  get resident(): RowsInMemory | null {
    return this.#inMemory
  }

  /** The same version, seen to be true at a later time. */
  confirm(manifest: Manifest): void {
    this.#manifest = manifest
    this.#asOf = Date.parse(manifest.as_of)
  }

  close(): void {
    this.#inMemory = null
    this.#giveRoom()
    this.#database.close()
  }

  /** Not awaited by anybody: until it is done the file is asked, and if it fails the file goes on. */
  async #readIntoMemory(): Promise<void> {
    const { room, inMemory } = this.#serving!
    const bytes = bytesInMemory(this.#manifest)
    if (!room.take(bytes)) return // the next window asks again
    this.#pace = null
    this.#bytesTaken = bytes
    const options = { layout: this.#layout, size: this.#manifest, isWanted: () => this.#database.open }
    const rows = await readIntoMemory(this.#database, options).catch(() => null)
    if (!this.#database.open) return // closed meanwhile
    if (rows === null) return this.#giveRoom()
    this.#inMemory = rows
    this.#readCached = this.#read
    this.#database.close()
    inMemory({ bytes: rows.bytes })
  }

  #giveRoom(): void {
    this.#serving?.room.give(this.#bytesTaken)
    this.#bytesTaken = 0
  }
}
