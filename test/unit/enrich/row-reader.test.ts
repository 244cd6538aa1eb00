import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RowReader } from '../../../src/enrich/row-reader.ts'
import { encodeJson, type JsonObject, parseJson } from '../../../src/json.ts'
import { Row } from '../../../src/row-text.ts'
import { columnNames, oddColumnNames, rowsOfEntities } from '../../support/event-rows.ts'

const names = [...columnNames, ...oddColumnNames, 'NONE']

/** What parsing gives. */
function parsed(text: string, column: string): string | undefined {
  const object = parseJson(text) as JsonObject
  return Object.hasOwn(object, column) ? encodeJson(object[column]) : undefined
}

test('the text of a column is what parsing the row and writing the column gives, for rows of every kind, in any order', () => {
  fc.assert(
    fc.property(rowsOfEntities, ({ product, account = [] }) => {
      const reader = new RowReader(new Map())
      const rows = [...product, ...account].map(([, text]) => Row.of(text))
      for (const name of names)
        for (const row of rows)
          expect(reader.columnText(row, name), `${name} of ${row.text}`).toBe(parsed(row.text, name))
    }),
    { numRuns: 1000 },
  )
})

test('the row that is computed with has the columns that are, with their values, or all', () => {
  fc.assert(
    fc.property(rowsOfEntities, fc.uniqueArray(fc.constantFrom(...names)), ({ product }, seen) => {
      const reader = new RowReader(new Map([['product', new Set(seen)]]))
      for (const [, text] of product) {
        const whole = parseJson(text) as JsonObject
        const row = reader.seenRow('product', Row.of(text))
        for (const name of seen) expect(encodeJson(row[name] ?? null)).toBe(encodeJson(whole[name] ?? null))
        expect(Object.keys(row).toSorted()).toEqual(seen.filter((name) => Object.hasOwn(whole, name)).toSorted())
        expect(encodeJson(reader.seenRow('account', Row.of(text)))).toBe(encodeJson(whole))
      }
    }),
    { numRuns: 1000 },
  )
})

test('a column named __proto__ is a column', () => {
  const reader = new RowReader(new Map([['product', new Set(['__proto__', 'A'])]]))
  const row = reader.seenRow('product', Row.of('{"__proto__":0,"A":1}'))
  expect(encodeJson(row)).toBe('{"__proto__":0,"A":1}')
})
