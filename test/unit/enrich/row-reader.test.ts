import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RowReader, type RowReads } from '../../../src/enrich/row-reader.ts'
import { encodeJson, type JsonObject, parseJson } from '../../../src/json.ts'
import { columnNames, oddColumnNames, rowsOfEntities } from '../../support/event-rows.ts'

const reader = (reads: Readonly<Record<string, RowReads>>) => new RowReader(new Map(Object.entries(reads)))
const names = [...columnNames, 'NONE']

/** What parsing gives. */
function parsed(row: string, column: string): string | undefined {
  const object = parseJson(row) as JsonObject
  return Object.hasOwn(object, column) ? encodeJson(object[column]) : undefined
}

test('the text of a column is what parsing the row and writing the column gives, for rows of every kind', () => {
  fc.assert(
    fc.property(rowsOfEntities, ({ product, account = [] }) => {
      const columns = new Set(names)
      const rows = reader({ product: { columns, seen: new Set() }, account: { columns, seen: 'all' } })
      for (const [entity, list] of [
        ['product', product],
        ['account', account],
      ] as const)
        for (const [, row] of list)
          for (const name of names)
            expect(rows.columnText(entity, row, name), `${name} of ${row}`).toBe(parsed(row, name))
    }),
    { numRuns: 1000 },
  )
})

test('a column that was not announced, and an entity that was not, are read all the same', () => {
  const rows = reader({ product: { columns: new Set(['A']), seen: new Set() } })
  const row = '{"A":1,"B":[1e-9],"__proto__":2}'
  for (const name of ['A', 'B', 'C', ...oddColumnNames]) {
    expect(rows.columnText('product', row, name)).toBe(parsed(row, name))
    expect(rows.columnText('other', row, name)).toBe(parsed(row, name))
  }
})

test('rows of two entities do not disturb each other, whichever is asked in between', () => {
  const columns = new Set(['A', 'B'])
  const rows = reader({ one: { columns, seen: new Set(['B']) }, two: { columns, seen: 'all' } })
  const [first, second] = ['{"A":"first","B":{"x":1.5}}', '{"B":"second"}']
  for (let turn = 0; turn < 3; turn++) {
    expect(rows.columnText('one', first, 'A')).toBe('"first"')
    expect(rows.columnText('two', second, 'B')).toBe('"second"')
    expect(rows.columnText('one', second, 'A')).toBe(undefined)
    expect(rows.columnText('two', first, 'B')).toBe('{"x":1.5}')
    expect(rows.seenRow('one', first)).toEqual({ B: { x: 1.5 } })
    expect(rows.columnText('one', first, 'B')).toBe('{"x":1.5}')
  }
})

test('two readers do not disturb each other', () => {
  const reads = { product: { columns: new Set(['A', 'B']), seen: new Set<string>() } }
  const [one, other] = [reader(reads), reader({ product: { ...reads.product, columns: new Set(['B']) } })]
  const row = '{"A":1,"B":"two"}'
  for (let turn = 0; turn < 3; turn++) {
    expect(one.columnText('product', row, 'A')).toBe('1')
    expect(other.columnText('product', '{"A":[3],"B":4}', 'B')).toBe('4')
    expect(one.columnText('product', row, 'B')).toBe('"two"')
  }
})

test('the row that is computed with has the columns that are, or all', () => {
  const row = '{"A":1,"B":9007199254740993,"C":null,"__proto__":{"x":1}}'
  const some = reader({ product: { columns: new Set(['C']), seen: new Set(['B', 'NONE']) } }).seenRow('product', row)
  expect(encodeJson(some)).toBe('{"B":9007199254740993}')
  for (const rows of [reader({ product: { columns: new Set(['C']), seen: 'all' } }), reader({})])
    expect(encodeJson(rows.seenRow('product', row))).toBe(row)
})

test('a column named __proto__ is a column', () => {
  const rows = reader({ product: { columns: new Set(), seen: new Set(['__proto__', 'A']) } })
  const row = rows.seenRow('product', '{"__proto__":0,"A":1}')
  expect(encodeJson(row)).toBe('{"__proto__":0,"A":1}')
})

test('a row that is larger than a scan takes is parsed', () => {
  const row = `{"A":"${'x'.repeat(400_000)}","B":1.5}`
  expect(reader({ product: { columns: new Set(['B']), seen: new Set(['B']) } }).columnText('product', row, 'B')).toBe(
    '1.5',
  )
})
