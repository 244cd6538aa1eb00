import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  canonicalNumber,
  ExactNumber,
  encodeJson,
  type JsonObject,
  losesDigits,
  parseJson,
  stringifyExact,
} from '../../src/json.ts'

describe('a number that is only passed on keeps every digit', () => {
  test.each([
    '9007199254740993',
    '12345678901234567890',
    '0.1234567890123456789',
    '1e400',
    '-1e-400',
    '123456789012345678901234567890.5',
    // doubles hold these, and would print them with an exponent
    '0.0000001',
    '-0.000000125',
    '1000000000000000000000',
  ])('%s', (text) => {
    expect(encodeJson(parseJson(`{"n":${text},"deep":[{"n":${text}}]}`))).toBe(`{"n":${text},"deep":[{"n":${text}}]}`)
  })
})

test('digits are kept wherever a number stands', () => {
  const number = fc.oneof(
    fc.constantFrom(
      '9007199254740993',
      '1e400',
      '0.0000001',
      '1000000000000000000000',
      '-0.12345678901234567',
      '12',
      '1E5',
    ),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((double) => JSON.stringify(double)),
  )
  const space = fc.constantFrom('', ' ', '\n', '\t', '\r\n  ')
  const piece = fc.tuple(space, number, space, fc.string()).map(([a, n, b, s]) => [`${a}${n}${b}`, s] as const)
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const text = `[${pieces.map(([n, s]) => `${n},${JSON.stringify(s)},{"k":${n}}`).join(',')}]`
      const expected = pieces.map(([n, s]) => {
        const trimmed = n.trim()
        const printed = losesDigits(trimmed) || !/e/i.test(trimmed) ? trimmed : JSON.stringify(JSON.parse(trimmed))
        return `${printed},${JSON.stringify(s)},{"k":${printed}}`
      })
      expect(encodeJson(parseJson(text))).toBe(`[${expected.join(',')}]`)
    }),
  )
})

test('a number that a double holds is a plain number', () => {
  const value = parseJson('{"a":1.0,"b":1e2,"c":-0,"d":0.1,"big":12345678901234567890}') as JsonObject
  expect(value.a).toBe(1)
  expect(value.b).toBe(100)
  expect(value.d).toBe(0.1)
  expect(value.big).toBeInstanceOf(ExactNumber)
  expect(Number(value.big)).toBe(12345678901234567e3)
  expect(encodeJson(value)).toBe('{"a":1,"b":100,"c":-0,"d":0.1,"big":12345678901234567890}')
})

test('the lossless parser agrees with JSON.parse on everything but digits', () => {
  const text =
    '{"n":12345678901234567890, "s":"a\\"b\\\\", "e":"", "t":true,"f":false,"z":null,"l":[ ],"o":{ } ,"__proto__":{"x":1},"u":"\\u00e9","dup":1,"dup":2}'
  const value = parseJson(text) as JsonObject
  const plain = JSON.parse(text) as JsonObject
  expect(Object.keys(value)).toEqual(Object.keys(plain))
  for (const key of Object.keys(plain)) if (key !== 'n') expect(value[key]).toEqual(plain[key])
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
})

describe('one text per number', () => {
  test.each([
    ['42', '42'],
    ['42.0', '42'],
    ['4.2e1', '42'],
    ['+042.500', '42.5'],
    ['-0', '0'],
    ['0.000', '0'],
    ['1e3', '1000'],
    ['1.5e-3', '0.0015'],
    ['9007199254740993', '9007199254740993'],
    ['1e+20', '100000000000000000000'],
    ['NaN', 'NaN'],
    ['', ''],
    ['.', '.'],
  ])('%s is %s', (text, expected) => expect(canonicalNumber(text)).toBe(expected))
})

test('a number loses digits only where its double is another number', () => {
  expect(['1.0', '1e2', '0.1', '9007199254740992', '5e-324'].filter(losesDigits)).toEqual([])
  expect(['9007199254740993', '0.12345678901234567', '1e400'].filter(losesDigits)).toEqual([
    '9007199254740993',
    '0.12345678901234567',
    '1e400',
  ])
})

test('text of JSON keeps every digit at any depth, and is otherwise what JSON.stringify gives', () => {
  const exact = parseJson('{"a":[{"b":9007199254740993}],"c":1.50}')
  expect(stringifyExact(exact)).toBe('{"a":[{"b":9007199254740993}],"c":1.5}')
  expect(stringifyExact(parseJson('12345678901234567890'))).toBe('12345678901234567890')
  for (const value of [undefined, null, 'x', [undefined], { a: undefined, b: -0 }])
    expect(stringifyExact(value)).toBe(JSON.stringify(value))
})

test('what needs no escape is written as JSON.stringify writes it, and so is everything near it', () => {
  const members = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`m${at}`, `v${at}`]))
  const values = [
    {},
    { a: 'b', c: null, d: true, e: false },
    { 2: 'b', 1: 'a', x: '' },
    members(16),
    members(17),
    { a: 'x'.repeat(64) },
    { a: 'x'.repeat(65) },
    { 'k"': 'v' },
    { k: 'quote " and \\ and \n' },
    { k: '\u007f\u2028\ud800', ü: 'é' },
    { a: undefined, b: 'x' },
    { a: 'x', b: 1.5, c: -0 },
    { a: { b: 'c' }, d: ['e'] },
    { toJSON: 'text' },
    { toJSON: () => 'other' },
    { a: 'x', b: new Date(0) },
    Object.assign(Object.create(null), { a: 'x' }),
    JSON.parse('{"__proto__":"x","a":"y"}'),
    ['a'],
    'text',
    null,
  ]
  for (const value of values) expect(stringifyExact(value)).toBe(JSON.stringify(value))
})
