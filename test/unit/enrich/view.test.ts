import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nodeAt, shapeOf } from '../../../src/enrich/shape.ts'
import { eventFrom, valueAt, viewOf } from '../../../src/enrich/view.ts'
import { encodeJson, type JsonObject, parseJson, valueAtPath } from '../../../src/json.ts'
import { foundIn } from '../../support/found.ts'

type Path = readonly string[]

/** The event that is made of the text for these paths, in a shape that has others as well. */
function seen(text: string, paths: readonly Path[], others: readonly Path[] = []): JsonObject {
  const bytes = Buffer.from(text)
  const shape = shapeOf([...paths, ...others])
  return eventFrom(viewOf(shape, paths), bytes, foundIn(shape, bytes))
}

describe('an event cut down to what is read', () => {
  test('has the values at these paths and nothing else, though others were found', () => {
    const text = '{"type":"track","x":1,"properties":{"sku":"S","total":2,"deep":{"a":[1,{"b":2}]}}}'
    const paths = [['type'], ['properties', 'sku'], ['properties', 'deep']]
    expect(seen(text, paths, [['x'], ['properties', 'total']])).toEqual({
      type: 'track',
      properties: { sku: 'S', deep: { a: [1, { b: 2 }] } },
    })
  })

  test('leaves out what is not there, and keeps the object on the way', () => {
    expect(seen('{"properties":{}}', [['properties', 'sku'], ['type']])).toEqual({ properties: {} })
    expect(seen('{}', [['properties', 'sku']])).toEqual({})
  })

  test('has null where null stands on the way', () => {
    expect(seen('{"properties":null}', [['properties', 'sku']])).toEqual({ properties: null })
  })

  test('takes a path whole where a longer one is read as well', () => {
    expect(seen('{"a":{"b":1,"c":2}}', [['a'], ['a', 'b']])).toEqual({ a: { b: 1, c: 2 } })
    expect(seen('{"a":5}', [['a'], ['a', 'b']])).toEqual({ a: 5 })
  })

  test.each([
    ['"plain"', '"plain"'],
    ['"\\u0041 \\"x\\" \\ud83d"', '"A \\"x\\" \\ud83d"'],
    ['"ü 😀"', '"ü 😀"'],
    ['""', '""'],
    ['9007199254740993', '9007199254740993'],
    ['1.50', '1.5'],
    ['-0', '-0'],
    ['[ 1 , null ]', '[1,null]'],
    ['{ "__proto__" : { "x" : 1 } }', '{"__proto__":{"x":1}}'],
  ])('the value %s is %s', (text, expected) => {
    const bytes = Buffer.from(`{"v": ${text} }`)
    const shape = shapeOf([['v']])
    expect(encodeJson(valueAt(nodeAt(shape, ['v']), bytes, foundIn(shape, bytes)))).toBe(expected)
  })

  test('cannot be told from the whole event by what reads no more than these paths', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'é')
    const path = fc.array(name, { minLength: 1, maxLength: 3 })
    const scalar = fc.constantFrom(null, 1, 'x', 'ü')
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof({ maxDepth: 3 }, scalar, fc.dictionary(name, tie('value'), { maxKeys: 3 })),
    }))
    fc.assert(
      fc.property(fc.dictionary(name, value, { maxKeys: 3 }), fc.array(path, { maxLength: 4 }), (event, paths) => {
        const text = JSON.stringify(event)
        // A scalar on the way to something wanted is left to the parsed event by the scan.
        for (const one of paths)
          for (let length = 1; length < one.length; length++) {
            const above = valueAtPath(parseJson(text) as JsonObject, one.slice(0, length))
            fc.pre(above === undefined || above === null || typeof above === 'object')
          }
        const cut = seen(text, paths)
        for (const one of paths) expect(valueAtPath(cut, one)).toEqual(valueAtPath(parseJson(text) as JsonObject, one))
      }),
    )
  })
})

test('a name that objects inherit is a name like any other, in the event and where it is not', () => {
  const paths = [
    ['properties', 'search'],
    ['properties', 'length'],
    ['constructor', 'name'],
  ]
  expect(seen('{"properties":{"search":"x","length":2}}', paths)).toEqual({ properties: { search: 'x', length: 2 } })
  expect(Object.keys(seen('{"properties":{}}', paths).properties as JsonObject)).toEqual([])
})
