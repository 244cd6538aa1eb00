import { expect, it } from 'vitest'
import type { JsonValue } from '../../../src/json.ts'
import { rowWrites } from '../../../src/mapping/row-writes.ts'

const column = { '@path': '$.__segment_entities.s.e.C' }
const row = { '@path': '$.__segment_entities.s.e' }
const event = { '@path': '$.context' }

it.each<[string, JsonValue, string[]]>([
  ['what is constant or from the event is not from a row', { a: 1, b: { c: event, d: { '@template': '{{x}}' } } }, []],
  ['a column', { a: { b: column, c: event } }, ['a.b']],
  ['a whole row, also as the whole output', row, ['']],
  [
    'a template, a text function, a list',
    {
      a: { '@template': '{{__segment_entities.s.e.C}}' },
      b: { '@case': { operator: 'upper', value: column } },
      c: [1, { d: column }],
    },
    ['a', 'b', 'c.d'],
  ],
  [
    'one object of a merge, and only what that object names',
    { context: { '@merge': { direction: 'right', objects: [event, { plan: column }] } } },
    ['context.plan'],
  ],
  ['a row in a merge', { context: { '@merge': { direction: 'right', objects: [event, row] } } }, ['context']],
  ['either branch', { a: { '@if': { exists: event, then: { b: column }, else: { c: column } } } }, ['a.b', 'a.c']],
  ['a constant that a row decides on', { a: { '@if': { exists: column, then: 'yes', else: 'no' } } }, ['a']],
  ['through literals', { a: { '@literal': { b: { '@excludeWhenNull': { c: column } } } } }, ['a.b.c']],
  [
    'through the first step of a transform',
    { a: { '@transform': { apply: { x: column }, mapping: { b: { '@path': '$.x' }, c: 1 } } } },
    ['a.b'],
  ],
  [
    'through a root directive',
    { __segment_internal_directive: { '@transform': { apply: { '@path': '$.' } } }, a: column, b: event },
    ['a'],
  ],
  ['a path that only the event knows', { a: { '@path': { '@path': '$.where' } } }, ['a']],
  ['a row beside the line of a list', { a: { '@path': '$.products[0].__segment_entities.s.e.C' } }, ['a']],
])('%s', (_, mapping, expected) => {
  expect(rowWrites(mapping)).toEqual(expected)
})
