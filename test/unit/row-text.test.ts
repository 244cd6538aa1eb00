import fc from 'fast-check'
import { expect, test } from 'vitest'
import { rowBytesMax, writeRow } from '../../src/enrich/row-writer.ts'
import { ValueWriter } from '../../src/enrich/value-writer.ts'
import { encodeJson, type JsonObject } from '../../src/json.ts'
import { bytesOf, memory, reserve } from '../../src/memory.ts'
import { Row, RowLayout } from '../../src/row-text.ts'
import { rowInBytes, rowsOfEntities } from '../support/event-rows.ts'

const texts = [
  '{}',
  '{"A":1}',
  '{"A":null,"B":true,"C":false}',
  '{"":"","a\\"b":"c\\"d","\\\\":"\\\\"}',
  '{"list":[1,[2,{"x":"]}"}],""],"object":{"a":{"b":"}"},"c":[]},"after":-1.5e-300}',
  '{"ü":"😀 ü","long":"0123456789abcdef0123456789abcdef0123456789abcdef","kurz":"ß"}',
  `{"${'name'.repeat(50)}":"${'x'.repeat(1000)}","b":"\u2028"}`,
]

test.each(texts)('a row comes out of its values as it went in: %s', (text) => {
  const layout = RowLayout.of(text)
  const values = layout.valuesIn(text)!
  const row = new Row(layout, values)
  expect([row.text, rowInBytes(row).text]).toEqual([text, text])
  expect(JSON.parse(`[${row.list().join(',')}]`)).toEqual(Object.values(JSON.parse(text) as object))
  expect(layout.heads.map((_, place) => place)).toEqual(
    Object.keys(JSON.parse(text) as object).map((name) => layout.placeOf(name)),
  )
})

test('a row of other columns, or in another order, has no values of these', () => {
  const layout = RowLayout.of('{"A":1,"B":2}')
  expect(layout.valuesIn('{"A":[1,2],"B":{"B":2}}')).toBe('[1,2],{"B":2}')
  for (const other of ['{}', '{"A":1}', '{"B":2,"A":1}', '{"A":1,"B":2,"C":3}', '{"A":1,"C":2}', '{"AA":1,"B":2}'])
    expect(layout.valuesIn(other), other).toBe(null)
  expect(RowLayout.of('{}').valuesIn('{"A":1}')).toBe(null)
  expect(RowLayout.of('{}').valuesIn('{}')).toBe('')
})

/** What stands before and behind the place must stay. */
const at = reserve(300_000)
const untouched = Buffer.alloc(64, '*')

function written(row: Row): string | null {
  const behind = at + 1 + rowBytesMax(row)
  for (const place of [at, behind]) untouched.copy(memory, place)
  const end = writeRow('', row, at + 1)
  expect(memory[at]).toBe(untouched[0])
  expect(memory.subarray(behind, behind + untouched.length).equals(untouched)).toBe(true)
  if (end === null) return null
  return memory.toString('utf8', at + 1, end)
}

test('a row written into the memory is its text, for rows of every kind', () => {
  for (const text of texts.slice(1)) expect(written(Row.of(text))).toBe(text)
  fc.assert(
    fc.property(rowsOfEntities, ({ product, account = [] }) => {
      for (const [, text] of [...product, ...account]) {
        expect(written(Row.of(text))).toBe(text)
        expect(written(rowInBytes(Row.of(text)))).toBe(text)
      }
    }),
    { numRuns: 300 },
  )
})

test('rows of any JSON values are written, and of any length', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue(), { minKeys: 1 }), (object) => {
      const text = encodeJson(object as JsonObject)
      const row = Row.of(text)
      expect(row.text).toBe(text)
      expect([written(row), written(rowInBytes(row))]).toEqual([text, text])
    }),
    { numRuns: 1000 },
  )
  for (let length = 0; length < 70; length++) {
    const text = `{"${'n'.repeat(length)}":"${'v'.repeat(length)}","b":${10 ** (length % 20)}}`
    expect([written(Row.of(text)), written(rowInBytes(Row.of(text)))]).toEqual([text, text])
  }
})

test('many layouts in turn, more than there is room for at a time', () => {
  const rows = Array.from({ length: 3000 }, (_, number) => Row.of(`{"column ${number}":${number},"ü":"${number}"}`))
  for (let turn = 0; turn < 2; turn++)
    for (const row of turn === 0 ? rows : rows.toReversed()) expect(written(row)).toBe(row.text)
})

test('what stands before a row goes with it, also in turns', () => {
  const rows = [Row.of('{"A":1,"B":"ü"}'), Row.of('{"NAME":"x"}')]
  for (let turn = 0; turn < 40; turn++) {
    const row = rows[turn % 2]!
    const before = ['', ',"product":', '"a name of some length":', '"ü":'][(turn >> 1) % 4]!
    const end = writeRow(before, row, at)!
    expect(memory.toString('utf8', at, end)).toBe(before + row.text)
  }
})

test('what does not fit into the memory is written all the same', () => {
  const long = Row.of(`{"A":"${'ü'.repeat(30_000)}"}`)
  const wide = Row.of(`{${Array.from({ length: 3000 }, (_, number) => `"a column's name ${number}":1`).join(',')}}`)
  expect([long, wide, Row.of('{}')].map((row) => writeRow('', row, at))).toEqual([null, null, null])
  const longer = rowInBytes(Row.of(`{"A":"${'ü'.repeat(33_000)}"}`))
  expect(writeRow('', longer, at)).toBeNull()
  const writer = new ValueWriter()
  for (const row of [long, longer, wide, Row.of('{}'), Row.of('{"A":1}')]) {
    writer.begin(rowBytesMax(row) + 2)
    writer.row('<', row)
    writer.text('>')
    expect(bytesOf(writer.end()).toString()).toBe(`<${row.text}>`)
  }
})

test('values that are no JSON are left to the other way', () => {
  const layout = RowLayout.of('{"A":1,"B":2}')
  for (const values of ['1', '1,2,3', '1,', ',1', 'x,2', '"a,2', '[1,2', '1 ,2', '"\u0001",2', '', '{"a":1,2'])
    expect(writeRow('', new Row(layout, values), at), values).toBe(null)
})
