/**
 * Row events: each change of a sync as Segment's reverse ETL tells it, for others than the snapshot. They go out between the
 * version and the commit of its delta, which is repeated until it is committed: so each change is told exactly once.
 */
import { keyText, rowEncoder } from './row.ts'
import { columnsOf } from './source.ts'
import type { Change, Source } from './warehouse.ts'

/** Segment's sync modes, and the changes that each tells. */
export const rowEventModes = {
  add: ['A'],
  update: ['U'],
  upsert: ['A', 'U'],
  delete: ['D'],
  mirror: ['A', 'U', 'D'],
} as const
export type RowEventMode = keyof typeof rowEventModes

export interface RowEventsPlan {
  readonly topic: string
  readonly mode: RowEventMode
  /** Names the stream of events: of the installations that share it, one sends. */
  readonly stream: string
}

export interface RowEvent {
  /** The key as text. */
  readonly key: string
  /** JSON text. */
  readonly value: string
}

export interface RowEventOrder {
  readonly entity: string
  readonly epoch: number
  readonly seq: number
  /** Names the delta; there is no other of this name, ever. */
  readonly delta: string
  /** When the warehouse was read, milliseconds. */
  readonly asOf: number
  /** The rows of the delta, page by page, in one order; null where the mode does not tell a change. */
  changes(): AsyncIterable<readonly (RowEvent | null)[]>
  /** To be called when no earlier sender can write any more. @throws SYNC_LOST when it is not for this run to send */
  confirm(): Promise<void>
  /** Called with the number of events that have been written for good. */
  sent(events: number): void
  readonly signal: AbortSignal
}

/** `kafka/row-events.ts` keeps this promise. */
export interface RowEvents {
  /**
   * Resolves when every event of the delta is written. Called again for the same delta, after whatever failure and in
   * whatever process, it writes what is missing and nothing twice.
   * @throws KAFKA_TOPIC_MISSING, KAFKA_UNAVAILABLE, KAFKA_DENIED, KAFKA_FATAL, and what `confirm` throws
   */
  send(order: RowEventOrder): Promise<void>
}

const names = { A: 'new', U: 'updated', D: 'deleted' } as const

/** Every column is in the properties; in a deleted row each of them is null. */
export async function* rowEvents(
  options: { readonly source: Source; readonly mode: RowEventMode },
  pages: AsyncIterable<readonly Change[]>,
): AsyncGenerator<readonly (RowEvent | null)[]> {
  const { source, mode } = options
  const told: ReadonlySet<string> = new Set(rowEventModes[mode])
  const encode = rowEncoder(source)
  const nulls = `{${columnsOf(source)
    .map(({ name }) => `${JSON.stringify(name)}:null`)
    .join(',')}}`
  for await (const page of pages) {
    yield page.map((change) => {
      const [op] = change
      if (!told.has(op)) return null
      const key = keyText(source.key.kind, change[1])
      const properties = op === 'D' ? nulls : encode(change)
      const event = names[op as keyof typeof names]
      const value = `{"type":"track","event":"${event}","__segment_id":${JSON.stringify(key)},"properties":${properties}}`
      return { key, value }
    })
  }
}
