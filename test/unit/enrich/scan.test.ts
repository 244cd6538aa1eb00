import { isUtf8 } from 'node:buffer'
import { describe, expect, test } from 'vitest'
import { defaultLimits } from '../../../src/enrich/decode.ts'
import { openScanner } from '../../../src/enrich/scan.ts'
import { nodeAt, shapeOf } from '../../../src/enrich/shape.ts'

const shape = shapeOf([['type'], ['properties', 'sku'], ['properties', 'tags']])
const scanner = openScanner({ shape, limits: defaultLimits, places: 1 })!

function scanned(value: string | Buffer, limits = defaultLimits) {
  const bytes = Buffer.concat([Buffer.from('{"a":"'), Buffer.from(value as string), Buffer.from('"}')])
  const { found: all, scan } = limits === defaultLimits ? scanner : openScanner({ shape, limits, places: 1 })!
  const found = all[0]!
  const isJson = scan(0, bytes, 6, bytes.length - 2)
  const at = (...path: string[]) => {
    const { slot } = nodeAt(shape, path)
    return found.starts[slot]! < 0 ? null : bytes.toString('utf8', found.starts[slot], found.ends[slot])
  }
  return { isJson, at }
}

describe('the scan', () => {
  test('finds the wanted values, of duplicates the last, and passes over decoys in texts and other objects', () => {
    const text =
      '{"x":{"type":"no"},"s":"\\"type\\":1","type" : "first","properties":{"sku":1,"tags":[1]},"type":\n"track","properties":{"n":{"sku":2},"sku":"S"}}'
    const { isJson, at } = scanned(text)
    expect(isJson).toBe(true)
    expect(at('type')).toBe('"track"')
    expect(at('properties', 'sku')).toBe('"S"')
    expect(at('properties', 'tags')).toBe(null)
  })

  test.each([
    '{"type":"a\nb"}',
    '{"type":"a\u0000b"}',
    '{"type":"\\x"}',
    '{"type":"\\u12g4"}',
    '{"type":01}',
    '{"type":1.}',
    '{"type":.5}',
    '{"type":1e}',
    '{"type":-}',
    '{"type":+1}',
    '{"type":truE}',
    '{"type":nul}',
    '{"type":fals}',
    '{"type":1,}',
    '{,"type":1}',
    '{"type" 1}',
    '{"type":1 "x":2}',
    '{"type":[1,]}',
    '{"type":[1 2]}',
    "{'type':1}",
    '{"type":1}}',
    '{"type":1',
    '{"type":"a',
    '{',
    '',
    '[]',
    'null',
    '\ufeff{}',
    '{"type":1}\u00a0',
    '{"type":NaN}',
    '{"type":\u000b1}',
  ])('takes nothing for JSON that JSON.parse refuses: %j', (text) => {
    expect(scanned(text).isJson).toBe(false)
  })

  test('leaves to the parser what it cannot tell: names with escapes, and what is no object on the way', () => {
    expect(scanned('{"t\\u0079pe":1}').isJson).toBe(false)
    expect(scanned('{"properties":[1]}').isJson).toBe(false)
    expect(scanned('{"properties":"text"}').isJson).toBe(false)
    expect(scanned('{"properties":null}').isJson).toBe(true)
    expect(scanned('{"other":{"t\\u0079pe":1}}').isJson).toBe(true)
  })

  test('accepts exactly the texts of UTF-8 that the platform accepts', () => {
    const odd = [0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xff]
    for (let first = 0x80; first < 0x100; first++)
      for (const second of odd)
        for (const third of odd)
          for (const fourth of [0x41, 0x80, 0xbf, 0xc0]) {
            const character = [first, second, third, fourth]
            if (character.includes(0)) continue
            const text = Buffer.from(character)
            const value = Buffer.concat([Buffer.from('{"type":"'), text, Buffer.from('"}')])
            expect(scanned(value).isJson, text.toString('hex')).toBe(isUtf8(text))
          }
  })

  test('leaves to the parser what is beyond a limit', () => {
    const nested = (levels: number) => `{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`
    expect(scanned(nested(4), { ...defaultLimits, depthMax: 5 }).isJson).toBe(true)
    expect(scanned(nested(5), { ...defaultLimits, depthMax: 5 }).isJson).toBe(false)
    expect(scanned(nested(100_000)).isJson).toBe(false)
    expect(scanned('{"a":1,"b":2}', { ...defaultLimits, keysMax: 2 }).isJson).toBe(true)
    expect(scanned('{"a":1,"b":2}', { ...defaultLimits, keysMax: 1 }).isJson).toBe(false)
    expect(scanned('{"a":1}', { ...defaultLimits, bytesMax: 6 }).isJson).toBe(false)
  })
})
