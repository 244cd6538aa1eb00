/** What the steps of one run share: what it was asked for, its warehouse session, the source as it is now, and the tally. */
import type { Clock } from '../clock.ts'
import type { Tell } from '../telemetry.ts'
import type { EntityPlan } from './entity-plan.ts'
import type { Approves } from './guard.ts'
import type { RowEvents } from './row-events.ts'
import { columnsOf, configHash, sourceOf, syncKeyOf } from './source.ts'
import type { SnapshotStore } from './store.ts'
import { nothingFound, type SyncFindings } from './sync-run.ts'
import type { Source, Warehouse, WarehouseSession } from './warehouse.ts'

export interface SyncOptions {
  readonly entity: EntityPlan
  readonly warehouse: Warehouse
  readonly store: SnapshotStore
  /** For an entity whose plan has `events`. */
  readonly events?: RowEvents
  readonly clock: Clock
  readonly tell: Tell
  /** Who runs this, for people who read the checkpoint table. */
  readonly owner: string
  /** Read everything anew, whatever the state says. */
  readonly full?: boolean
  /** Count the changes; write nothing anywhere. */
  readonly dryRun?: boolean
  /** Lets a change through that the mass-delete guard stops; without it none. */
  readonly approves?: Approves
  readonly signal: AbortSignal
}

/** What the run has found so far, for its report. */
export type Tally = { -readonly [Finding in keyof SyncFindings]: SyncFindings[Finding] }

export function newTally({ events }: EntityPlan): Tally {
  return { ...nothingFound, row_events: events === undefined ? null : { sent: 0, elsewhere: null } }
}

export interface Run {
  readonly slug: string
  readonly entity: EntityPlan
  readonly session: WarehouseSession
  readonly store: SnapshotStore
  readonly events: RowEvents | null
  readonly owner: string
  readonly full: boolean
  readonly dryRun: boolean
  readonly approves: Approves
  readonly syncKey: string
  readonly source: Source
  readonly configHash: string
  /** When this run began to read the warehouse, milliseconds. */
  readonly asOf: number
  readonly signal: AbortSignal
  readonly tally: Tally
}

/** Opens a session, describes the table, and closes the session whatever happens. */
export async function withRun<T>(options: SyncOptions, tally: Tally, work: (run: Run) => Promise<T>): Promise<T> {
  const { entity, signal } = options
  signal.throwIfAborted()
  const session = await options.warehouse.session(signal)
  try {
    const asOf = options.clock.now()
    const source = sourceOf(entity, await session.table(entity.tableRef))
    tally.columns = columnsOf(source).map(({ name }) => name)
    return await work({
      slug: entity.slug,
      entity,
      session,
      store: options.store,
      events: options.events ?? null,
      owner: options.owner,
      full: options.full ?? false,
      dryRun: options.dryRun ?? false,
      approves: options.approves ?? (() => false),
      syncKey: await syncKeyOf(entity),
      source,
      configHash: await configHash(entity, source),
      asOf,
      signal,
      tally,
    })
  } finally {
    tally.bytes_scanned = session.bytesScanned()
    await session.close()
  }
}
