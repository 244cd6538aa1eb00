import { describe, expect, test } from 'vitest'
import type { Match } from '../../../src/enrich/match.ts'
import { patchWriter } from '../../../src/enrich/patch.ts'
import { piecesOf, placePieces, setPaths } from '../../../src/enrich/pieces.ts'
import { RowReader } from '../../../src/enrich/row-reader.ts'
import { shapeOf } from '../../../src/enrich/shape.ts'
import { splice } from '../../../src/enrich/splice.ts'
import { ValueWriter } from '../../../src/enrich/value-writer.ts'
import { type JsonObject, type JsonValue, parseJson } from '../../../src/json.ts'
import { compileMapping } from '../../../src/mapping/mapping.ts'
import { bytesOf } from '../../../src/memory.ts'
import { Row } from '../../../src/row-text.ts'
import { foundIn } from '../../support/found.ts'
import { row } from '../../support/plan.ts'

const rows: Readonly<Record<string, string>> = { product: '{"NAME":"Hüt","PRICE":1.5}' }

const matches = ['product', 'account'].map(
  (entity) =>
    ({
      binding: { entity },
      status: 'hit',
      key: '1',
      row: rows[entity] === undefined ? null : Row.of(rows[entity]),
      version: 1,
    }) as unknown as Match,
)

const seen = (text: string): JsonObject => ({
  ...(parseJson(text) as JsonObject),
  __segment_entities: { shop: { product: parseJson(rows.product!) } },
})

/** The event text as the patch changes it, standing among other bytes; null: it leaves the event to the long way. */
function patched(kit: JsonObject, text: string): string | null {
  const members = piecesOf(kit, 'shop')!
  const reads = compileMapping(kit).reads.map((read) => read.split('.'))
  const shape = shapeOf([...setPaths(members), ...reads])
  const before = Buffer.from('{"before":"')
  const bytes = Buffer.concat([before, Buffer.from(text), Buffer.from('","after":1}')])
  const end = before.length + Buffer.byteLength(text)
  const found = foundIn(shape, bytes.subarray(before.length, end))
  for (const positions of [found.starts, found.ends, found.tails])
    for (const [slot, position] of positions.entries()) positions[slot] = position < 0 ? -1 : position + before.length
  const readRows = new RowReader(new Map([['product', 'all']]))
  const source = { bytes, start: before.length, end, found, matches, rows: readRows, event: () => seen(text) }
  const value = patchWriter(placePieces(members, shape, { isEvent: true }), shape)(source, new ValueWriter())
  return value === null ? null : bytesOf(value).toString()
}

describe('a patch gives what splicing the result gives', () => {
  const product = row('product')
  test.each<[string, JsonObject, string]>([
    ['a constant in the place of a value', { n: 'ü"' }, '{"a":1, "n" : 1.0 ,"b":2}'],
    ['a new member at the end, before the white space', { n: null }, '{"a":1.0 }'],
    ['new members in an empty object', { n: 1, m: [2, {}] }, '{ }'],
    ['new members in the order of the mapping', { z: 1, a: 2, é: 3 }, '{"b":0}'],
    ['of duplicates the last', { n: 1 }, '{"n":2,"n":3}'],
    ['a whole row as the snapshot has it', { properties: { product } }, '{"properties":{"sku":"1"}}'],
    ['a row in the place of a value', { properties: { product } }, '{"properties":{"product":[ ],"x":1}}'],
    ['a row in a new object', { deep: { er: { product, one: 1 } } }, '{"a":1}'],
    ['no row: nothing', { account: row('account'), a: row('account', 'PLAN') }, '{"a":1.0}'],
    ['no row in a new object: the object alone', { deep: { account: row('account') } }, '{}'],
    ['a column', { name: row('product', 'NAME'), price: row('product', 'PRICE') }, '{"price":{"x":1}}'],
    [
      'what is computed, and what comes out undefined',
      { t: { '@template': '{{a}}!' }, u: { '@path': '$.no' } },
      '{"a":"ü","u":5}',
    ],
    ['a list with a directive in it', { list: [1, { '@path': '$.a' }] }, '{"a":9007199254740993}'],
    ['an object over a value that is none', { a: { b: 1, c: { d: 2 } } }, '{"a":"text"}'],
    [
      'an object into an object, and further down',
      { a: { b: { c: 1, d: 2 }, e: {} } },
      '{"a":{"b":{"c":0},"e":{"f":1.0}}}',
    ],
    ['an empty mapping', {}, '{"a":1.00}'],
    ['names that objects inherit', { search: 1, constructor: { length: 2 } }, '{"a":1,"search":0}'],
    ['names with quotes and escapes', { 'a"b': 1, '\ud800': 2, '': 3 }, '{"x":0}'],
    ['a large value of wide characters', { a: '\u2028'.repeat(100_000), b: 1 }, '{"a":1,"b":2}'],
    ['changes that stand in another order than the mapping', { b: 1, a: { x: 2 }, c: 3 }, '{"a":{},"c":0,"b":0}'],
  ])('%s', (_, kit, text) => {
    const result = compileMapping(kit).transform(seen(text)) as JsonObject
    expect(patched(kit, text)).toBe(splice(text, result))
  })

  test('an object on an object at a depth that only the values tell is left to the long way', () => {
    expect(patched({ a: row('product') }, '{"a":{"x":1}}')).toBe(null)
    expect(patched({ a: { '@path': '$.b' } }, '{"a":{"x":1},"b":{"y":2}}')).toBe(null)
    expect(patched({ a: { '@path': '$.b' } }, '{"a":{"x":1},"b":[2]}')).toBe('{"a":[2],"b":[2]}')
  })
})

describe('which mappings are pieces', () => {
  test.each<[string, JsonObject]>([
    ['a directive as the whole', { '@path': '$.properties' }],
    ['a root directive', { __segment_internal_directive: { '@transform': { apply: { '@path': '$.' } } }, a: 1 }],
    ['the reserved path itself', { __segment_entities: 1 }],
    ['numbers as names: they change their place in an object', { a: { 7: 1 } }],
    ['__proto__', JSON.parse('{"__proto__":1}') as JsonObject],
  ])('not %s', (_, kit) => {
    expect(piecesOf(kit, 'shop')).toBe(null)
  })

  test('a row of another space is no row', () => {
    const kinds = (value: JsonValue) => piecesOf({ value }, 'shop')?.map(({ piece }) => piece.kind)
    expect(kinds(row('product'))).toEqual(['row'])
    expect(kinds({ '@path': '$.__segment_entities.other.product' })).toEqual(['computed'])
    expect(kinds(row('product', 'NAME'))).toEqual(['column'])
    expect(kinds(row('product', 'NAME.deeper'))).toEqual(['computed'])
    expect(kinds({ '@path': '$.a.b' })).toEqual(['property'])
    expect(kinds({ '@path': '$.' })).toEqual(['computed'])
  })

  test('every path that may be set is looked for, also those above it', () => {
    expect(setPaths(piecesOf({ a: { b: { c: 1 } }, d: row('product') }, 'shop')!)).toEqual([
      ['a'],
      ['a', 'b'],
      ['a', 'b', 'c'],
      ['d'],
    ])
  })
})
