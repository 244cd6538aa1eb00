/**
 * The schedules of the model notice each promise of the protocol that is not kept: without this nobody could say what ten
 * thousand schedules that pass are worth.
 */
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Weakness } from '../support/sync-memory.ts'

type Handshake = typeof import('../../src/sync/handshake.ts')

/** Most are noticed within a hundred. */
const runsMax = 100_000

afterEach(() => {
  vi.doUnmock('../../src/sync/handshake.ts')
  vi.resetModules()
})

/** What the schedules say of the sync, with the modules as they are mocked now. */
async function verdict(weakness: Weakness | null, { runs }: { runs: number } = { runs: runsMax }): Promise<string> {
  vi.resetModules()
  const { followsTheTable } = await import('../support/sync-model.ts')
  const { MemoryWorld } = await import('../support/sync-memory.ts')
  return followsTheTable({ world: () => new MemoryWorld(weakness), runs, shrink: false }).then(
    () => 'nothing noticed',
    (error: Error) => error.message,
  )
}

/** The handshake, but for what `change` makes of it. */
function mockHandshake(change: (nextStep: Handshake['nextStep']) => Handshake['nextStep']): void {
  vi.doMock('../../src/sync/handshake.ts', async (original) => {
    const real = await original<Handshake>()
    return { ...real, nextStep: change(real.nextStep) }
  })
}

const noticed = /Property failed/

test('with all promises kept there is nothing to notice', async () => {
  expect(await verdict(null, { runs: 1000 })).toBe('nothing noticed')
})

describe('it is noticed', () => {
  test('when a run that was overtaken can still move the pointer', async () => {
    expect(await verdict('swap ignores the fence')).toMatch(noticed)
  })

  test('when the probe is read after the table', async () => {
    expect(await verdict('probe is read late')).toMatch(noticed)
  })

  test('when a delta that was published is computed again instead of being committed', async () => {
    mockHandshake((nextStep) => (standing) => {
      const step = nextStep(standing)
      return step.do === 'commit' ? { do: 'diff' } : step
    })
    expect(await verdict('publish ignores what it is built on')).toMatch(noticed)
  })

  test('when a restored copy of the versions is taken for the epoch of the warehouse', async () => {
    mockHandshake((nextStep) => (standing) => {
      const { checkpoint, stored } = standing
      const alike = checkpoint !== null && stored !== null
      return nextStep(alike ? { ...standing, stored: { ...stored, ...checkpoint, rows: checkpoint.rows } } : standing)
    })
    expect(await verdict(null)).toMatch(noticed)
  })

  test('when a baseline with a row too few is used', async () => {
    mockHandshake(
      (nextStep) => (standing) =>
        nextStep({
          ...standing,
          generationRows: standing.generationRows === null ? null : (standing.checkpoint?.rows ?? 0),
        }),
    )
    expect(await verdict(null)).toMatch(noticed)
  })

  test('when a missing baseline is taken for an empty one', async () => {
    mockHandshake(
      (nextStep) => (standing) => nextStep({ ...standing, generationRows: standing.checkpoint?.rows ?? null }),
    )
    expect(await verdict(null)).toMatch(noticed)
  })
})
