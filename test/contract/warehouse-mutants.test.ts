/** What a checksum may miss is noticed by the schedules of the model: nulls and borders between columns. */
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import type { Peer } from '../support/peer.ts'
import { startRedshiftPeer } from '../support/peers/redshift.ts'

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

async function verdict(hashOfHashes: Sql['hashOfHashes']): Promise<string> {
  vi.doMock('../../src/warehouse/sql.ts', async (original) => ({ ...(await original<Sql>()), hashOfHashes }))
  vi.resetModules()
  const { followsTheTable } = await import('../support/sync-model.ts')
  const { SyncWorld } = await import('../support/sync-world.ts')
  return followsTheTable({ world: () => SyncWorld.create({ peer }), runs: 300, shrink: false }).then(
    () => 'nothing noticed',
    (error: Error) => error.message,
  )
}

test('a checksum that takes null for empty text is noticed', { timeout: 600_000 }, async () => {
  const verdictOf = await verdict((columns, hash) =>
    hash(columns.map(({ text }) => `COALESCE(${hash(text)}, ${hash("''")})`).join(` || '.' || `)),
  )
  expect(verdictOf).toMatch(/Property failed/)
})

test('a checksum that leaves a column out is noticed', { timeout: 600_000 }, async () => {
  const verdictOf = await verdict((columns, hash) =>
    hash(
      columns
        .slice(1)
        .map(({ text }) => `COALESCE(${hash(text)}, 'n')`)
        .join(` || '.' || `),
    ),
  )
  expect(verdictOf).toMatch(/Property failed/)
})
