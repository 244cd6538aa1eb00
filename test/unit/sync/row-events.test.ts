import { describe, expect, it } from 'vitest'
import { audienceMembership } from '../../../src/enrich/membership.ts'
import { type RowEventMode, rowEventModes, rowEvents } from '../../../src/sync/row-events.ts'
import type { Change, Column, Source } from '../../../src/sync/warehouse.ts'

const column = (name: string, kind: Column['kind']): Column => ({ name, kind, type: kind.toUpperCase() })
const columns = [
  column('NAME', 'text'),
  column('SKU', 'integer'),
  column('PRICE', 'decimal'),
  column('BIG', 'integer'),
  column('TAGS', 'json'),
  column('2', 'boolean'),
  column('not read', 'text'),
]
const source: Source = {
  table: { ref: 'products', view: false, columns, engine: 'test' },
  key: columns[1]!,
  columns: columns.filter(({ name }) => name !== 'SKU' && name !== 'not read'),
  duplicates: 'fail',
}
const changes: readonly Change[] = [
  ['A', '7', 'Hat "M"', '9.50', '9007199254740993', '[1, 2.0]', 'true'],
  ['U', '08', null, null, null, null, null],
  ['D', '9', null, null, null, null, null],
]

async function told(mode: RowEventMode): Promise<readonly ({ key: string; value: string } | null)[]> {
  async function* pages() {
    yield changes.slice(0, 2)
    yield changes.slice(2)
  }
  const found = []
  for await (const page of rowEvents({ source, mode }, pages())) found.push(...page)
  return found
}

describe('a row event', () => {
  it('has the shape of Segment’s reverse ETL: its kind, the id, every column that is read in the order of the table', async () => {
    expect((await told('mirror'))[0]).toEqual({
      key: '7',
      value:
        '{"type":"track","event":"new","__segment_id":"7","properties":{"NAME":"Hat \\"M\\"","SKU":7,"PRICE":9.5,"BIG":9007199254740993,"TAGS":[1,2],"2":true}}',
    })
  })

  it('of a changed row has nulls where the row has, and the key as events find it', async () => {
    expect((await told('mirror'))[1]).toEqual({
      key: '8',
      value:
        '{"type":"track","event":"updated","__segment_id":"8","properties":{"NAME":null,"SKU":8,"PRICE":null,"BIG":null,"TAGS":null,"2":null}}',
    })
  })

  it('of a deleted row has null in every column, the key among them', async () => {
    expect((await told('mirror'))[2]).toEqual({
      key: '9',
      value:
        '{"type":"track","event":"deleted","__segment_id":"9","properties":{"NAME":null,"SKU":null,"PRICE":null,"BIG":null,"TAGS":null,"2":null}}',
    })
  })
})

describe('a mode', () => {
  it('tells the changes that mean a membership in it, and no others', () => {
    const names = { A: 'new', U: 'updated', D: 'deleted' } as const
    for (const [mode, told] of Object.entries(rowEventModes)) {
      const meant = Object.entries(names).filter(
        ([, event]) => audienceMembership({ type: 'track', event }, mode) !== null,
      )
      expect(told, mode).toEqual(meant.map(([op]) => op))
    }
  })

  it.each<[RowEventMode, string[]]>([
    ['add', ['7']],
    ['update', ['8']],
    ['upsert', ['7', '8']],
    ['delete', ['9']],
    ['mirror', ['7', '8', '9']],
  ])('%s tells its changes, and keeps the place of the others', async (mode, keys) => {
    const events = await told(mode)
    expect(events).toHaveLength(3)
    expect(events.flatMap((event) => (event === null ? [] : [event.key]))).toEqual(keys)
  })

  it('is one of Segment’s', () => {
    expect(Object.keys(rowEventModes)).toEqual(['add', 'update', 'upsert', 'delete', 'mirror'])
  })
})
