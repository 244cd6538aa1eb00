/** What one warehouse spells differently, and what its driver must do. A new warehouse is one file that makes these two. */
import type { Change, Column, Source, Table } from '../sync/warehouse.ts'

export type Cell = string | null

/** A connection. Every value comes as text, whatever the driver would make of it; every error as a `LinkedEventsError`. */
export interface Driver {
  rows(sql: string): Promise<Cell[][]>
  /** The result page by page, with bounded memory. */
  pages(sql: string): AsyncIterable<Cell[][]>
  /** Cancels what is running and closes. */
  close(): Promise<void>
}

export interface Dialect {
  readonly type: string
  /** A text as a literal. */
  literal(text: string): string
  /** A state table's full, quoted name. */
  state(name: string): string
  readonly stateSchema: string
  readonly types: { readonly text: string; readonly integer: string; readonly checksum: string }
  /** Head of the statement that creates and fills an immutable state table. */
  createAs(table: string): string
  createEmpty(table: string): string
  /** The key as text: one text for each key that the engine takes for equal. */
  keyText(column: Column): string
  /** Canonical text of a value (`sync/row.ts`); null stays null. */
  text(column: Column): string
  /** Differs when a row differs; `text` names the canonical text of each column where the statement has it. */
  checksum(columns: readonly { readonly column: Column; readonly text: string }[]): string
  differs(a: string, b: string): string
  /** SHA-256 of a text, as 64 small hexadecimal digits. */
  sha256(text: string): string
  /** Eight hexadecimal digits as a number. */
  hexNumber(digits: string): string
  /** An ORDER BY expression in which keys come in the order of their bytes. */
  byteOrder(expression: string): string
  /** The table or view as a FROM item. */
  from(source: Source): string
  /** Lists the names of all tables in the state schema, in whichever column. */
  stateTables(): string
}

/** The exact lines that grant what is missing. */
export interface Grants {
  readonly select: (ref: string) => string
  readonly state: string
  /** The catalogue leaves out what the user may not read, so that it looks as if it were not there. */
  readonly hidden?: boolean
}

/** A driver with its dialect, and the few things that no shared statement can do. */
export interface Connection {
  readonly dialect: Dialect
  readonly driver: Driver
  /** @throws TABLE_MISSING with the nearest name */
  table(ref: string): Promise<Table>
  /** Creates the state schema when it is missing. */
  createSchema(): Promise<void>
  /** A token that differs when the rows may differ, or null. */
  probe(source: Source): Promise<string | null>
  /** The statement that gives `record_id` and `checksum` of the source, where it is not the shared one. */
  checksums?(source: Source): string
  /** The statement that gives `record_id`, `checksum`, `c0`, … of the source, where it is not the shared one. */
  sourceRows?(source: Source): string
  /** Makes the delta in the engine's own way, and may tell the probe of what it saw; absent: with the shared statement. */
  createDelta?(source: Source, names: { readonly generation: string; readonly delta: string }): Promise<string | null>
  /** The delta in the engine's own fastest way; absent or undefined: with the shared statement, which is ordered by key. */
  changes?(delta: string, columns: number, order: 'any' | 'by key'): AsyncIterable<readonly Change[]> | undefined
  /** The result of a statement whose columns are `op`, `record_id`, `c0`, …, in the engine's own fastest way. */
  changePages?(statement: string, columns: number): AsyncIterable<readonly Change[]>
  /** After a generation was created: statistics, where the engine needs them. */
  created?(name: string): Promise<void>
  grants(): Promise<Grants>
  /** Bytes that a statement would read, where the warehouse tells without reading them. */
  estimate?(statement: string): Promise<number>
  /** Bytes that the statements so far have read, where the warehouse tells. */
  bytesScanned?(): number
}
