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

/** Rows in memory, asked for by `asciiHash` of their keys. */
export interface ResidentRows {
  readonly layout: RowLayout
  /** A row with this hash will be asked for soon. */
  expect(hash: number): void
  /**
   * Copies the values of the row with the key that stands here in ASCII to `at` in the memory of the event path, and up to seven
   * bytes more; how many they are, or -1: no such row, or more than `bytesMax`.
   */
  copy(hash: number, key: Uint8Array, start: number, end: number, at: number, bytesMax: number): number
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
