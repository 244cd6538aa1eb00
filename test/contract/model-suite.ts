/**
 * The sync against a model on an engine. A few schedules each time, because small statements are slow in some engines;
 * `SYNC_MODEL_RUNS=100 npx vitest run --project contract model -t postgres` for as many as wanted, Databricks with `--project spark`.
 */
import { afterAll, beforeAll, describe, test } from 'vitest'
import type { StatePlace } from '../../src/sync/warehouse.ts'
import type { Peer } from '../support/peer.ts'
import { followsTheTable, noticesWhatWasTakenBack } from '../support/sync-model.ts'
import { SyncWorld } from '../support/sync-world.ts'
import { onEngine } from './warehouse-suite.ts'

export interface ModelOptions {
  readonly start: () => Promise<Peer>
  readonly make?: () => Promise<unknown>
  /** Schedules without SYNC_MODEL_RUNS. */
  readonly runs: number
}

const timeout = 7_200_000
const nothingToMake = async () => {}

export async function modelSuite(engine: string, { start, make, runs }: ModelOptions): Promise<void> {
  await onEngine(engine, make ?? nothingToMake, () =>
    describe(engine, () => {
      let peer: Peer
      beforeAll(async () => {
        peer = await start()
      })
      afterAll(() => peer.stop())

      const follows = (state: StatePlace, count: number) => () =>
        followsTheTable({
          world: () => SyncWorld.create({ peer, state }),
          runs: Number(process.env.SYNC_MODEL_RUNS ?? count),
          shrink: false,
        })

      test('the snapshot follows the table, whatever happens in between', { timeout }, follows('warehouse', runs))

      test.each(['warehouse', 'local'] as const)(
        'a row that comes and goes again while the table is read does not stay (state: %s)',
        async (state) => {
          const world = await SyncWorld.create({ peer, state })
          try {
            await noticesWhatWasTakenBack(world)
          } finally {
            await world.remove()
          }
        },
      )

      test(
        'the snapshot follows the table with SELECT alone, and nothing is written',
        { timeout },
        follows('local', Math.ceil(runs / 2)),
      )
    }),
  )
}
