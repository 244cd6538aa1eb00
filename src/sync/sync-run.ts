/** What one sync of one entity did: the report of `sync`, `sync history` and the metrics. */
import type { ErrorCode } from '../errors.ts'

export type SyncResult = 'success' | 'unchanged' | 'guarded' | 'failed' | 'cancelled' | 'dry_run'

export interface SyncRun {
  readonly entity: string
  readonly result: SyncResult
  /** Why it did what it did, in a few words: `first sync`, `columns changed`, `probe unchanged`, … */
  readonly reason: string | null
  /** The snapshot version that is current after the run, or null when there is none. */
  readonly version: number | null
  readonly epoch: number | null
  readonly added: number
  readonly updated: number
  readonly deleted: number
  /** Rows of the snapshot that is current after the run. */
  readonly rows: number
  readonly null_keys: number
  readonly duplicate_keys: number
  /** Bytes that the warehouse says it scanned, where it tells; else null. */
  readonly bytes_scanned: number | null
  /** Of a dry run that looks for changes: the bytes that a run would read, as the warehouse says beforehand; else null. */
  readonly bytes_estimated: number | null
  /** Row events that it has written, or the host and process whose installation writes them instead; null when the entity has none. */
  readonly row_events: { readonly sent: number; readonly elsewhere: string | null } | null
  /** The columns that it reads, in the order of the table: the primary key and those that mappings read. Null: it ended before it knew them. */
  readonly columns: readonly string[] | null
  /** RFC 3339, UTC. */
  readonly started_at: string
  readonly duration_seconds: number
  readonly error: { readonly code: ErrorCode; readonly message: string; readonly hint: string } | null
}

/** What a run finds out on its way. */
export type SyncFindings = Pick<
  SyncRun,
  | 'reason'
  | 'added'
  | 'updated'
  | 'deleted'
  | 'null_keys'
  | 'duplicate_keys'
  | 'bytes_scanned'
  | 'bytes_estimated'
  | 'row_events'
  | 'columns'
>

export const nothingFound: SyncFindings = {
  reason: null,
  added: 0,
  updated: 0,
  deleted: 0,
  null_keys: 0,
  duplicate_keys: 0,
  bytes_scanned: null,
  bytes_estimated: null,
  row_events: null,
  columns: null,
}
