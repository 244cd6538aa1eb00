/** Where the sync puts what it found: versions of an entity, each whole and durable or not there. `snapshot/store.ts` keeps these promises. */

/** A published version. (epoch, seq) say which delta it contains last. */
export interface StoredVersion {
  readonly version: number
  readonly epoch: number
  /** Unique to the epoch. */
  readonly lineage: string
  readonly seq: number
  readonly rows: number
  /** When the warehouse was last known to hold exactly these rows: milliseconds since 1970-01-01 UTC. */
  readonly asOf: number
  /** Table, columns and rules that the rows were made by (`source.ts`); null: not known. */
  readonly configHash: string | null
  /** The source's probe at `asOf`; null: not known. */
  readonly probe: string | null
}

export interface Row {
  readonly key: string
  /** JSON text. */
  readonly row: string
}

/** The rows of a version, open for comparing. */
export interface StoredRows {
  readonly version: StoredVersion
  /** All rows, page by page. */
  all(): AsyncIterable<readonly Row[]>
  /** The row with this key, or undefined. That it was seen is remembered. */
  see(key: string): string | undefined
  /** The rows that were not seen; asked for once, at the end. */
  unseen(): AsyncIterable<readonly Row[]>
  close(): void
}

export interface RowChange {
  readonly key: string
  /** JSON text of the row, or null when the row is deleted. */
  readonly row: string | null
}

export interface VersionOrder {
  readonly entity: string
  readonly epoch: number
  readonly lineage: string
  readonly seq: number
  readonly asOf: number
  readonly configHash: string
  /** Known when the changes have ended. */
  readonly probe: string | null
  /** Why this version is made, in a few words. */
  readonly reason: string
  /** `nothing`: the changes are the whole content. `current`: they are applied to the current version, which must be that of `seq - 1`. */
  readonly base: 'nothing' | 'current'
  readonly changes: AsyncIterable<readonly RowChange[]>
  /** Rows that the version must have in the end; before the changes have ended, about how many. */
  readonly rows: () => number
  /** Versions kept, the new one included. */
  readonly keep: number
}

export interface SnapshotStore {
  /** The newest version of the entity, or null. */
  current(entity: string): Promise<StoredVersion | null>
  /**
   * Builds, verifies and publishes the next version; when it resolves, the version survives a power cut. When it rejects
   * nothing was published.
   * @throws SYNC_LOST when another run has published since, SNAPSHOT_CORRUPT when the current version is damaged or the result has not `rows` rows; DISK_FULL, STATE_DIR_UNWRITABLE
   */
  publish(order: VersionOrder): Promise<StoredVersion>
  /** The warehouse was read at `asOf`, and the current version is still what it holds. */
  confirm(entity: string, seen: { readonly asOf: number; readonly probe: string | null }): Promise<void>
  /** The current version, checked to be undamaged; null when there is none. The caller closes it. @throws SNAPSHOT_CORRUPT */
  read(entity: string): Promise<StoredRows | null>
}
