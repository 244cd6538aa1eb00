import { describe, expect, test } from 'vitest'
import { type JsonObject, parseJson } from '../../src/json.ts'
import { keyOf } from '../../src/key.ts'

describe('the key text of an event value', () => {
  test.each([
    ['42', '42'],
    ['42.0', '42'],
    ['"42"', '42'],
    ['4.2e1', '42'],
    ['-0', '0'],
    ['9007199254740993', '9007199254740993'],
    ['12345678901234567890', '12345678901234567890'],
    ['1e21', '1000000000000000000000'],
    ['12.50', '12.5'],
    ['"12.50"', '12.50'],
    ['" 42"', ' 42'],
    ['"é"', 'é'],
    ['""', ''],
    ['true', 'true'],
  ])('%s is %s', (json, key) => {
    expect(keyOf((parseJson(`{"v":${json}}`) as JsonObject).v)).toEqual({ key })
  })

  test('null and absent are missing, objects and arrays of a wrong type', () => {
    expect(keyOf(null)).toBe('key_missing')
    expect(keyOf(undefined)).toBe('key_missing')
    expect(keyOf({ a: 1 })).toBe('key_wrong_type')
    expect(keyOf(['a'])).toBe('key_wrong_type')
  })
})
