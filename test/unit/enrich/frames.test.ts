import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defaultLimits } from '../../../src/enrich/decode.ts'
import { openScanner, type Scanner } from '../../../src/enrich/scan.ts'
import { type ShapeNode, shapeOf } from '../../../src/enrich/shape.ts'
import { document } from '../../support/event-documents.ts'

const shape = shapeOf([
  ['type'],
  ['event'],
  ['properties', 'sku'],
  ['properties', 'product'],
  ['properties', 'n', 'sku'],
  ['context', 'consent'],
])

const newScanner = () => openScanner({ shape, limits: defaultLimits, places: 1 })!

/** All that a scan says of an event; null: it is not sure. */
function scanned(scanner: Scanner, text: string): object | null {
  const bytes = Buffer.from(`[${text}]`)
  if (!scanner.scan(0, bytes, 1, bytes.length - 1)) return null
  const { starts, ends, tails, plain } = scanner.found[0]!
  const all: Record<string, unknown> = {}
  const visit = ({ slot, children }: ShapeNode, path: string): void => {
    const start = starts[slot] as number
    if (start >= 0) {
      const first = String.fromCharCode(bytes[start] as number)
      const of = { start, end: ends[slot], plain: first === '"' ? plain[slot] : null }
      all[path] = { ...of, tail: first === '{' && children.length > 0 ? tails[slot] : null }
    }
    for (const child of children) visit(child, `${path}.${child.name}`)
  }
  visit(shape.root, '')
  return all
}

const scalars = /"(?:[^"\\]|\\.)*"(?!\s*:)|-?\d[\d.eE+-]*|true|false|null/g
const piece = fc.constantFrom(
  ...['""', '"a"', '"sku"', '"é"', '"\\""', '"\\u0041"', '"a long text, longer than sixteen"', '0', '-1.5e+3', '12'],
  ...[
    'true',
    'null',
    '{}',
    '[]',
    '[1,2]',
    '{"sku":1}',
    '"\\x"',
    '01',
    '-',
    '1.',
    'tru',
    '"\u0001"',
    '"',
    '\\',
    ':',
    ',',
    '',
    ' ',
    '}',
  ],
)
/** A scalar becomes something else, or a few characters at any place do. */
const change = fc.record({ isScalar: fc.boolean(), at: fc.nat(), length: fc.integer({ min: 0, max: 3 }), piece })

function changed(
  text: string,
  { isScalar, at, length, piece }: { isScalar: boolean; at: number; length: number; piece: string },
) {
  const values = [...text.matchAll(scalars)]
  if (!isScalar || values.length === 0) {
    const start = at % text.length
    return text.slice(0, start) + piece + text.slice(start + length)
  }
  const { index, 0: value } = values[at % values.length]!
  return text.slice(0, index) + piece + text.slice(index + value.length)
}

const kinds = fc.array(fc.tuple(document, fc.array(change, { maxLength: 4 })), { minLength: 1, maxLength: 4 })

