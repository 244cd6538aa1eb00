/** Where messages come from. `kafka/source.ts` and `files/source.ts` keep these promises. */

/** So many messages, at most, are in hand at the same time. */
export const inHandMost = 16

/**
 * One message, as a cursor: the same object serves many messages of a batch, and `bytes` belongs to the source.
 * Copy what must outlive the call that received it.
 */
export interface Message {
  /** Which of those in hand it is, below `inHandMost`; -1: it is alone. */
  place: number
  topic: string
  partition: number
  /** Position in the partition, from 0; a safe integer. */
  offset: number
  /** Milliseconds since 1970-01-01 UTC. */
  timestamp: number
  /** Holds key, value and headers at the positions below. */
  bytes: Buffer
  /** First byte of the key, or -1 for no key (null). */
  keyStart: number
  keyEnd: number
  /** First byte of the value, or -1 for no value (null, a tombstone). */
  valueStart: number
  valueEnd: number
  /** The headers as Kafka writes them: a zigzag varint count, then each name and value with varint lengths (-1: null). Start = end: none. */
  headersStart: number
  headersEnd: number
}

/** What is done with messages in hand before they are visited. */
export interface Ahead {
  /** The first `count` places have messages. */
  look(count: number): void
  /** Those from `place` on that are done without a visit; the first that is not. */
  pass(place: number, count: number): number
}

/** Messages of one partition, in order. */
export interface Batch {
  readonly topic: string
  readonly partition: number
  /** Messages in the batch. */
  readonly count: number
  /** Bytes of keys, values and headers, about. */
  readonly bytes: number
  /** Messages of the partition after this batch, as far as known. */
  readonly lag: number | null
  /**
   * Calls `visit` for each message, in order, synchronously. Where the source has some in hand at the same time (`in-hand.ts`), it
   * asks `ahead` about them before it visits the first; they stay as they are until they are visited or passed.
   */
  each(visit: (message: Message) => void, ahead?: Ahead): void
  /** The batch is done: never hand it out again. Call it after every output of the batch is acknowledged. */
  acknowledge(): Promise<void>
}

/** How far one partition has come. */
export interface PartitionState {
  readonly topic: string
  readonly partition: number
  /** Offset of the next message to read, or null before the first. */
  readonly position: number | null
  /** Offset after the last message there is, or null while unknown. */
  readonly end: number | null
}

export interface Source {
  /**
   * Hands batches to `handle` until `signal` is aborted, or until the end where the source has one. Batches of one partition
   * come one after another, of different partitions possibly at the same time. After an abort it finishes the batches in
   * hand, acknowledges them, and resolves. Rejects when `handle` rejects or the source fails for good.
   */
  consume(handle: (batch: Batch) => Promise<void>, signal: AbortSignal): Promise<void>
  /** The partitions this process reads now. */
  partitions(): readonly PartitionState[]
  close(): Promise<void>
}

export interface Header {
  readonly name: string
  readonly value: Buffer | null
}

/** The headers of a message, copied out of its bytes. */
export function headersOf(message: Message): Header[] {
  const headers: Header[] = []
  if (message.headersStart >= message.headersEnd) return headers
  const cursor = { bytes: message.bytes, at: message.headersStart }
  for (let left = varint(cursor); left > 0; left--) {
    const name = field(cursor)
    const value = field(cursor)
    headers.push({ name: name?.toString('utf8') ?? '', value: value === null ? null : Buffer.from(value) })
  }
  return headers
}

interface Cursor {
  readonly bytes: Buffer
  at: number
}

function varint(cursor: Cursor): number {
  let result = 0
  for (let shift = 0; ; shift += 7) {
    const byte = cursor.bytes[cursor.at++] ?? 0
    result |= (byte & 127) << shift
    if (byte < 128) return (result >>> 1) ^ -(result & 1)
  }
}

function field(cursor: Cursor): Buffer | null {
  const length = varint(cursor)
  if (length < 0) return null
  cursor.at += length
  return cursor.bytes.subarray(cursor.at - length, cursor.at)
}
