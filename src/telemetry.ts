/**
 * The catalogue of everything worth telling. Loops tell one fact a batch; `observe` makes metrics and log lines of them.
 * To report something new, add a fact.
 */
import type { DeadLetterReason, EntityStatus, HoldResults, OutcomeCounts } from './enrich/outcome.ts'
import type { SyncRun } from './sync/sync-run.ts'

/** What Kafka can let us wait for, without an end. */
export const waits = ['transaction coordinator', 'group coordinator', 'partition leaders', 'stable offsets'] as const
export type WaitFor = (typeof waits)[number]

export type Fact =
  | {
      readonly name: 'batch-enriched'
      readonly topic: string
      readonly partition: number
      readonly messages: number
      readonly bytes: number
      readonly delivered: number
      /** Output records by topic or file. */
      readonly deliveredTo: ReadonlyMap<string, number>
      readonly outcomes: OutcomeCounts
      readonly deadLetters: Partial<Record<DeadLetterReason, number>>
      readonly lookups: ReadonlyMap<string, Partial<Record<EntityStatus, number>>>
      readonly lag: number | null
      /** Timestamp of the last message, milliseconds. */
      readonly lastTimestamp: number
      readonly seconds: { readonly enrich: number; readonly deliver: number; readonly acknowledge: number }
    }
  | { readonly name: 'holds-retried'; readonly partition: number; readonly results: HoldResults }
  | { readonly name: 'holds-failed'; readonly code: string; readonly message: string }
  | {
      readonly name: 'partitions-assigned'
      readonly partitions: readonly { topic: string; partition: number }[]
      readonly seconds: number
    }
  | { readonly name: 'partitions-revoked'; readonly partitions: readonly { topic: string; partition: number }[] }
  | {
      readonly name: 'offset-jumped'
      readonly topic: string
      readonly partition: number
      readonly expected: number
      readonly found: number
    }
  | {
      readonly name: 'transaction-ended'
      /** False: aborted, and its batches are read again. */
      readonly committed: boolean
      readonly batches: number
      readonly seconds: number
      /** Why it was aborted. */
      readonly reason: string | null
    }
  | {
      /** A transaction that its coordinator had ended was still open in these partitions; it was ended there as well. */
      readonly name: 'transaction-hung'
      readonly partitions: readonly { topic: string; partition: number }[]
      readonly decision: 'commit' | 'abort'
    }
  | {
      readonly name: 'waiting'
      readonly for: WaitFor
      readonly what: string
      readonly seconds: number
      /** Null when the wait is over. */
      readonly why: string | null
    }
  | { readonly name: 'produce-retried'; readonly attempt: number; readonly error: string }
  | { readonly name: 'kafka-connected'; readonly role: 'consumer' | 'producer'; readonly connected: boolean }
  | { readonly name: 'sync-started'; readonly entity: string }
  | { readonly name: 'sync-finished'; readonly run: SyncRun }
  | {
      readonly name: 'snapshot-serving'
      readonly entity: string
      readonly version: number
      readonly rows: number
      readonly bytes: number
      readonly asOf: number
    }
  | { readonly name: 'rows-in-memory'; readonly entity: string; readonly version: number; readonly bytes: number }
  | { readonly name: 'row-cache'; readonly entity: string; readonly active: boolean; readonly hitRatio: number }
  | { readonly name: 'snapshot-rejected'; readonly entity: string; readonly version: number; readonly reason: string }
  | {
      readonly name: 'snapshot-stale'
      readonly entity: string
      /** False when it is fresh again. */
      readonly stale: boolean
      readonly ageSeconds: number
      readonly onStale: 'serve' | 'pause' | 'fail'
    }
  | { readonly name: 'started'; readonly version: string }
  | { readonly name: 'ready' }
  | { readonly name: 'stopping'; readonly reason: string }
  | { readonly name: 'failed'; readonly code: string; readonly message: string; readonly hint: string }

export type Tell = (fact: Fact) => void
