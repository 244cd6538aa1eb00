/** Generated snapshot versions: rows as the sync writes them, of columns of every kind. All rows of a version have the same columns. */
import fc from 'fast-check'
import type { SnapshotSet } from '../../src/enrich/snapshots.ts'
import { keyHash } from '../../src/key.ts'
import { Row, RowLayout } from '../../src/row-text.ts'
import { RowsInMemory } from '../../src/snapshot/rows-in-memory.ts'
import { jsonText } from '../../src/sync/row.ts'
import type { ColumnKind } from '../../src/sync/warehouse.ts'

/** Names that mappings ask for. */
export const columnNames = ['NAME', 'PRICE', 'PLAN', 'META', 'SKU', 'é', 'a"b']
export const oddColumnNames = ['__proto__', 'constructor', 'length', '7', 'a.b', '']

const texts: Readonly<Record<ColumnKind, readonly string[]>> = {
  integer: ['0', '42', '-7', '9007199254740993', '100000000000000000000000', '-9223372036854775808'],
  decimal: ['1.50', '0.000000001', '-0.0000001', '1000000000000000000000', '12345678901234567890.125', '-0.00', '0.10'],
  float: ['0.1', '1e-9', '1e21', '-1.5e300', '5e-324', '9007199254740993', 'NaN', 'Infinity', '-0', '1e-7'],
  boolean: ['true', 'false'],
  date: ['2026-11-25', '0044-03-15 BC', 'infinity'],
  timestamp: ['2026-11-25 10:00:00', '2026-11-25 10:00:00.123456'],
  timestamp_zoned: ['2026-11-25 10:00:00.5+00'],
  json: [
    '{"a":[1,{"b":null}],"__proto__":{"x":1}}',
    '{"7":1,"b":2,"1":3}',
    '{"a":1,"a":2}',
    '[1e-9,1e21,9007199254740993,-0,1.50,12345678901234567890]',
    '{ "a" : "\\u00e9 \\ud83d\\ude00" , "b" : [ ] }',
    '{"sku":NaN}',
    'null',
    '"text"',
    'no json',
    '-0',
  ],
  text: [
    '',
    'Hat',
    'Hut "ü" \\ 😀',
    '\u2028\u0000\t',
    '\ud800',
    '}',
    '9007199254740993',
    '{"a":1}',
    `${'long '.repeat(20)}ß`,
  ],
  binary: ['AAEC', ''],
}
const kinds = Object.keys(texts) as ColumnKind[]

const columns = fc.uniqueArray(
  fc.tuple(
    fc.oneof({ weight: 20, arbitrary: fc.constantFrom(...columnNames) }, fc.constantFrom(...oddColumnNames)),
    fc.constantFrom(...kinds),
  ),
  { minLength: 1, maxLength: 5, selector: ([name]) => name },
)

/** Keys that the documents of event-documents.ts have, and others. */
const keys = ['SKU-1', '42', 'a"b', '', 'true', '-1', '12345678901234567890', 'ü', '1', '0', '😀 \ud83d']

const rows = columns.chain((all) =>
  fc
    .uniqueArray(
      fc.tuple(
        fc.oneof({ weight: 9, arbitrary: fc.constantFrom('SKU-1', '42') }, fc.constantFrom(...keys)),
        fc.tuple(...all.map(([, kind]) => fc.option(fc.constantFrom(...texts[kind]), { nil: null, freq: 6 }))),
      ),
      { minLength: 2, maxLength: 4, selector: ([key]) => key },
    )
    .map((found): readonly (readonly [string, string])[] =>
      found.map(([key, values]) => {
        const members = all.map(
          ([name, kind], index) => `${JSON.stringify(name)}:${jsonText(kind, values[index] ?? null)}`,
        )
        return [key, `{${members.join(',')}}`]
      }),
    ),
)

/** Entity → key → row. An entity that is not there has no version yet. */
export const rowsOfEntities = fc.record({ product: rows, account: rows }, { requiredKeys: ['product'] })

/** The same row, as memory holds it. */
export function rowInBytes(row: Row): Row {
  const values = Buffer.concat(
    row.list().map((value) => {
      const bytes = Buffer.from(value)
      return Buffer.concat([Buffer.of(Math.min(bytes.length, 127)), bytes])
    }),
  )
  const before = 3
  const bytes = Buffer.concat([Buffer.alloc(before, '#'), values, Buffer.alloc(7, '#')])
  const view = new DataView(Uint8Array.from(bytes).buffer)
  return Row.inBytes(row.layout, view, before, bytes.length - 7)
}

/** All of them in memory, but those whose keys have no bytes. */
export function residentRows(layout: RowLayout, list: readonly (readonly [string, string])[]): RowsInMemory {
  const bytes = list.reduce((sum, [key, values]) => sum + Buffer.byteLength(key) + Buffer.byteLength(values), 0)
  const rows = new RowsInMemory(layout, { rows: list.length, bytes })
  const ordered = [...list].sort(([one], [other]) => keyHash(one) - keyHash(other))
  for (const [key, values] of ordered) {
    const [k, v] = [Buffer.byteLength(key), Buffer.byteLength(values)]
    const head = String.fromCharCode(k >> 7, k & 127, v >> 14, (v >> 7) & 127, v & 127)
    if (Buffer.from(key).toString() === key && !rows.add(`${head}${key},${values}`))
      throw new Error(`no row: ${values}`)
  }
  return rows.seal()
}

/** By text they have a row as a file gives it, by bytes as memory does. */
export function snapshotsOfRows(
  entities: Readonly<Record<string, readonly (readonly [string, string])[] | undefined>>,
): SnapshotSet {
  const versions = new Map(
    Object.entries(entities).map(([entity, list = []]) => {
      const byKey = new Map(list.map(([key, text]) => [key, Row.of(text)]))
      const get = (key: string) => byKey.get(key)
      const find = (bytes: Buffer, start: number, end: number) => {
        const row = get(bytes.toString('latin1', start, end))
        return row && rowInBytes(row)
      }
      const layout = RowLayout.of(list[0]?.[1] ?? '{}')
      const values = list.map(([key, text]) => [key, layout.valuesIn(text)!] as const)
      const resident = residentRows(layout, values)
      return [entity, { entity, version: 7, epoch: 1, asOf: 0, rows: byKey.size, get, find, resident }]
    }),
  )
  return { of: (entity) => versions.get(entity), release: () => {} }
}
