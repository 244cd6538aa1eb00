import { describe, expect, test } from 'vitest'
import { match, parseMatch } from '../../../src/enrich/match.ts'
import { type JsonObject, parseJson, valueAtPath } from '../../../src/json.ts'
import { snapshotsOf } from '../../support/pipeline.ts'

test.each([
  ['$.properties.product_id', ['properties', 'product_id']],
  ['properties.product_id', ['properties', 'product_id']],
  ['userId', ['userId']],
  ['properties.products[0].sku', ['properties', 'products', '0', 'sku']],
  ["context['x y'].id", ['context', 'x y', 'id']],
])('%s is read as %j', (text, path) => expect(parseMatch(text)).toEqual(path))

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
    match({ entity, match: 'id', path: ['id'], onMissing: 'pass' }, parseJson(json) as JsonObject, set)

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
    expect(row === null ? null : (JSON.parse(row) as { PLAN: string }).PLAN).toBe(plan)
    expect(version).toBe(7)
  })

  test('an entity without a version is not ready', () => {
    expect(found('{"id":1}', 'other')).toMatchObject({ status: 'entity_not_ready', key: '1', version: null })
  })
})
