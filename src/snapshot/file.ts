/** One snapshot file, open for reading. */
import Database from 'better-sqlite3'
import type { Snapshot } from '../enrich/snapshots.ts'
import { Row } from '../row-text.ts'
import { type Manifest, snapshotPath } from './manifest.ts'
import { type CacheState, cachedRows } from './row-cache.ts'
import { readLayout, rowReader } from './table.ts'

/** As much of the file as SQLite lets us map; the rest it reads. */
const mappedBytesMax = 2_147_418_112

export class SnapshotFile implements Snapshot {
  readonly #database: Database.Database
  /** The row with this key text, or undefined. */
  readonly get: (key: string) => Row | undefined
  #manifest: Manifest
  #asOf: number

  /** `told`: where rows are looked up in great numbers, a cache is tried, and this hears whether it pays. */
  constructor(dir: string, manifest: Manifest, told: ((state: CacheState) => void) | null = null) {
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
    const read = rowReader(this.#database)
    const values = told === null ? read : cachedRows(read, told)
    const layout = readLayout(this.#database)
    this.get = (key) => {
      const found = values(key)
      return found === undefined ? undefined : new Row(layout, found)
    }
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

  /** The same version, seen to be true at a later time. */
  confirm(manifest: Manifest): void {
    this.#manifest = manifest
    this.#asOf = Date.parse(manifest.as_of)
  }

  close(): void {
    this.#database.close()
  }
}
