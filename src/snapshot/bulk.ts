/**
 * The first rows of a snapshot file. They come in the order of their keys and have to go in by their hashes, which would
 * touch a page for each row; so they wait in a second file, in buckets by hash that are small enough to be sorted in memory.
 */
import type Database from 'better-sqlite3'
import { keyHash, keyHashEnd } from '../key.ts'
import { type KeyHash, type RowWriter, rowWriter } from './table.ts'

/** Some 30 MB of rows: what one sort may take. */
const bucketRows = 100_000

export interface Bulk {
  put(key: string, row: string): void
  /** Bucket by bucket, so that the caller can let the event loop have a turn. The staging file is detached at the end. */
  load(): Iterable<void>
}

/** `path`: of the staging file, which the caller deletes. `rows`: about how many come. */
export function bulkLoad(
  database: Database.Database,
  { path, rows, hashOf = keyHash }: { readonly path: string; readonly rows: number; readonly hashOf?: KeyHash },
): Bulk {
  database.prepare('ATTACH ? AS staging').run(path)
  database.exec('PRAGMA staging.journal_mode = OFF; PRAGMA staging.synchronous = OFF; PRAGMA temp_store = MEMORY')
  const count = Math.max(1, Math.ceil(rows / bucketRows))
  const width = keyHashEnd / count
  const puts = Array.from({ length: count }, (_, bucket) => {
    database.exec(`CREATE TABLE staging.bucket${bucket} (hash INTEGER NOT NULL, key TEXT NOT NULL, row TEXT NOT NULL)`)
    return database.prepare<[number, string, string]>(`INSERT INTO staging.bucket${bucket} VALUES (?, ?, ?)`)
  })
  return {
    put(key, row) {
      const hash = hashOf(key)
      puts[Math.min(count - 1, Math.floor(hash / width))]!.run(hash, key, row)
    },
    *load() {
      const writer = rowWriter(database, hashOf)
      for (let bucket = 0; bucket < count; bucket++) {
        loadBucket(database, `staging.bucket${bucket}`, writer)
        yield
      }
    },
  }
}

function loadBucket(database: Database.Database, table: string, writer: RowWriter): void {
  const rows = database.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number
  const { changes } = database
    .prepare(`INSERT OR IGNORE INTO entity SELECT hash, key, row FROM ${table} ORDER BY hash, rowid`)
    .run()
  if (changes === rows) return
  // Two rows of one hash: put one by one, in the order in which they came.
  for (const [key, row] of database.prepare(`SELECT key, row FROM ${table}`).raw().all() as [string, string][])
    writer.put(key, row)
}
