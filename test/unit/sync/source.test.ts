import { describe, expect, test } from 'vitest'
import type { EntityPlan } from '../../../src/sync/entity-plan.ts'
import { configHash, sourceOf, syncKeyOf } from '../../../src/sync/source.ts'
import type { Column, Table } from '../../../src/sync/warehouse.ts'

const plan: EntityPlan = {
  slug: 'product',
  tableRef: 'products',
  primaryKey: 'ID',
  columns: null,
  duplicates: 'fail',
  versions: 2,
  installId: 'one',
}
const column = (name: string, type = 'VARCHAR'): Column => ({ name, kind: 'text', type })
const table: Table = {
  ref: 'products',
  view: false,
  columns: [column('NAME'), column('ID'), column('PRICE')],
  engine: 'test 1',
}
const names = (columns: readonly Column[]) => columns.map(({ name }) => name)
const hash = (change: Partial<EntityPlan>, changedTable: Partial<Table> = {}) => {
  const changed = { ...plan, ...change }
  return configHash(changed, sourceOf(changed, { ...table, ...changedTable }))
}

describe('the source of an entity', () => {
  test('has all columns, or the key and those in use', () => {
    expect(names(sourceOf(plan, table).columns)).toEqual(['NAME', 'PRICE'])
    expect(names(sourceOf({ ...plan, columns: ['PRICE', 'ID'] }, table).columns)).toEqual(['PRICE'])
  })

  test('without its primary key is an error that names the nearest column', () => {
    expect(() => sourceOf({ ...plan, primaryKey: 'id' }, table)).toThrow(
      expect.objectContaining({ code: 'COLUMN_MISSING', hint: 'did you mean "ID"?' }),
    )
    expect(() => sourceOf({ ...plan, columns: ['PRCIE'] }, table)).toThrow(
      expect.objectContaining({ code: 'COLUMN_MISSING', hint: 'did you mean "PRICE"?' }),
    )
  })
})

describe('the configuration hash', () => {
  test('changes with everything that the checksums depend on', async () => {
    const hashes = await Promise.all([
      hash({}),
      hash({ columns: ['NAME'] }),
      hash({ primaryKey: 'NAME' }),
      hash({ tableRef: 'other' }),
      hash({ duplicates: 'first' }),
      hash({}, { engine: 'test 2' }),
      hash({}, { columns: [column('ID'), column('NAME'), column('PRICE')] }),
      hash({}, { columns: [column('NAME'), column('ID'), column('PRICE', 'INTEGER')] }),
    ])
    expect(new Set(hashes).size).toBe(hashes.length)
  })

  test('stays when a column that nobody reads comes or goes', async () => {
    const columns = [...table.columns, column('NEW')]
    expect(await hash({ columns: ['NAME'] }, { columns })).toBe(await hash({ columns: ['NAME'] }))
  })
})

test('installations and entities have sync keys of their own', async () => {
  const keys = await Promise.all([
    syncKeyOf(plan),
    syncKeyOf({ ...plan, installId: 'two' }),
    syncKeyOf({ ...plan, slug: 'account' }),
    syncKeyOf({ ...plan, installId: 'onep', slug: 'roduct' }),
  ])
  expect(new Set(keys).size).toBe(4)
  expect(keys[0]).toMatch(/^[0-9a-f]{12}$/)
})
