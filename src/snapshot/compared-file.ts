/** The rows of one snapshot file while a warehouse's are compared with them. Those seen are remembered by their hashes, eight bytes a row. */
import Database from 'better-sqlite3'
import { keyHash } from '../key.ts'
import { type RowLayout, Row as StoredRow } from '../row-text.ts'
import type { Row, StoredRows, StoredVersion } from '../sync/store.ts'
import { type RowStatements, readLayout, rowStatements } from './table.ts'

/** Rows given out before the event loop gets a turn. */
const pageRows = 500

interface Stored extends Row {
  /** Null: stands beside the others, for it shares its hash. */
  readonly hash: number | null
}

export class ComparedFile implements StoredRows {
  readonly version: StoredVersion
  readonly #database: Database.Database
  readonly #statements: RowStatements
  readonly #layout: RowLayout
  #seen: Float64Array
  #seenCount = 0
  readonly #seenCollided = new Set<string>()

  constructor(path: string, version: StoredVersion) {
    this.version = version
    this.#database = new Database(path, { readonly: true, fileMustExist: true })
    this.#database.pragma('locking_mode = EXCLUSIVE') // the file never changes: the lock is taken once
    this.#database.pragma('cache_size = -64000')
    this.#statements = rowStatements(this.#database)
    this.#layout = readLayout(this.#database)
    this.#seen = new Float64Array(version.rows + 1)
  }

  async *all(): AsyncGenerator<readonly Row[]> {
    yield* this.#pages(() => true)
  }

  see(key: string): string | undefined {
    const hash = keyHash(key)
    const values = this.#statements.get.get(hash, key)
    if (values !== undefined) {
      this.#remember(hash)
      return this.#textOf(values)
    }
    const collided = this.#statements.getCollided.get(key)
    if (collided === undefined) return undefined
    this.#seenCollided.add(key)
    return this.#textOf(collided)
  }

  async *unseen(): AsyncGenerator<readonly Row[]> {
    const seen = this.#seen.subarray(0, this.#seenCount).sort()
    let at = 0
    yield* this.#pages(({ hash, key }) => {
      if (hash === null) return !this.#seenCollided.has(key)
      // Both are in ascending order.
      while (at < seen.length && seen[at]! < hash) at++
      return seen[at] !== hash
    })
  }

  close(): void {
    this.#database.close()
  }

  async *#pages(wanted: (row: Stored) => boolean): AsyncGenerator<readonly Row[]> {
    const sql = 'SELECT hash, key, row FROM entity ORDER BY hash'
    const collided = 'SELECT NULL AS hash, key, row FROM collided'
    for (const statement of [sql, collided]) {
      let page: Row[] = []
      let read = 0
      for (const stored of this.#database.prepare<[], Stored>(statement).iterate()) {
        if (wanted(stored)) page.push({ key: stored.key, row: this.#textOf(stored.row) })
        if (++read % pageRows !== 0) continue
        if (page.length > 0) yield page
        page = []
        await new Promise((resolve) => setImmediate(resolve))
      }
      if (page.length > 0) yield page
    }
  }

  #textOf(values: string): string {
    return new StoredRow(this.#layout, values).text
  }

  #remember(hash: number): void {
    if (this.#seenCount === this.#seen.length) {
      const more = new Float64Array(this.#seen.length * 2)
      more.set(this.#seen)
      this.#seen = more
    }
    this.#seen[this.#seenCount++] = hash
  }
}
