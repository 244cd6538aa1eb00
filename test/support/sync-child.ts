/** One sync in a process of its own, for tests that kill it. Arguments: database file, state directory, place of the state. Prints the run. */
import { systemClock } from '../../src/clock.ts'
import { snapshotStore } from '../../src/snapshot/store.ts'
import { sync } from '../../src/sync/sync.ts'
import type { StatePlace } from '../../src/sync/warehouse.ts'
import { openWarehouse } from '../../src/warehouse/open.ts'
import { childEntity } from './sync-child-entity.ts'

const [path = '', dir = '', state] = process.argv.slice(2)
const run = await sync({
  entity: childEntity,
  warehouse: await openWarehouse({
    type: 'duckdb',
    path,
    stateSchema: '_segment_reverse_etl',
    state: state as StatePlace,
  }),
  store: snapshotStore({ dir }),
  clock: systemClock,
  tell: () => {},
  owner: 'child',
  signal: new AbortController().signal,
})
console.log(JSON.stringify(run))
