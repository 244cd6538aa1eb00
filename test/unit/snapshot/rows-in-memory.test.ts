import Database from 'better-sqlite3'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { asciiHash, keyHash } from '../../../src/key.ts'
import { RowLayout } from '../../../src/row-text.ts'
import { bytesInMemory, readIntoMemory } from '../../../src/snapshot/rows-in-memory.ts'
import { createTable, rowReader, rowWriter } from '../../../src/snapshot/table.ts'

const layout = new RowLayout(['{"N":', ',"M":'])
const value = fc.oneof(
  fc.jsonValue().map((json) => JSON.stringify(json)),
  fc.string({ unit: 'grapheme', minLength: 110, maxLength: 140 }).map((text) => JSON.stringify(text)),
  fc.integer({ min: 120, max: 126 }).map((digits) => '7'.repeat(digits)),
)
const values = fc.tuple(value, value).map((both) => both.join(','))
const key = fc.oneof(
  fc.constantFrom(
    '',
    'a',
    'b',
    'aa',
    'é',
    'e\u0301',
    '😀',
    '42',
    'a\u0000b',
    '\ud800',
    '\ufffd',
    'k'.repeat(127),
    'k'.repeat(128),
  ),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
)

const isAscii = (name: string) => /^[\0-\x7f]*$/.test(name)

function tableOf(rows: Iterable<readonly [string, string]>, hashOf = keyHash): Database.Database {
  const database = new Database(':memory:')
  createTable(database)
  const writer = rowWriter(database, hashOf)
  for (const [name, row] of rows) writer.put(name, row)
  return database
}

/** The size of the table as a file. */
function sizeOf(database: Database.Database) {
  const rows = database.prepare('SELECT count(*) FROM entity').pluck().get() as number
  return { rows, bytes: database.serialize().length }
}

async function inMemory(database: Database.Database, isWanted: () => boolean = () => true) {
  return readIntoMemory(database, { layout, size: sizeOf(database), isWanted })
}

describe('rows in memory', () => {
  test('are those of the table, by text and by bytes', async () => {
    const rows = fc.array(fc.tuple(key, values), { maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(rows, fc.array(key), async (some, others) => {
        const database = tableOf(some.filter(([name]) => Buffer.from(name).toString() === name))
        const get = rowReader(database)
        const read = await inMemory(database)
        const names = [...others, ...some.map(([name]) => name)]
        for (const name of names) {
          expect(read!.get(name)?.values).toBe(get(name))
          if (!isAscii(name)) continue
          const bytes = Buffer.from(`"${name}",`)
          expect(read!.find(bytes, 1, bytes.length - 2)?.values).toBe(get(name))
        }
        database.close()
      }),
    )
  })

  test('come in many slices, every one of them whole', async () => {
    const rows = Array.from(
      { length: 20_000 },
      (_, number) => [`SKU-${number}`, `null,1${`${number}`.repeat(20)}`] as const,
    )
    const database = tableOf(rows)
    let slices = 0
    const read = await inMemory(database, () => ++slices > 0)
    expect(slices).toBeGreaterThan(3)
    expect(rows.filter(([name, row]) => read!.get(name)?.values !== row)).toEqual([])
    expect(['SKU-', 'SKU-20000', 'SKU-00', 'sku-1'].map((name) => read!.get(name))).toEqual(
      new Array(4).fill(undefined),
    )
    expect(read!.bytes).toBeGreaterThan(rows.length * 100)
    expect(read!.bytes).toBeLessThan(bytesInMemory(sizeOf(database)))
    database.close()
  })

  test('of every length that a head can say', async () => {
    const lengths = [127, 128, 16_383, 16_384, 2 ** 21 - 1]
    const text = (bytes: number) => `"${'é'.repeat(bytes >> 1)}${'v'.repeat(bytes & 1)}"`
    const rows = lengths.map((length) => [`${length}`, `0,${text(length - 4)}`] as const)
    const keys = [1, 127, 128, 2 ** 14 - 1].map((length) => ['k'.repeat(length), '"",1'] as const)
    const database = tableOf([...rows, ...keys])
    const read = await inMemory(database)
    for (const [name, row] of [...rows, ...keys]) expect(read!.get(name)?.values === row).toBe(true)
    database.close()
  })

  test('whose heads begin with a digit, behind rows that end with one', async () => {
    const rows = Array.from({ length: 20 }, (_, more) => ['k'.repeat(48 * 128 + more), '"",1'] as const)
    const database = tableOf(rows)
    const read = await inMemory(database)
    expect(rows.map(([name]) => read!.get(name)?.values)).toEqual(rows.map(([, row]) => row))
    database.close()
  })

  test.each([
    ['a key of 16 KiB', [['k'.repeat(2 ** 14), '1,2']]],
    ['a key of many MiB', [['k'.repeat(2 ** 24), '1,2']]],
    ['values of 2 MiB', [['a', `1,"${'v'.repeat(2 ** 21 - 4)}"`]]],
    ['values that are longer still', [['a', `1,"${'v'.repeat(2 ** 24 + 5)}"`]]],
    ['a number of 127 digits', [['a', `1,${'7'.repeat(127)}`]]],
    ['a value more than there are columns', [['a', '1,2,3']]],
    ['a value less', [['a', '1']]],
    ['what is no value', [['a', '1,v']]],
    ['what is no comma', [['a', '1;2']]],
    ['a text without an end', [['a', '1,"v']]],
  ] as const)('are not read where one has %s', async (_, long) => {
    const rows = Array.from({ length: 3000 }, (_, number) => [`${number}`, '1,2'] as const)
    const database = tableOf([...rows, ...long])
    expect(await inMemory(database)).toBeNull()
    database.close()
  })

  test('are not read where keys share their hash, or where they would be more than 2 GiB', async () => {
    const sharing = tableOf(
      [
        ['a', '1,1'],
        ['b', '2,2'],
      ],
      () => 7,
    )
    expect(await inMemory(sharing)).toBeNull()
    sharing.close()
    const database = tableOf([['a', '1,1']])
    expect(
      await readIntoMemory(database, { layout, size: { rows: 1, bytes: 2 ** 31 }, isWanted: () => true }),
    ).toBeNull()
    database.close()
  })

  test('are not read on when nobody wants them any more', async () => {
    const database = tableOf(
      Array.from({ length: 20_000 }, (_, number) => [`${number}`, `1,"${'1'.repeat(196)}"`] as const),
    )
    let slices = 0
    expect(await inMemory(database, () => ++slices < 2)).toBeNull()
    expect(slices).toBe(2)
    database.close()
  })

  test('there may be none', async () => {
    const database = tableOf([])
    expect((await inMemory(database))!.get('a')).toBeUndefined()
    database.close()
  })
})

test('the hash of bytes is the hash of the text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary-ascii' }), (text) => {
      const bytes = Buffer.from(`.${text}.`)
      expect(asciiHash(bytes, 1, bytes.length - 1)).toBe(keyHash(text))
    }),
  )
})
