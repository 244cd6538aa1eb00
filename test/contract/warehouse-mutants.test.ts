/** What a checksum may miss is noticed: with a weaker one the snapshot is not the table, and the model says so. */
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import type { Peer } from '../support/peer.ts'
import { startRedshiftPeer } from '../support/peers/redshift.ts'
import type { Row } from '../support/sync-world.ts'

type Sql = typeof import('../../src/warehouse/sql.ts')

let peer: Peer
beforeAll(async () => {
  peer = await startRedshiftPeer()
})
afterAll(() => peer.stop())
afterEach(() => {
  vi.doUnmock('../../src/warehouse/sql.ts')
  vi.resetModules()
})

/** What does not hold after null became empty text, empty text null, and one other value another. */
async function violations(weaken: (real: Sql) => Sql['hashOfHashes']): Promise<string[]> {
  vi.doMock('../../src/warehouse/sql.ts', async (original) => {
    const real = await original<Sql>()
    return { ...real, hashOfHashes: weaken(real) }
  })
  vi.resetModules()
  const { SyncWorld } = await import('../support/sync-world.ts')
  const world = await SyncWorld.create({ peer })
  const rows = (...texts: Row[0][]) =>
    new Map(texts.map((text, index): [string, Row] => [`k${index}`, [text, 1n, '1.5', true]]))
  try {
    await world.change(rows(null, '', 'a'))
    expect((await world.sync()).error).toBeNull()
    await world.change(rows('', null, 'b'))
    expect((await world.sync()).error).toBeNull()
    return await world.violations()
  } finally {
    await world.remove()
  }
}

test('with the checksum as it is there is nothing to notice', async () => {
  expect(await violations((real) => real.hashOfHashes)).toEqual([])
})

test('one that takes null for empty text is noticed', async () => {
  const found = await violations(
    () => (columns, hash) =>
      hash(columns.map(({ text }) => `COALESCE(${hash(text)}, ${hash("''")})`).join(` || '.' || `)),
  )
  expect(found).toEqual([expect.stringContaining('"k0"'), expect.stringContaining('"k1"')])
})

test('one that leaves a column out is noticed', async () => {
  const found = await violations((real) => (columns, hash) => real.hashOfHashes(columns.slice(1), hash))
  expect(found).toHaveLength(3)
})