describe('frames', () => {
  test('say of every event what the scan says, be it of a known kind, nearly so, or damaged', () => {
    let fits = 0
    fc.assert(
      fc.property(kinds, (some) => {
        const texts = some.flatMap(([text, changes]) => [text, text, ...changes.map((one) => changed(text, one)), text])
        const alone = texts.map((text) => scanned(newScanner(), text))
        const scanner = newScanner()
        expect(texts.map((text) => scanned(scanner, text))).toEqual(alone)
        fits += scanner.frames.fits
      }),
      { numRuns: 3000 },
    )
    expect(fits).toBeGreaterThan(3000)
  })

  test('that are settled say of every event what the scan says, also when what was always the same is not any more', () => {
    let settled = 0
    const variants = fc.array(change, { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(document, variants, fc.array(document, { maxLength: 2 }), (text, changes, others) => {
        // Its kind, with some of its scalars changed in turns; then with any others.
        const usual = [text, ...changes.slice(0, 2).map((one) => changed(text, { ...one, isScalar: true }))]
        const whole = usual.filter((one) => scanned(newScanner(), one) !== null)
        const often = whole.length === 0 ? [] : Array.from({ length: 70 }, (_, index) => whole[index % whole.length]!)
        const texts = [...often, text, ...changes.map((one) => changed(text, one)), ...others, ...usual, text]
        const known = new Map(texts.map((one) => [one, scanned(newScanner(), one)]))
        const scanner = newScanner()
        for (const one of texts) expect(scanned(scanner, one)).toEqual(known.get(one))
        if (scanner.frames.settled !== 0) settled++
      }),
      { numRuns: 500 },
    )
    expect(settled).toBeGreaterThan(50)
  })

  test('are settled with what is always the same, and no longer when it changes for good', () => {
    const scanner = newScanner()
    const event = (version: string, number: number) =>
      `{"channel":"browser","version":"${version}","type":"track","n":${number},"properties":{"sku":"${number}"}}`
    for (let number = 0; number < 60; number++) scanned(scanner, event('1.0', number))
    expect(scanner.frames.settled).not.toBe(0)
    for (let number = 0; number < 10_000; number++) scanned(scanner, event('2.0', number))
    expect(scanner.frames.settled).toBe(0)
    expect(scanner.frames.fits).toBe(10_059)
    for (let number = 0; number < 65_600; number++) scanned(scanner, event('2.0', number))
    expect(scanner.frames.settled).not.toBe(0)
  })

  test('are known after one event of a kind, whatever its scalars are', () => {
    const scanner = newScanner()
    scanned(scanner, '{"type":"track","n":[1,"x",null],"properties":{"sku":"1","deep":{"a":true}} }')
    scanned(scanner, '{"type":"é\\n","n":["",-0.5e3,false],"properties":{"sku":null,"deep":{"a":"no"}} }')
    expect(scanner.frames.fits).toBe(1)
    const { found } = scanner
    expect(found[0]!.starts[0]).toBe(1)
  })

  test.each([
    ['null or an object', '{"campaign":null,"type":"track"}', '{"campaign":{"name":"x"},"type":"track"}'],
    ['an empty list or one with values', '{"tags":[],"type":"track"}', '{"tags":["x"],"type":"track"}'],
  ])('of two kinds that begin alike fit both: %s', (_, one, other) => {
    for (const [first, second] of [
      [one, other],
      [other, one],
    ] as const) {
      const scanner = newScanner()
      for (const text of [first, second, first, second]) expect(scanned(scanner, text)).not.toBeNull()
      expect(scanner.frames.fits).toBe(2)
    }
  })

  test('are not kept where null stands for an object that may hold what is wanted', () => {
    const scanner = newScanner()
    expect(scanned(scanner, '{"type":"track","properties":null}')).not.toBeNull()
    expect(scanned(scanner, '{"type":"track","properties":"text"}')).toBeNull()
    expect(scanner.frames.fits).toBe(0)
  })

  test('are not learned for a while where kinds do not repeat, and then all anew', () => {
    const scanner = newScanner()
    const odd = (number: number) => `{"name ${number}":1}`
    for (let number = 0; number < 64; number++) scanned(scanner, odd(number))
    for (let number = 0; number < 65_536; number++) scanned(scanner, '{"type":"track"}')
    expect(scanner.frames.fits).toBe(0)
    scanned(scanner, odd(0)) // was known
    for (let number = 0; number < 10; number++) scanned(scanner, '{"type":"track"}')
    expect(scanner.frames.fits).toBe(9)
  })

  test.each([
    ['half', 1, 5000],
    ['less than half', 2, 0],
  ])('that are known stay in use meanwhile where they fit half of the events: %s', (_, misses, fits) => {
    const scanner = newScanner()
    const odd = (number: number) => `{"name ${number}":1}`
    const track = '{"type":"track"}'
    for (const text of [track, ...Array.from({ length: 63 }, (_, number) => odd(number))]) scanned(scanner, text)
    const mixed = () => {
      for (let number = 0; number < 5000; number++) {
        scanned(scanner, track)
        for (let miss = 0; miss < misses; miss++) scanned(scanner, odd(100 + number))
      }
    }
    mixed()
    const before = scanner.frames.fits
    mixed()
    expect(scanner.frames.fits - before).toBe(fits)
  })

  test('make room where there is none', () => {
    const long = (number: number) => `{"${'n'.repeat(30_000)}${number}":1,"type":"track"}`
    const texts = Array.from({ length: 42 }, (_, index) => long(Math.floor(index / 3) % 7))
    const alone = texts.map((text) => scanned(newScanner(), text))
    const scanner = newScanner()
    expect(texts.map((text) => scanned(scanner, text))).toEqual(alone)
    expect(alone).not.toContain(null)
    // Six fill the memory: the first round leaves the seventh, and the second begins with it.
    expect(scanner.frames.fits).toBe(28)
  })
})
