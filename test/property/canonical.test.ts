/** Of every value, in every form: the text that is made of it becomes the same value again. Else an audit could take different rows for equal. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formsOf, learnForm } from '../../src/sync/canonical.ts'
import { jsonText, rowDecoder, rowEncoder } from '../../src/sync/row.ts'
import type { Change, Column, ColumnKind, Source } from '../../src/sync/warehouse.ts'

const whole = fc.oneof(fc.bigInt({ min: -(2n ** 127n), max: 2n ** 127n }), fc.bigInt({ min: -1000n, max: 1000n }))
const decimal = fc.tuple(whole, fc.nat(38)).map(([number, scale]) => {
  const digits = String(number < 0n ? -number : number).padStart(scale + 1, '0')
  const at = digits.length - scale
  return `${number < 0n ? '-' : ''}${digits.slice(0, at)}${scale === 0 ? '' : `.${digits.slice(at)}`}`
})
const float = fc.oneof(
  fc.double(),
  fc.float(),
  fc.integer(),
  fc.tuple(fc.integer({ min: -99_999, max: 99_999 }), fc.integer({ min: -30, max: 30 })).map(([a, b]) => a * 10 ** b),
)
const two = (max: number) => fc.integer({ min: 1, max }).map((number) => String(number).padStart(2, '0'))
const day = fc
  .tuple(fc.integer({ min: 0, max: 12_999 }), two(12), two(28))
  .map(([year, month, date]) => `${String(year).padStart(4, '0')}-${month}-${date}`)
const timestamp = fc
  .tuple(day, two(23), two(59), two(59), fc.stringMatching(/^[0-9]{0,9}$/), fc.constantFrom('', ' BC'))
  .map(([date, h, m, s, f, era]) => `${date} ${h}:${m}:${s}${f === '' ? '' : `.${f}`}${era}`)
const anyText = fc.string({ unit: 'binary' })

const texts: Readonly<Record<ColumnKind, fc.Arbitrary<string>>> = {
  integer: whole.map(String),
  decimal: fc.oneof(decimal, fc.constantFrom('NaN', 'Infinity', '-0.00', '.5')),
  float: float.map(String),
  boolean: fc.constantFrom('true', 'false'),
  text: anyText,
  binary: fc.base64String(),
  date: fc.oneof(
    day,
    day.map((text) => `${text} BC`),
    fc.constant('infinity'),
  ),
  timestamp,
  timestamp_zoned: timestamp.map((text) => text.replace(/( BC)?$/, '+00$1')),
  json: fc.oneof(
    fc.json(),
    anyText,
    fc.json().map((text) => text.replaceAll(':', ' : ')),
  ),
}

describe.each(Object.entries(texts) as [ColumnKind, fc.Arbitrary<string>][])('%s', (kind, arbitrary) => {
  test('every form gives a text of the same value, or none', () => {
    fc.assert(
      fc.property(arbitrary, (text) => {
        const json = jsonText(kind, text)
        if (json === 'null') return
        for (const form of formsOf(kind)) {
          const back = form(json)
          if (back !== undefined) expect(jsonText(kind, back)).toBe(json)
        }
      }),
      { numRuns: 500, verbose: 1 },
    )
  })
})

const names = ['id', 'a', 'b "c"', '{', '\\']
test('a row comes apart into the JSON texts that it was made of, and is no row of other columns', () => {
  const kinds = Object.keys(texts) as ColumnKind[]
  const values = fc.tuple(...kinds.map((kind) => fc.option(texts[kind])))
  fc.assert(
    fc.property(fc.shuffledSubarray(kinds, { minLength: 2, maxLength: names.length }), values, (chosen, all) => {
      const columns = chosen.map((kind, index): Column => ({ name: names[index]!, kind, type: kind }))
      const table = { ref: 't', view: false, columns, engine: 'test' }
      const [key, ...rest] = columns
      const source: Source = { table, key: key!, columns: rest, duplicates: 'fail' }
      const canonical = chosen.map((kind) => all[kinds.indexOf(kind)] ?? null)
      const row = rowEncoder(source)(['A', ...canonical] as unknown as Change)
      expect(rowDecoder(source)(row)).toEqual(canonical.map((text, index) => jsonText(chosen[index]!, text)))
      const fewer: Source = {
        ...source,
        table: { ...table, columns: columns.slice(0, -1) },
        columns: rest.slice(0, -1),
      }
      expect(rowDecoder(fewer)(row)).toBeNull()
      expect(rowDecoder(source)(rowEncoder(fewer)(['A', ...canonical] as unknown as Change))).toBeNull()
    }),
    { verbose: 1 },
  )
})

/** Texts as engines write them. */
const written: readonly (readonly [ColumnKind, readonly string[], string])[] = [
  ['decimal', ['1.10', '0.00', '-12.34', '100.00'], '7.50'],
  ['decimal', ['1.1', '0', '-12.34', '100'], '7.5'],
  ['float', ['42.0', '0.1', '1e+16', '1e-05'], '1000000000000000.0'],
  ['float', ['42', '0.1', '1e+15', '1e-05'], '100000000000000'],
  ['float', ['42', '0.1', '1e+06'], '100000'],
  ['float', ['42.0', '0.1', '1.0E20', '1.5E-7'], '1.0E7'],
  ['float', ['42', '0.10000000000000001'], '0.29999999999999999'],
  ['timestamp', ['2026-01-01 12:00:00', '2026-01-01 12:00:00.5'], '2026-01-01 12:00:00.12'],
  ['timestamp', ['2026-01-01T12:00:00.000000'], '2026-01-01T12:00:00.120000'],
  ['timestamp', ['2026-01-01T12:00:00.000000000'], '2026-01-01T12:00:00.120000000'],
  ['timestamp_zoned', ['2026-01-01 12:00:00+00', '2026-01-01 12:00:00.500+00'], '2026-01-01 12:00:00.120+00'],
  ['timestamp_zoned', ['2026-01-01 12:00:00'], '2026-01-01 12:00:00.12'],
  ['json', ['{"a": 1, "b": [1, 2]}', '{}'], '{"c": {"d": null}}'],
  ['json', ['{"a":1,"b":[1,2]}', '{}'], '{"c":{"d":null}}'],
]

test.each(written)('the form of %s %j is learnt, and gives %j', (kind, examples, text) => {
  const form = learnForm(kind, [...examples, 'NaN'])
  expect(form(jsonText(kind, text))).toBe(text)
})
