/** The sync against a model, on DuckDB files: `SYNC_MODEL_RUNS` schedules, repeated by `SYNC_MODEL_SEED`. */
import { test } from 'vitest'
import { followsTheTable } from '../support/sync-model.ts'

test('the snapshot follows the table, whatever happens in between', () =>
  followsTheTable({ runs: Number(process.env.SYNC_MODEL_RUNS ?? 25) }))

test('the snapshot follows the table where nothing may be written in the warehouse, and nothing is', () =>
  followsTheTable({ runs: Number(process.env.SYNC_MODEL_RUNS ?? 25), state: 'local' }))
