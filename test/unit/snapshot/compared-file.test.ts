import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ComparedFile } from '../../../src/snapshot/compared-file.ts'
import { snapshotPath } from '../../../src/snapshot/manifest.ts'
import { type LocalSnapshotStore, snapshotStore } from '../../../src/snapshot/store.ts'
import type { Row } from '../../../src/sync/store.ts'
import { publishRows } from '../../support/rows.ts'

let dir: string
let store: LocalSnapshotStore

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'le-compared-'))
  store = snapshotStore({ dir })
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

async function all(pages: AsyncIterable<readonly Row[]>): Promise<string[]> {
  const found: string[] = []
  for await (const page of pages) found.push(...page.map(({ key, row }) => `${key}=${row}`))
  return found.toSorted()
}

test('rows that were seen are known from those that were not, however often and in whichever order', async () => {
  const numbers = Array.from({ length: 2000 }, (_, index) => String(index))
  await publishRows(store, Object.fromEntries(numbers.map((key) => [key, `{"n":${key}}`])), { rows: 2000 })
  const stored = (await store.read('product'))!
  expect(stored.version).toMatchObject({ version: 1, rows: 2000, configHash: 'columns.rest' })
  expect(await all(stored.all())).toHaveLength(2000)
  for (const key of [...numbers.slice(0, 1990), ...numbers.slice(500, 1990)].reverse())
    expect(stored.see(key)).toBe(`{"n":${key}}`)
  expect(stored.see('2000')).toBeUndefined()
  expect(await all(stored.unseen())).toEqual(numbers.slice(1990).map((key) => `${key}={"n":${key}}`))
  stored.close()
})

test('a row that shares its hash with another one is seen by itself', async () => {
  await publishRows(store, { a: '1', b: '2' }, { rows: 2 })
  const path = snapshotPath(dir, 'product', 1)
  const database = new Database(path)
  database.exec(`INSERT INTO collided VALUES ('c', '3'), ('d', '4')`)
  database.close()
  const stored = new ComparedFile(path, (await store.current('product'))!)
  expect(await all(stored.all())).toEqual(['a={"N":1}', 'b={"N":2}', 'c={"N":3}', 'd={"N":4}'])
  expect([stored.see('c'), stored.see('a')]).toEqual(['{"N":3}', '{"N":1}'])
  expect(await all(stored.unseen())).toEqual(['b={"N":2}', 'd={"N":4}'])
  stored.close()
})

test('there is nothing to read before the first version, and a damaged one is not read', async () => {
  expect(await store.read('product')).toBeNull()
  await publishRows(store, { a: '1' }, { rows: 1 })
  const path = snapshotPath(dir, 'product', 1)
  writeFileSync(path, Buffer.alloc((await store.list('product'))[0]!.bytes))
  await expect(store.read('product')).rejects.toMatchObject({ code: 'SNAPSHOT_CORRUPT' })
})
