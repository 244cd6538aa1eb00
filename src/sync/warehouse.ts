/**
 * What the sync needs of a warehouse. No SQL here: an adapter turns each promise into its own statements. Every statement
 * is atomic, none needs a transaction around two of them, and all operating errors are `LinkedEventsError`.
 */
import type { Checkpoint } from './checkpoint.ts'
import type { Duplicates, EntityPlan } from './entity-plan.ts'

/** How a column's canonical text becomes JSON (`row.ts`). */
export type ColumnKind =
  | 'integer'
  | 'decimal'
  | 'float'
  | 'boolean'
  | 'text'
  | 'date'
  | 'timestamp'
  | 'timestamp_zoned'
  | 'json'
  | 'binary'

export interface Column {
  readonly name: string
  readonly kind: ColumnKind
  /** The type in the warehouse's own words. */
  readonly type: string
}

/** A table or view as it is now. */
export interface Table {
  readonly ref: string
  /** A view may give other rows each time it is read, even in one transaction. */
  readonly view: boolean
  /** In the order of the table. */
  readonly columns: readonly Column[]
  /** Dialect and engine version, as far as checksums depend on them: when it changes, every checksum may change. */
  readonly engine: string
}

/** What one run reads: the table, its key, the other columns in the order of the table, and the rule for duplicate keys. */
export interface Source {
  readonly table: Table
  readonly key: Column
  readonly columns: readonly Column[]
  readonly duplicates: Duplicates
}

export interface KeyCheck {
  readonly rows: number
  readonly nullKeys: number
  /** Keys that more than one row has. */
  readonly duplicateKeys: number
  /** Up to ten of them. */
  readonly examples: readonly string[]
}

export interface ChangeCounts {
  readonly added: number
  readonly updated: number
  readonly deleted: number
}

/**
 * One row of a delta: `A`, `U` or `D`, the text of the key, and the canonical text of every other column (null is SQL
 * null; meaningless in a `D`). Canonical text: what `row.ts` says for the column's kind.
 */
export type Change = readonly [op: string, key: string, ...values: (string | null)[]]

/** Rows whose keys fall into one bucket: how many, and four sums over their hashes as one text (`digest.ts`). */
export interface BucketDigest {
  readonly rows: number
  readonly digest: string
}

export interface SourceDigests {
  readonly buckets: ReadonlyMap<number, BucketDigest>
  /** Some texts of the key and of each other column, where engines write the kind in more than one way. */
  readonly examples: readonly (readonly string[])[]
}

/** Some of `of` buckets. */
export interface Buckets {
  readonly numbers: readonly number[]
  readonly of: number
}

/**
 * `probe`: the probe of the very rows that the delta saw, where one that was read before could be another's: a hash of the
 * content comes again when the content does.
 */
export interface CreatedDelta extends ChangeCounts {
  readonly probe?: string
}

/** The probe, the diff and the state of one sync. One session serves one run; its calls are made one after the other. */
export interface WarehouseSession {
  /** @throws TABLE_MISSING with the nearest name, WAREHOUSE_DENIED */
  table(ref: string): Promise<Table>
  /** A text that differs when the source may have changed, or null where nothing cheap tells. */
  probe(source: Source): Promise<string | null>
  checkKeys(source: Source): Promise<KeyCheck>
  /** Bytes that a run which finds changes reads of the source, as the warehouse says without reading them; null where it does not tell. */
  estimate(source: Source): Promise<number | null>
  /** The changes since a generation (null: since nothing) by number, without writing anything. */
  countChanges(source: Source, generation: string | null): Promise<ChangeCounts>
  /** The digest of each bucket that has rows; rows without a key are left out, as in a delta. */
  digests(source: Source, buckets: number): Promise<SourceDigests>
  /** All rows of the source, or those of some buckets, as if they were added; in no order. */
  rows(source: Source, only: Buckets | null): AsyncIterable<readonly Change[]>

  /** Creates the state schema where it is missing. */
  createState(): Promise<void>
  /** The pointer row, or null when there is none. */
  checkpoint(syncKey: string): Promise<Checkpoint | null>
  /** Makes the first pointer row; with one there, rejects or does nothing. Whether it worked is told by reading it back. */
  insert(checkpoint: Checkpoint): Promise<void>
  /** Replaces the pointer row if its `seq` and `fence` are still these. Whether it worked is told by reading it back. */
  swap(expected: { readonly seq: number; readonly fence: number }, next: Checkpoint): Promise<void>
  /** Deletes the pointer row and every state table of a sync. */
  forget(syncKey: string): Promise<void>

  /** Creates an empty generation. */
  createGeneration(name: string): Promise<void>
  /** Creates the delta between a generation and the source, payload included. Immutable from then on. */
  createDelta(source: Source, names: { readonly generation: string; readonly delta: string }): Promise<CreatedDelta>
  /** Creates the next generation: the old one with the delta applied. Keys are unique in it whatever the delta holds. */
  createNextGeneration(names: {
    readonly generation: string
    readonly delta: string
    readonly next: string
  }): Promise<void>
  /** The delta; `by key`: in ascending order of key, the same each time. */
  changes(delta: string, columns: number, order: 'any' | 'by key'): AsyncIterable<readonly Change[]>
  /** Rows of a state table, or null when it is missing. */
  count(name: string): Promise<number | null>
  /** Names of the state tables of a sync, those that a crash left behind included. */
  stateTables(syncKey: string): Promise<readonly string[]>
  drop(name: string): Promise<void>
  /** Bytes that this session's statements have read, as the warehouse counts them; null where it does not tell. */
  bytesScanned(): number | null
  /** Ends what is running in the warehouse and closes. Safe to call twice. */
  close(): Promise<void>
}

/** One thing that `doctor` looked at. */
export interface WarehouseCheck {
  readonly name: string
  readonly ok: boolean
  readonly required: string
  readonly found: string
  readonly severity: 'error' | 'warning'
  /** What makes it right, for example the exact GRANT; null when it is right. */
  readonly fix: string | null
  /** The attribute of the data graph that it is about. */
  readonly about?: { readonly entity: string; readonly attribute: 'table_ref' | 'primary_key' }
}

/** Where a sync keeps how far it has come: beside the tables, so that only changes leave the warehouse, or only here, so that nothing is written there. */
export type StatePlace = 'warehouse' | 'local'

export interface Warehouse {
  readonly type: string
  readonly state: StatePlace
  /** Opens a session; when `signal` is aborted, running statements are cancelled and reject. Holds nothing open between sessions. */
  session(signal: AbortSignal): Promise<WarehouseSession>
  checks(entities: readonly EntityPlan[]): Promise<readonly WarehouseCheck[]>
  close(): Promise<void>
}
