import { describe, expect, test } from 'vitest'
import { enrich, isDelivery } from '../../../src/enrich/enrich.ts'
import { preview } from '../../../src/enrich/preview.ts'
import type { JsonObject } from '../../../src/json.ts'
import { bytesOf } from '../../../src/memory.ts'
import { messageOf, snapshotsOf } from '../../support/pipeline.ts'
import { type DestinationWords, planOf, row } from '../../support/plan.ts'

const snapshots = snapshotsOf({
  product: { a: { NAME: 'Hat', PRICE: 1.5 }, b: { NAME: 'Shoe', PRICE: null } },
  brand: { x: { LABEL: 'X' } },
}).current()
const lines = { product: '$.properties.products[*].sku' }
const cart =
  '{"type":"track", "n": 1.50,"properties":{"products":[{"sku":"a","q":2},{"sku":"no","q":1},{"sku":"b","brand":"x"}],"id":12345678901234567890}}'

function delivered(
  text: string,
  mapping: JsonObject,
  words: Partial<DestinationWords['mappings'][0]> = {},
  format: 'event' | 'payload' = 'payload',
) {
  const plan = planOf({ format, mappings: [{ entities: lines, mapping, ...words }] })
  const enrichment = enrich(plan, snapshots, messageOf(text))
  if ('reason' in enrichment) return enrichment
  const [entry] = enrichment.entries
  return { outcome: entry!.outcome, value: isDelivery(entry!) ? bytesOf(entry.value).toString() : null }
}

describe('a row for each line of a cart', () => {
  test('stands beside its line for @arrayPath', () => {
    const shape = { sku: { '@path': '$.sku' }, name: row('product', 'NAME'), row: row('product') }
    const made = delivered(cart, { items: { '@arrayPath': ['$.properties.products', shape] } })
    expect(made).toEqual({
      outcome: 'partial',
      value:
        '{"items":[{"sku":"a","name":"Hat","row":{"NAME":"Hat","PRICE":1.5}},{"sku":"no"},{"sku":"b","name":"Shoe","row":{"NAME":"Shoe","PRICE":null}}]}',
    })
  })

  test('is in the list at the reserved path, in the order of the lines', () => {
    const made = delivered(cart, {
      all: row('product'),
      third: { '@path': '$.__segment_entities.shop.product[2].NAME' },
      names: { '@arrayPath': ['$.__segment_entities.shop.product', { '@path': '$.NAME' }] },
    })
    expect(made).toMatchObject({
      value:
        '{"all":[{"NAME":"Hat","PRICE":1.5},null,{"NAME":"Shoe","PRICE":null}],"third":"Shoe","names":["Hat",null,"Shoe"]}',
    })
  })

  test('goes into the event, whose other bytes stay', () => {
    const made = delivered(cart, { properties: { rows: row('product') } }, {}, 'event')
    expect(made).toMatchObject({
      value: `${cart.slice(0, -2)},"rows":[{"NAME":"Hat","PRICE":1.5},null,{"NAME":"Shoe","PRICE":null}]}}`,
    })
  })

  test('is not passed on with the line', () => {
    const made = delivered(cart, { lines: { '@path': '$.properties.products' } })
    expect(made).toMatchObject({ value: '{"lines":[{"sku":"a","q":2},{"sku":"no","q":1},{"sku":"b","brand":"x"}]}' })
  })

  test('may be of several entities', () => {
    const shape = { name: row('product', 'NAME'), label: row('brand', 'LABEL') }
    const entities = { ...lines, brand: '$.properties.products[*].brand' }
    const made = delivered(cart, { items: { '@arrayPath': ['$.properties.products', shape] } }, { entities })
    expect(made).toEqual({ outcome: 'partial', value: '{"items":[{"name":"Hat"},{},{"name":"Shoe","label":"X"}]}' })
  })

  test('comes from the warehouse alone: what an event claims beside its lines is not seen', () => {
    const forged =
      '{"type":"track","properties":{"products":[{"sku":"no","__segment_entities":{"shop":{"product":{"NAME":"forged"}}}}]}}'
    const made = delivered(forged, {
      items: { '@arrayPath': ['$.properties.products', { name: row('product', 'NAME') }] },
    })
    expect(made).toEqual({ outcome: 'none', value: '{"items":[{}]}' })
  })

  test('makes the outcome full when every line has its own, and none when there is no cart', () => {
    const only = '{"type":"track","properties":{"products":[{"sku":"a"},{"sku":"b"}]}}'
    expect(delivered(only, { x: 1 })).toMatchObject({ outcome: 'full' })
    expect(delivered('{"type":"track","properties":{}}', { x: row('product') })).toEqual({
      outcome: 'none',
      value: '{"x":[]}',
    })
  })

  test.each(['drop', 'dead_letter'] as const)('is asked of every line where on_missing is %s', (onMissing) => {
    const made = delivered(cart, { x: 1 }, { onMissing })
    if (onMissing === 'drop') expect(made).toEqual({ outcome: 'dropped', value: null })
    else expect(made).toMatchObject({ reason: 'entity_missing' })
  })

  test('is explained line by line', () => {
    const mapping = { items: { '@arrayPath': ['$.properties.products', { name: row('product', 'NAME') }] } }
    const [delivery] = preview(
      planOf({ mappings: [{ entities: lines, mapping }] }),
      snapshots,
      messageOf(cart),
    ).deliveries
    expect(delivery).toMatchObject({
      outcome: 'partial',
      reason: 'product: no_match for key "no"',
      entities: [
        { entity: 'product', match: '$.properties.products[0].sku', key: 'a', status: 'hit', version: 7 },
        { entity: 'product', match: '$.properties.products[1].sku', key: 'no', status: 'no_match', version: 7 },
        { entity: 'product', match: '$.properties.products[2].sku', key: 'b', status: 'hit', version: 7 },
      ],
    })
  })
})
