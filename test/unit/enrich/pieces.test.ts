import { expect, test } from 'vitest'
import type { Match } from '../../../src/enrich/match.ts'
import { computedReads, objectText, piecesOf, placePieces } from '../../../src/enrich/pieces.ts'
import { RowReader } from '../../../src/enrich/row-reader.ts'
import { shapeOf } from '../../../src/enrich/shape.ts'
import { encodeJson, type JsonObject, parseJson } from '../../../src/json.ts'
import { compileMapping } from '../../../src/mapping/mapping.ts'
import { Row } from '../../../src/row-text.ts'
import { foundIn } from '../../support/found.ts'
import { row } from '../../support/plan.ts'

const productRow = '{"NAME":"Hüt","PRICE":12345678901234567890,"META":{"a":[1e-9]},"NOTE":null}'
const text =
  '{"type":"track","n": 1.50 ,"large":9007199254740993,"tiny":1e-9,"u":"\\u00fc \\/","list":[ 1, {"b" : null} ],"o":{"p":{"q":"deep"},"z":null},"e":""}'

/** The payload that the pieces of a mapping give. */
function payload(kit: JsonObject): string {
  const members = piecesOf(kit, 'shop')!
  const shape = shapeOf(compileMapping(kit).reads.map((read) => read.split('.')))
  const bytes = Buffer.from(text)
  const match = {
    binding: { entity: 'product' },
    status: 'hit',
    key: '1',
    row: Row.of(productRow),
    line: null,
    version: 1,
  }
  const rows = new RowReader(new Map([['product', 'all']]))
  return objectText(placePieces(members, shape, { isEvent: false }), {
    bytes,
    start: 0,
    end: bytes.length,
    found: foundIn(shape, bytes),
    matches: [match as unknown as Match],
    rows,
    event: () => seen(),
  })
}

const seen = (): JsonObject => ({
  ...(parseJson(text) as JsonObject),
  __segment_entities: { shop: { product: parseJson(productRow) } },
})

test.each<[string, JsonObject]>([
  ['constants', { a: 'ü"', b: 1e21, c: null, d: [], e: {}, '': false }],
  [
    'numbers of the event, written as a double is or with every digit',
    { n: path('n'), large: path('large'), tiny: path('tiny') },
  ],
  ['texts of the event, without escapes that need not be', { u: path('u'), e: path('e'), t: path('type') }],
  ['lists and objects of the event, without white space', { list: path('list'), o: path('o'), p: path('o.p') }],
  [
    'what is deep, what is not there, what stands below a null',
    { q: path('o.p.q'), no: path('o.no'), z: path('o.z.y'), not: path('x.y') },
  ],
  [
    'columns and rows',
    { row: row('product'), name: row('product', 'NAME'), price: row('product', 'PRICE'), meta: row('product', 'META') },
  ],
  [
    'a null column, a column and a row that are not there',
    { a: row('product', 'NOTE'), b: row('product', 'NONE'), c: row('account') },
  ],
  [
    'what is computed',
    {
      t: { '@template': '{{n}} {{large}} {{o.p.q}}' },
      l: [1, path('u')],
      no: { '@if': { exists: path('x'), then: 1 } },
    },
  ],
  [
    'objects in objects, also when nothing is left of them',
    { a: { b: { c: path('n'), d: path('x') } }, e: { f: path('x') } },
  ],
  ['nothing at all', { a: path('x') }],
])('pieces give what the mapping gives, written: %s', (_, kit) => {
  expect(payload(kit)).toBe(encodeJson(compileMapping(kit).transform(seen())))
})

test('what the computed pieces read is told apart from the columns that are only passed on', () => {
  const kit = {
    a: row('product', 'NAME'),
    b: { c: { '@template': '{{__segment_entities.shop.product.PRICE}} {{n}}' }, d: row('product') },
  }
  expect(computedReads(piecesOf(kit, 'shop')!)).toEqual(['__segment_entities.shop.product.PRICE', 'n'])
})

function path(dotted: string): JsonObject {
  return { '@path': `$.${dotted}` }
}
