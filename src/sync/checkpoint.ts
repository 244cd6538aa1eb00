/**
 * The pointer row: how far one sync has come. It is the only mutable thing in the warehouse; everything it names is
 * immutable. It changes by compare-and-set, and whether a change was made is decided by reading the row back.
 */
import { LinkedEventsError } from '../errors.ts'
import type { WarehouseSession } from './warehouse.ts'

export interface Checkpoint {
  readonly syncKey: string
  /** For people who look at the table. */
  readonly entity: string
  /** Table, columns, engine and rules under which the checksums were made. */
  readonly configHash: string
  /** Counts the times that everything was read anew. */
  readonly epoch: number
  /** Unique to the epoch: two epochs of one number can come of a restored copy, and must not be taken for each other. */
  readonly lineage: string
  /** Deltas committed in this epoch. */
  readonly seq: number
  readonly generation: string
  /** Rows of the generation. */
  readonly rows: number
  /** The delta that is prepared and not yet committed, or null. */
  readonly delta: string | null
  readonly deltaCounts: { readonly added: number; readonly updated: number; readonly deleted: number }
  /** When the delta's source was read, milliseconds. */
  readonly deltaAsOf: number
  /** The source's probe when the generation (or the prepared delta) was read. */
  readonly probe: string | null
  /** Grows with every run that takes over; a run that holds an older one can change nothing. */
  readonly fence: number
  /** Unique to the attempt that wrote the row. */
  readonly writer: string
  /** Who wrote it, for people. */
  readonly owner: string
}

/**
 * Changes the pointer row of a run that holds it, and returns it as it is then.
 *
 * An error of the statement says nothing: its answer may have been lost after it was done, or it may have lost against
 * another writer. The row read back knows.
 * @throws SYNC_LOST when somebody else has taken over
 */
export async function advance(
  session: WarehouseSession,
  held: Checkpoint,
  change: Partial<Omit<Checkpoint, 'syncKey' | 'writer'>>,
): Promise<Checkpoint> {
  const next: Checkpoint = { ...held, ...change, writer: crypto.randomUUID() }
  let failure: unknown = null
  try {
    await session.swap({ seq: held.seq, fence: held.fence }, next)
  } catch (error) {
    failure = error
  }
  return readBack(session, next, { before: held.writer, failure })
}

/** Makes the first pointer row of a sync, or loses against another run that does. */
export async function begin(session: WarehouseSession, first: Omit<Checkpoint, 'writer'>): Promise<Checkpoint> {
  const next: Checkpoint = { ...first, writer: crypto.randomUUID() }
  let failure: unknown = null
  try {
    await session.insert(next)
  } catch (error) {
    failure = error
  }
  return readBack(session, next, { before: null, failure })
}

async function readBack(
  session: WarehouseSession,
  written: Checkpoint,
  attempt: { readonly before: string | null; readonly failure: unknown },
): Promise<Checkpoint> {
  const found = await session.checkpoint(written.syncKey)
  if (found?.writer === written.writer) return found
  if (attempt.failure !== null && (found?.writer ?? null) === attempt.before) throw attempt.failure
  throw new LinkedEventsError(
    'SYNC_LOST',
    found === null
      ? `the checkpoint of entity "${written.entity}" was removed while its sync was running`
      : `the sync of entity "${written.entity}" was taken over by ${found.owner}`,
  )
}
