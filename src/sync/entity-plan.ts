/** What a sync needs to know of one entity: the configuration and the data graph, already checked. */

import type { RowEventsPlan } from './row-events.ts'

/** What becomes of a primary key that several rows have: the run fails, one row wins, or all its rows are left out. */
export type Duplicates = 'fail' | 'first' | 'reject'

export interface EntityPlan {
  readonly slug: string
  /** The table or view, as the warehouse names it: one to three parts. */
  readonly tableRef: string
  readonly primaryKey: string
  /** The columns that mappings read, or null for all of them. The primary key is always read. */
  readonly columns: readonly string[] | null
  readonly duplicates: Duplicates
  /** Snapshot versions kept. */
  readonly versions: number
  /** Separates the warehouse state of two installations that share a state schema; the same for as long as a `state_dir` lives. */
  readonly installId: string
  /** Where each change goes as an event, if anywhere. */
  readonly events?: RowEventsPlan
}
