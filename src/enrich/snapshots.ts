/** The local copies of the entities, as the event path reads them. `snapshot/snapshots.ts` keeps these promises. */
import type { Row, RowLayout } from '../row-text.ts'

/** One entity at one version: immutable, verified, read synchronously. */
export interface Snapshot {
  readonly entity: string
  readonly version: number
  readonly epoch: number
  /** When the warehouse was read: milliseconds since 1970-01-01 UTC. */
  readonly asOf: number
  readonly rows: number
  /** The row with this key text, or undefined. A null column is in the row. */
  get(key: string): Row | undefined
  /** The same, for a key that is ASCII and stands in these bytes. */
  find(bytes: Buffer, start: number, end: number): Row | undefined
  /** Its rows, where they are in memory. */
  readonly resident?: ResidentRows | null
}

/** Rows in memory, for all messages in hand together: `in-hand.ts` says what is asked for. */
export interface ResidentRows {
  readonly layout: RowLayout
  /** Rows of the entity with this number will be looked up soon: waits for the memory of all at the same time. */
  expect(entity: number): void
  /**
   * Writes the texts of the rows of the entity with this number from `at` on, an address in the exchange, and says there where each
   * is; those that do not fit are left out. The address behind them.
   */
  bring(entity: number, at: number): number
}

/** `find`, for snapshots that have their rows by text. */
export function findBy(get: Snapshot['get']): Snapshot['find'] {
  return (bytes, start, end) => get(bytes.toString('latin1', start, end))
}

/** One version of each entity, held open until released. */
export interface SnapshotSet {
  /** The snapshot, or undefined while the entity has no verified version. */
  of(entity: string): Snapshot | undefined
  release(): void
}

export interface Snapshots {
  /** The newest verified version of each entity. A batch takes one set and releases it when it is done. */
  current(): SnapshotSet
}
