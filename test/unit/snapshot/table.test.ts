import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { keyHash, keyHashEnd } from '../../../src/key.ts'
import { Bulk } from '../../../src/snapshot/bulk.ts'
import { countRows, createTable, rowReader, rowWriter } from '../../../src/snapshot/table.ts'

const key = fc.oneof(fc.constantFrom('', 'a', 'b', 'aa', 'é', '😀', '42', 'a\u0000b'), fc.string())

describe.each([
  ['with hashes that hardly ever meet', keyHash],
  ['with few hashes', (text: string) => text.length % 3],
  ['with one hash for all', () => 7],
])('a table %s', (_, hashOf) => {
  test('holds what a map would after any changes', () => {
    const change = fc.tuple(key, fc.option(fc.string(), { freq: 2 }))
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const database = new Database(':memory:')
        createTable(database)
        const writer = rowWriter(database, hashOf)
        const model = new Map<string, string>()
        for (const [name, row] of changes) {
          if (row === null) {
            writer.remove(name)
            model.delete(name)
          } else {
            writer.put(name, row)
            model.set(name, row)
          }
        }
        const get = rowReader(database, hashOf)
        for (const [name] of changes) expect(get(name)).toBe(model.get(name))
        expect(countRows(database)).toBe(model.size)
        database.close()
      }),
    )
  })

  test('loaded in bulk has every row once, the last of each key', () => {
    const path = join(tmpdir(), `le-bulk-${process.pid}.sqlite`)
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.string())), fc.constantFrom(1, 250_000), (rows, expected) => {
        const database = new Database(':memory:')
        createTable(database)
        const bulk = new Bulk(database, { path, rows: expected, hashOf })
        for (const [name, row] of rows) bulk.put(name, row)
        for (const _ of bulk.load());
        bulk.close()
        const get = rowReader(database, hashOf)
        const model = new Map(rows)
        for (const [name, row] of model) expect(get(name)).toBe(row)
        expect(countRows(database)).toBe(model.size)
        database.close()
        rmSync(path)
      }),
      { numRuns: 40 },
    )
  })
})

test('loaded in bulk has rows of any size', () => {
  const path = join(tmpdir(), `le-bulk-sizes-${process.pid}`)
  const database = new Database(':memory:')
  createTable(database)
  const bulk = new Bulk(database, { path, rows: 120_000 })
  const row = (size: number) => 'é'.repeat(size)
  const sizes = Array.from({ length: 500 }, (_, index) => (index * 7919) % 40_000)
  for (const size of sizes) bulk.put(`${size}`, row(size))
  for (const _ of bulk.load());
  bulk.close()
  rmSync(path)
  const get = rowReader(database)
  expect(sizes.filter((size) => get(`${size}`) !== row(size))).toEqual([])
  expect(countRows(database)).toBe(new Set(sizes).size)
  database.close()
})

describe('the hash of a key', () => {
  test('never changes: it is in the files', () => {
    expect(['', 'a', 'SKU-1', 'é', '😀', '9007199254740993'].map(keyHash)).toEqual([
      5186576309237574, 8405194798220418, 5987442156667888, 3265302186884655, 5615901479688415, 7511863658656653,
    ])
  })

  test('is a whole number that a double holds, and spreads keys that differ in a digit', () => {
    const hashes = Array.from({ length: 100_000 }, (_, number) => keyHash(`SKU-${String(number).padStart(12, '0')}`))
    expect(hashes.every((hash) => Number.isSafeInteger(hash) && hash >= 0 && hash < keyHashEnd)).toBe(true)
    expect(new Set(hashes).size).toBe(hashes.length)
    const buckets = new Array<number>(100).fill(0)
    for (const hash of hashes) buckets[Math.floor(hash / (keyHashEnd / 100))]!++
    expect(Math.min(...buckets)).toBeGreaterThan(850)
    expect(Math.max(...buckets)).toBeLessThan(1150)
  })
})
