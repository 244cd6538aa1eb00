import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeJson, parseJson } from '../../../src/json.ts'
import { keyOf } from '../../../src/key.ts'
import { jsonText, keyText, rowChanges, rowEncoder } from '../../../src/sync/row.ts'
import type { Change, Column, ColumnKind, Source } from '../../../src/sync/warehouse.ts'

const values: readonly (readonly [ColumnKind, string | null, string])[] = [
  ['integer', '42', '42'],
  ['integer', '-7', '-7'],
  ['integer', '0', '0'],
  ['integer', '9007199254740993', '9007199254740993'],
  ['integer', '170141183460469231731687303715884105727', '170141183460469231731687303715884105727'],
  ['decimal', '12.50', '12.5'],
  ['decimal', '1.00', '1'],
  ['decimal', '0.10', '0.1'],
  ['decimal', '0.00', '0'],
  ['decimal', '-0.00', '0'],
  ['decimal', '100', '100'],
  ['decimal', '-1200.0100', '-1200.01'],
  ['decimal', '.5', '0.5'],
  ['decimal', '0.1234567890123456789012345678901234567', '0.1234567890123456789012345678901234567'],
  ['decimal', 'NaN', 'null'],
  ['decimal', 'Infinity', 'null'],
  ['decimal', '-Infinity', 'null'],
  ['float', '0.1', '0.1'],
  ['float', '1e+20', '100000000000000000000'],
  ['float', '1e+300', '1e+300'],
  ['float', '5e-324', '5e-324'],
  ['float', '-0.0', '0'],
  ['float', '1.0', '1'],
  ['float', 'nan', 'null'],
  ['float', 'NaN', 'null'],
  ['float', 'inf', 'null'],
  ['float', '-Infinity', 'null'],
  ['boolean', 'true', 'true'],
  ['boolean', 'false', 'false'],
  ['text', '', '""'],
  ['text', 'null', '"null"'],
  ['text', 'a"\\\n\u0000🎉', '"a\\"\\\\\\n\\u0000🎉"'],
  ['text', '0042', '"0042"'],
  ['date', '2026-02-28', '"2026-02-28"'],
  ['date', 'infinity', 'null'],
  ['date', '0044-03-15 (BC)', '"-000043-03-15"'],
  ['date', '0044-03-15 BC', '"-000043-03-15"'],
  ['date', '0001-01-01 (BC)', '"0000-01-01"'],
  ['date', '12026-01-01', '"+012026-01-01"'],
  ['timestamp', '2026-01-01 00:00:00', '"2026-01-01T00:00:00.000"'],
  ['timestamp', '2026-01-01 00:00:00.1', '"2026-01-01T00:00:00.100"'],
  ['timestamp', '2026-01-01T00:00:00.120000', '"2026-01-01T00:00:00.120"'],
  ['timestamp', '2026-01-01 00:00:00.123456', '"2026-01-01T00:00:00.123456"'],
  ['timestamp', '2026-01-01 00:00:00.123400', '"2026-01-01T00:00:00.123400"'],
  ['timestamp', '2026-01-01 00:00:00.123456789', '"2026-01-01T00:00:00.123456789"'],
  ['timestamp', '-infinity', 'null'],
  ['timestamp', '0044-03-15 (BC) 01:02:03', '"-000043-03-15T01:02:03.000"'],
  ['timestamp', '0044-03-15 01:02:03 BC', '"-000043-03-15T01:02:03.000"'],
  ['timestamp_zoned', '2025-12-31 22:00:00+00', '"2025-12-31T22:00:00.000Z"'],
  ['timestamp_zoned', '2025-12-31T22:00:00.000001+00:00', '"2025-12-31T22:00:00.000001Z"'],
  ['timestamp_zoned', 'infinity', 'null'],
  ['timestamp_zoned', '0044-03-15 01:02:03+00 BC', '"-000043-03-15T01:02:03.000Z"'],
  ['json', '{"a": 1.0,\n "b": [null]}', '{"a":1,"b":[null]}'],
  ['json', '{"big": 9007199254740993}', '{"big":9007199254740993}'],
  ['json', '1e400', '1e400'],
  ['json', '{"a":NaN,"b":-Infinity,"c":"NaN"}', '{"a":null,"b":null,"c":"NaN"}'],
  ['json', 'null', 'null'],
  ['json', 'not json', '"not json"'],
  ['binary', 'yv4=', '"yv4="'],
  ['integer', null, 'null'],
  ['json', null, 'null'],
  ['text', null, 'null'],
]

