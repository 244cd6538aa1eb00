/**
 * The sync against a model on every engine. A few schedules each time, because small statements are slow in some engines;
 * `SYNC_MODEL_RUNS=100 SYNC_MODEL_ENGINES=postgres,redshift npx vitest run --project contract warehouse-model` for as many as wanted.
 */
import { afterAll, beforeAll, describe, test } from 'vitest'
import type { StatePlace } from '../../src/sync/warehouse.ts'
import { bigQueryEmulator } from '../support/bigquery.ts'
import { sparkWithDelta } from '../support/databricks.ts'
import type { Peer } from '../support/peer.ts'
import { startBigQueryPeer } from '../support/peers/bigquery.ts'
import { startDatabricksPeer } from '../support/peers/databricks.ts'
import { startPostgresPeer } from '../support/peers/postgres.ts'
import { startRedshiftPeer } from '../support/peers/redshift.ts'
import { startSnowflakePeer } from '../support/peers/snowflake.ts'
import { fakesnow } from '../support/snowflake.ts'
import { followsTheTable, noticesWhatWasTakenBack } from '../support/sync-model.ts'
import { SyncWorld } from '../support/sync-world.ts'
import { onEngine } from './warehouse-suite.ts'

interface Engine {
  readonly start: () => Promise<Peer>
  readonly make?: () => Promise<unknown>
  /** Schedules without SYNC_MODEL_RUNS. */
  readonly runs: number
}

const engines: Readonly<Record<string, Engine>> = {
  postgres: { start: startPostgresPeer, runs: 100 },
  redshift: { start: startRedshiftPeer, runs: 100 },
  snowflake: { start: startSnowflakePeer, make: fakesnow, runs: 3 },
  bigquery: { start: startBigQueryPeer, make: bigQueryEmulator, runs: 2 },
  databricks: { start: startDatabricksPeer, make: sparkWithDelta, runs: 1 },
}
const timeout = 3_600_000
const nothingToMake = async () => {}
const wanted = process.env.SYNC_MODEL_ENGINES?.split(',') ?? Object.keys(engines)

for (const [engine, { start, make, runs }] of Object.entries(engines)) {
  if (!wanted.includes(engine)) continue
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
