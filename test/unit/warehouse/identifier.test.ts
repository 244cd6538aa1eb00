import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { literal, parseTableRef, quote } from '../../../src/warehouse/identifier.ts'

describe('a table_ref', () => {
  test.each<[string, string[]]>([
    ['products', ['products']],
    ['main.products', ['main', 'products']],
    ['warehouse.main.products', ['warehouse', 'main', 'products']],
    ['PRODUCTION.Public."my table"', ['PRODUCTION', 'Public', 'my table']],
    ['"a.b"."c""d"', ['a.b', 'c"d']],
    ['my-project.data_set.table$1', ['my-project', 'data_set', 'table$1']],
    ['größe.表', ['größe', '表']],
    ['"select"', ['select']],
  ])('%s has the parts %j', (text, parts) => {
    expect(parseTableRef(text)).toEqual(parts)
  })

  test.each([
    '',
    '.',
    'a.',
    '.a',
    'a..b',
    'a.b.c.d',
    'a b',
    'a;drop table x',
    'a; --',
    "a'b",
    'a"b',
    '"a',
    '"a"b',
    '""',
    'a/*x*/ b',
    'a(b)',
    'a,b',
    'a\nb',
    'a\u0000b',
    '"a\u0000b"',
    'a.b ; select 1',
    '(select 1)',
    "read_csv('/etc/passwd')",
    `"${'x'.repeat(300)}"`,
  ])('%j is refused', (text) => {
    expect(() => parseTableRef(text)).toThrow(expect.objectContaining({ code: 'TABLE_MISSING' }))
  })

  test('whatever it is, it is refused or leaves nothing outside of quotes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[a."'; -]{1,12}$/)), (text) => {
        let parts: readonly string[]
        try {
          parts = parseTableRef(text)
        } catch {
          return
        }
        const sql = parts.map(quote).join('.')
        expect(sql.replace(/"(?:[^"]|"")*"/g, 'q')).toMatch(/^q(?:\.q){0,2}$/)
      }),
      { numRuns: 2000 },
    )
  })
})

test('a text literal ends only where it should', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(literal(text).slice(1, -1).replaceAll("''", '')).not.toContain("'")
      expect(literal(text).slice(1, -1).replaceAll("''", "'")).toBe(text)
    }),
  )
})
