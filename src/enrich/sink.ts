/** Where outputs go. `kafka/sink.ts` and `files/sink.ts` keep these promises. */
import type { Span } from '../memory.ts'
import type { DeadLetterReason } from './outcome.ts'
import type { Provenance } from './provenance.ts'
import type { Message } from './source.ts'

/** Where one destination's records go: a topic, or a file (`-` is stdout). */
export type Target = { readonly topic: string } | { readonly file: string; readonly record: 'value' | 'envelope' }

/** The outputs of one batch, in the order of the calls. Everything is copied before a call returns. */
export interface Outputs {
  /** One output record: key, timestamp, partition and headers of `message`, `value`, and the headers that `provenance` gives. */
  deliver(target: Target, message: Message, value: Span, provenance: Provenance): void
  /** The message itself, byte for byte, with the reason. `explanation` is a sentence for people. */
  deadLetter(message: Message, reason: DeadLetterReason, explanation: string): void
  /** The message itself with its headers, and `note` in the header `le.hold`. */
  hold(target: Target, message: Message, note: string): void
  /** A way for records like `deliver`'s with these arguments, without a call for each. Null: there is none. */
  direct?(target: Target, message: Message, provenance: Provenance): Direct | null
  /** Resolves when every record is acknowledged; rejects if one cannot be. Call once. */
  flush(): Promise<void>
}

/** How records of one target and provenance, from one input partition, are written straight into the memory of the event path. */
export interface Direct {
  readonly lane: Lane
  readonly recordBytesMax: number
  /** Our headers, encoded: for offsets from `offsetStart` below `offsetEnd` only the digits change that end at these two places. */
  readonly headers: Span & {
    readonly count: number
    readonly offsetStart: number
    readonly offsetEnd: number
    readonly sourceEnd: number
    readonly eventIdEnd: number
  }
}

/** The end of a record batch: one object for each that is open. */
export interface Lane {
  /** Makes room; whether anything has moved, in this lane or in another. */
  makeRoom(): boolean
  /** Tells at this address how things stand, as `express.as.ts` reads it: nobody else may write until `takeBack`. */
  lend(at: number): void
  takeBack(at: number): void
}

export interface Sink {
  /** Outputs of a batch of this partition. Batches of one partition come one after another, of different partitions possibly at the same time. */
  begin(batch: { readonly topic: string; readonly partition: number }): Outputs
  /** The most bytes that one record (key, value and headers) may have at a target. */
  recordBytesMax(target: Target): number
  close(): Promise<void>
}
