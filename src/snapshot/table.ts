/**
 * The table of a snapshot file: rows by a hash of their key. Whole numbers make a flat tree whose inner pages stay in the
 * processor's caches; by the key's text a point read costs half as much again. Keys that share their hash with another one
 * stand beside, by their text. A row is its values; the names of its columns are said once, in `layout`.
 */
import type Database from 'better-sqlite3'
import { assert } from '../assert.ts'
import { keyHash } from '../key.ts'
import { RowLayout } from '../row-text.ts'

/** Changes with the table, and is in every manifest: files of another format are not read. */
export const tableFormat = 3

export type KeyHash = (key: string) => number

export function createTable(database: Database.Database): void {
  database.exec(
    `CREATE TABLE entity (hash INTEGER NOT NULL PRIMARY KEY, key TEXT NOT NULL, row TEXT NOT NULL);
     CREATE TABLE collided (key TEXT NOT NULL PRIMARY KEY, row TEXT NOT NULL) WITHOUT ROWID;
     CREATE TABLE layout (place INTEGER NOT NULL PRIMARY KEY, head TEXT NOT NULL)`,
  )
}

/** Without columns: there was no row yet. */
export function readLayout(database: Database.Database): RowLayout {
  return new RowLayout(database.prepare<[], string>('SELECT head FROM layout ORDER BY place').pluck().all())
}

/** From the text of a row to what the table has of it. The first row of a version says what columns all have. */
export function rowPacker(database: Database.Database): (text: string) => string {
  let layout = readLayout(database)
  return (text) => {
    if (layout.heads.length === 0) {
      layout = RowLayout.of(text)
      const insert = database.prepare<[string]>('INSERT INTO layout (head) VALUES (?)')
      for (const head of layout.heads) insert.run(head)
    }
    const values = layout.valuesIn(text)
    assert(values !== null, 'a row has other columns than the rows before it')
    return values
  }
}

/** What the table has of the row with this key. */
export type GetValues = (key: string) => string | undefined

/** The row at its place by hash, and the row that stands beside. */
export interface RowStatements {
  readonly get: Database.Statement<[number, string], string>
  readonly getCollided: Database.Statement<[string], string>
}

export function rowStatements(database: Database.Database): RowStatements {
  return {
    get: database.prepare<[number, string], string>('SELECT row FROM entity WHERE hash = ? AND key = ?').pluck(),
    getCollided: database.prepare<[string], string>('SELECT row FROM collided WHERE key = ?').pluck(),
  }
}

export function rowReader(database: Database.Database, hashOf: KeyHash = keyHash): GetValues {
  const { get, getCollided } = rowStatements(database)
  return hasCollided(database)
    ? (key) => get.get(hashOf(key), key) ?? getCollided.get(key)
    : (key) => get.get(hashOf(key), key)
}

/** Whether keys share their hash. */
export function hasCollided(database: Database.Database): boolean {
  return database.prepare('SELECT 1 FROM collided LIMIT 1').get() !== undefined
}

export interface RowWriter {
  put(key: string, row: string): void
  remove(key: string): void
}

/** Changes to a table that is there already. */
export function rowWriter(database: Database.Database, hashOf: KeyHash = keyHash): RowWriter {
  const put = database.prepare<[number, string, string]>(
    'INSERT INTO entity VALUES (?, ?, ?) ON CONFLICT (hash) DO UPDATE SET row = excluded.row WHERE key = excluded.key',
  )
  const remove = database.prepare<[number, string]>('DELETE FROM entity WHERE hash = ? AND key = ?')
  const putCollided = database.prepare<[string, string]>('INSERT OR REPLACE INTO collided VALUES (?, ?)')
  const removeCollided = database.prepare<[string]>('DELETE FROM collided WHERE key = ?')
  return {
    put(key, row) {
      if (put.run(hashOf(key), key, row).changes === 0) putCollided.run(key, row)
      else removeCollided.run(key) // the place may have been another key's until now
    },
    remove(key) {
      remove.run(hashOf(key), key)
      removeCollided.run(key)
    },
  }
}

export function countRows(database: Database.Database): number {
  return database
    .prepare('SELECT (SELECT count(*) FROM entity) + (SELECT count(*) FROM collided)')
    .pluck()
    .get() as number
}
