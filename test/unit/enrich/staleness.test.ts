import { describe, expect, test } from 'vitest'
import type { SnapshotSet } from '../../../src/enrich/snapshots.ts'
import { type Freshness, FreshVersions } from '../../../src/enrich/staleness.ts'
import type { Fact } from '../../../src/telemetry.ts'

const hour = 3_600_000

/** A world whose clock moves when somebody sleeps, and whose snapshot is made anew at a given time. */
function world(onStale: Freshness['onStale'], renewedAt = Number.POSITIVE_INFINITY) {
  const facts: Fact[] = []
  const state = { now: 10 * hour, held: 0, slept: 0 }
  const snapshots = {
    current(): SnapshotSet {
      state.held++
      const asOf = state.now >= renewedAt ? renewedAt : 0
      return {
        of: (entity) =>
          entity === 'product'
            ? { entity, version: 1, epoch: 1, asOf, rows: 1, get: () => undefined, find: () => undefined }
            : undefined,
        release: () => void state.held--,
      }
    },
  }
  const clock = {
    now: () => state.now,
    sleep: async (milliseconds: number) => {
      state.now += milliseconds
      state.slept += milliseconds
    },
  }
  const rules = new Map([['product', { maxAge: 3 * hour, onStale }]])
  return { state, facts, versions: new FreshVersions({ snapshots, rules, clock, tell: (fact) => facts.push(fact) }) }
}

describe('a snapshot older than its max_age', () => {
  test('serve: goes on, and says so once', async () => {
    const { versions, facts, state } = world('serve')
    for (let n = 0; n < 3; n++) (await versions.current(new AbortController().signal))?.release()
    expect(state.held).toBe(0)
    expect(facts).toMatchObject([{ name: 'snapshot-stale', entity: 'product', stale: true, ageSeconds: 36_000 }])
  })

  test('pause: waits for a newer one, holding none of the old, and says both', async () => {
    const { versions, facts, state } = world('pause', 10 * hour + 60_000)
    const set = await versions.current(new AbortController().signal)
    expect(set?.of('product')?.asOf).toBe(10 * hour + 60_000)
    expect(state.slept).toBeGreaterThanOrEqual(60_000)
    expect(state.held).toBe(1)
    expect(facts).toMatchObject([{ stale: true, onStale: 'pause' }, { stale: false }])
  })

  test('pause: a stop while it waits gives nothing', async () => {
    const { versions, state } = world('pause')
    const stop = new AbortController()
    stop.abort()
    expect(await versions.current(stop.signal)).toBeNull()
    expect(state.held).toBe(0)
  })

  test('fail: stops with the age', async () => {
    const { versions, state } = world('fail')
    await expect(versions.current(new AbortController().signal)).rejects.toMatchObject({
      code: 'SNAPSHOT_STALE',
      message: expect.stringContaining('36000 s'),
    })
    expect(state.held).toBe(0)
  })
})
