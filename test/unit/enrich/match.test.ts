import { describe, expect, test } from 'vitest'
import { isMatchOfLists, matchesOf, matchText, parseMatch } from '../../../src/enrich/match.ts'
import { type JsonObject, parseJson, valueAtPath } from '../../../src/json.ts'
import { snapshotsOf } from '../../support/pipeline.ts'

test.each([
  ['$.properties.product_id', ['properties', 'product_id']],
  ['properties.product_id', ['properties', 'product_id']],
  ['userId', ['userId']],
  ['properties.products[0].sku', ['properties', 'products', '0', 'sku']],
  ["context['x y'].id", ['context', 'x y', 'id']],
])('%s is read as %j', (text, path) => expect(parseMatch(text)).toEqual({ list: null, path }))

test.each([
  ['$.properties.products[*].product_id', ['properties', 'products'], ['product_id']],
  ['properties.skus[*]', ['properties', 'skus'], []],
  ["$.properties['my cart'][*].item.id", ['properties', 'my cart'], ['item', 'id']],
])('%s is every line of a list', (text, list, path) => {
  expect(parseMatch(text)).toEqual({ list, path })
  expect(isMatchOfLists(text)).toBe(false)
})

test('lists in lists are not matched', () => expect(isMatchOfLists('orders[*].lines[*].sku')).toBe(true))

test('only what the event itself has is there', () => {
  const event = { properties: { list: [1] } } as JsonObject
  expect(valueAtPath(event, ['constructor'])).toBeUndefined()
  expect(valueAtPath(event, ['properties', 'toString'])).toBeUndefined()
  expect(valueAtPath(event, ['properties', 'list', '0'])).toBe(1)
  expect(valueAtPath({ ...event, text: 'abc' }, ['text', 'length'])).toBeUndefined()
})

describe('a lookup', () => {
  const set = snapshotsOf({
    account: {
      '42': { PLAN: 'team' },
      '9007199254740993': { PLAN: 'big' },
      '': { PLAN: 'empty' },
      ' 42': { PLAN: 'blank' },
    },
  }).current()
  const found = (json: string, entity = 'account') =>
    matchesOf(
      { entity, match: 'id', list: null, path: ['id'], onMissing: 'pass' },
      parseJson(json) as JsonObject,
      set,
    )[0]!

  test.each([
    ['{"id":42}', 'hit', 'team'],
    ['{"id":42.0}', 'hit', 'team'],
    ['{"id":4.2e1}', 'hit', 'team'],
    ['{"id":"42"}', 'hit', 'team'],
    ['{"id":9007199254740993}', 'hit', 'big'],
    ['{"id":"9007199254740993"}', 'hit', 'big'],
    ['{"id":9007199254740992}', 'no_match', null],
    ['{"id":""}', 'hit', 'empty'],
    ['{"id":" 42"}', 'hit', 'blank'],
    ['{"id":"42 "}', 'no_match', null],
    ['{"id":null}', 'key_missing', null],
    ['{}', 'key_missing', null],
    ['{"id":{"a":42}}', 'key_wrong_type', null],
    ['{"id":[42]}', 'key_wrong_type', null],
    ['{"id":true}', 'no_match', null],
  ])('%s: %s', (json, status, plan) => {
    const { status: is, row, version } = found(json)
    expect(is).toBe(status)
    expect(row === null ? null : (JSON.parse(row.text) as { PLAN: string }).PLAN).toBe(plan)
    expect(version).toBe(7)
  })

  test('an entity without a version is not ready', () => {
    expect(found('{"id":1}', 'other')).toMatchObject({ status: 'entity_not_ready', key: '1', version: null })
  })
})

describe('the lines of a list', () => {
  const set = snapshotsOf({ product: { a: { NAME: 'A' }, '42': { NAME: 'B' } } }).current()
  const lines = (json: string, match = '$.cart[*].sku') =>
    matchesOf(
      { entity: 'product', match, ...parseMatch(match), onMissing: 'pass' },
      parseJson(json) as JsonObject,
      set,
    ).map((found) => [matchText(found), found.status, found.key])

  test('are looked up one by one', () => {
    expect(lines('{"cart":[{"sku":"a"},{"sku":42.0},{"sku":"x"},{},null,"a",{"sku":{}}]}')).toEqual([
      ['$.cart[0].sku', 'hit', 'a'],
      ['$.cart[1].sku', 'hit', '42'],
      ['$.cart[2].sku', 'no_match', 'x'],
      ['$.cart[3].sku', 'key_missing', null],
      ['$.cart[4].sku', 'key_missing', null],
      ['$.cart[5].sku', 'key_missing', null],
      ['$.cart[6].sku', 'key_wrong_type', null],
    ])
    expect(lines('{"cart":["a",42,null]}', 'cart[*]')).toEqual([
      ['cart[0]', 'hit', 'a'],
      ['cart[1]', 'hit', '42'],
      ['cart[2]', 'key_missing', null],
    ])
  })

  test.each([
    ['{}', 'key_missing'],
    ['{"cart":null}', 'key_missing'],
    ['{"cart":[]}', 'key_missing'],
    ['{"cart":"a"}', 'key_wrong_type'],
    ['{"cart":{"0":{"sku":"a"}}}', 'key_wrong_type'],
  ])('that are not there, in %s, are %s', (json, status) =>
    expect(lines(json)).toEqual([['$.cart[*].sku', status, null]]),
  )
})
