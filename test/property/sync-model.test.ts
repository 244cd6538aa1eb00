/**
 * The sync against a model: `SYNC_MODEL_SCHEDULES` schedules with warehouse and snapshots in memory, and `SYNC_MODEL_RUNS` on
 * DuckDB and SQLite files. `SYNC_MODEL_SEED=N npx vitest run --project property sync-model` repeats those of a seed.
 */
import { test } from 'vitest'
import { MemoryWorld } from '../support/sync-memory.ts'
import { followsTheTable } from '../support/sync-model.ts'
import { SyncWorld } from '../support/sync-world.ts'

test('in memory, the snapshot follows the table, whatever happens in between', () =>
  followsTheTable({
    world: () => new MemoryWorld(),
    runs: Number(process.env.SYNC_MODEL_SCHEDULES ?? 10_000),
    shrink: true,
  }))

const filesRuns = Number(process.env.SYNC_MODEL_RUNS ?? 25)

test('on files, the snapshot follows the table, whatever happens in between', () =>
  followsTheTable({ world: () => SyncWorld.create(), runs: filesRuns, shrink: true }))

test('where nothing may be written in the warehouse, the snapshot follows the table, and nothing is', () =>
  followsTheTable({ world: () => SyncWorld.create({ state: 'local' }), runs: filesRuns, shrink: true }))