describe('a value in the event', () => {
  test.each(values)('%s %j is %s', (kind, text, json) => {
    expect(jsonText(kind, text)).toBe(json)
  })

  test('is always JSON on one line, whatever the text', () => {
    const kinds = ['decimal', 'float', 'text', 'date', 'timestamp', 'timestamp_zoned', 'json', 'binary'] as const
    fc.assert(
      fc.property(fc.constantFrom(...kinds), fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (kind, text) => {
        fc.pre(kind !== 'decimal' || !/^-?[./\d]/.test(text))
        const json = jsonText(kind, text)
        expect(() => JSON.parse(json)).not.toThrow()
        expect(json).not.toContain('\n')
      }),
    )
  })

  test('that is nested deeper than can be written is kept as text', () => {
    const deep = '['.repeat(200_000) + ']'.repeat(200_000)
    expect(JSON.parse(jsonText('json', deep))).toBe(deep)
  })
})

const keys: readonly (readonly [ColumnKind, string, unknown])[] = [
  ['integer', '42', 42],
  ['integer', '42', '42'],
  ['decimal', '42.00', 42],
  ['decimal', '0.50', 0.5],
  ['integer', '9007199254740993', '9007199254740993'],
  ['float', '42.0', 42],
  ['float', '1e+20', 1e20],
  ['float', '-0.0', 0],
  ['float', '1.5e-07', 1.5e-7],
  ['text', '0042', '0042'],
  ['text', '', ''],
  ['text', ' a ', ' a '],
  ['boolean', 'true', true],
  ['date', '2026-02-28', '2026-02-28'],
  ['timestamp', '2026-01-01 00:00:00', '2026-01-01T00:00:00.000'],
  ['timestamp_zoned', '2026-01-01 00:00:00+00', '2026-01-01T00:00:00.000Z'],
]

describe('a key', () => {
  test.each(keys)('%s %j is found by the event value %j', (kind, text, value) => {
    expect({ key: keyText(kind, text) }).toEqual(keyOf(value))
  })

  test('of any double is found by the same number in an event', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        expect({ key: keyText('float', String(number)) }).toEqual(keyOf(parseJson(encodeJson(number))))
      }),
    )
  })

  test('of any decimal is found by its digits in an event', () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.nat(20), (digits, scale) => {
        const sign = digits < 0n ? '-' : ''
        const plain = String(digits < 0n ? -digits : digits).padStart(scale + 1, '0')
        const text = scale === 0 ? sign + plain : `${sign}${plain.slice(0, -scale)}.${plain.slice(-scale)}`
        expect({ key: keyText('decimal', text) }).toEqual(keyOf(parseJson(text)))
      }),
    )
  })
})

const column = (name: string, kind: ColumnKind): Column => ({ name, kind, type: kind })

function source(columns: readonly Column[], key: Column, pruned = columns): Source {
  return {
    table: { ref: 't', view: false, columns, engine: 'test' },
    key,
    columns: pruned.filter((one) => one !== key),
    duplicates: 'fail',
  }
}

test('a row has the key and the columns in use, in the order of the table', () => {
  const [name, id, unused, price] = [
    column('NAME', 'text'),
    column('ID', 'integer'),
    column('UNUSED', 'text'),
    column('a "b"', 'decimal'),
  ]
  const encode = rowEncoder(source([name, id, unused, price], id, [name, price]))
  expect(encode(['A', '42', 'Hat', '1.50'])).toBe('{"NAME":"Hat","ID":42,"a \\"b\\"":1.5}')
  expect(rowEncoder(source([id], id))(['A', '42'])).toBe('{"ID":42}')
})

test('a deleted row is only a key, canonical like those of the others', async () => {
  const id = column('ID', 'decimal')
  async function* pages(): AsyncGenerator<readonly Change[]> {
    yield [
      ['D', '1.50', null],
      ['U', '2.00', null],
    ]
  }
  const found = []
  for await (const page of rowChanges(source([id, column('N', 'text')], id), pages())) found.push(...page)
  expect(found).toEqual([
    { key: '1.5', row: null },
    { key: '2', row: '{"ID":2,"N":null}' },
  ])
})
