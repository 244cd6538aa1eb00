/**
 * Reads Kafka's record batches (version 2) out of a Fetch answer: one cursor over the bytes, no object for a record.
 * Control batches and what aborted transactions wrote are left out.
 */

import { fillMessage, offsetAt, recordEnd, takeInHand } from '../enrich/in-hand.ts'
import { type Ahead, inHandMost, type Message } from '../enrich/source.ts'
import { LinkedEventsError } from '../errors.ts'
import { copyBytes, memory, reserve } from '../memory.ts'
import { codecOf, decompress } from './codecs.ts'

const headerBytes = 61
/** What lies in memory of the records in hand. Larger records stay where they are. */
const windowBytes = 128 * 1024
const windowAt = reserve(windowBytes)
const logAppendTime = 0x08
const transactional = 0x10
const control = 0x20

/** One record batch, decompressed, not decoded. */
export interface RawBatch {
  readonly base: number
  readonly last: number
  readonly attributes: number
  readonly firstTimestamp: number
  readonly maxTimestamp: number
  readonly producerId: number
  readonly count: number
  /** Holds the records between `from` and `end`. */
  readonly bytes: Buffer
  readonly from: number
  readonly end: number
}

export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

/** What a Fetch answer says of one partition. */
export interface FetchedPartition {
  readonly partition: number
  readonly errorCode: number
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStartOffset: number
  readonly abortedTransactions: readonly AbortedTransaction[]
  readonly batches: readonly RawBatch[]
}

/** The record set of one partition: whole batches; a partial one at the tail is left for the next fetch. */
export async function readRawBatches(bytes: Buffer): Promise<RawBatch[]> {
  const batches: RawBatch[] = []
  for (let at = 0; at + headerBytes <= bytes.length; ) {
    const end = at + 12 + bytes.readInt32BE(at + 8)
    if (end > bytes.length) break
    const magic = bytes[at + 16]
    if (magic !== 2) throw new LinkedEventsError('KAFKA_FATAL', `record format ${magic} is not supported, only 2 is`)
    const attributes = bytes.readInt16BE(at + 21)
    const base = int64(bytes, at)
    const records =
      codecOf(attributes) === 0 ? null : await decompress(attributes, bytes.subarray(at + headerBytes, end))
    batches.push({
      base,
      last: base + bytes.readInt32BE(at + 23),
      attributes,
      firstTimestamp: int64(bytes, at + 27),
      maxTimestamp: int64(bytes, at + 35),
      producerId: int64(bytes, at + 43),
      count: bytes.readInt32BE(at + 57),
      bytes: records ?? bytes,
      from: records === null ? at + headerBytes : 0,
      end: records === null ? end : records.length,
    })
    at = end
  }
  return batches
}

export interface RecordBatchOptions {
  readonly topic: string
  /** The offset that was asked for: records below it are left out. */
  readonly from: number
  /** Records from this offset on are left out, too. */
  readonly until?: number
  readonly fetched: FetchedPartition
}

/** The messages of one partition in one Fetch answer, in the shape that kafkajs's runner expects of a batch. */
export class RecordBatch {
  readonly topic: string
  readonly partition: number
  readonly highWatermark: number
  readonly lastStableOffset: number
  /** Messages: exactly what `each` visits. */
  readonly count: number
  readonly bytes: number
  /** Position after everything in here, left out or not; what was asked for when nothing came. */
  readonly next: number
  /** The runner looks at its length only. */
  readonly messages: { readonly length: number }
  readonly #from: number
  readonly #until: number
  readonly #batches: readonly RawBatch[]
  readonly #cameEmpty: boolean

  constructor(options: RecordBatchOptions) {
    const { topic, from, fetched, until = Number.MAX_SAFE_INTEGER } = options
    this.topic = topic
    this.partition = fetched.partition
    this.highWatermark = fetched.highWatermark
    this.lastStableOffset = fetched.lastStableOffset
    this.#from = from
    this.#until = until
    this.#cameEmpty = fetched.batches.length === 0
    this.#batches = visible(fetched, from, until)
    let count = 0
    let bytes = 0
    for (const batch of this.#batches) {
      bytes += batch.end - batch.from
      count += batch.base >= from && batch.last < until ? batch.count : countWithin(batch, from, until)
    }
    this.count = count
    this.bytes = bytes
    const last = fetched.batches.at(-1)?.last
    this.next = last === undefined ? from : Math.max(from, Math.min(last + 1, until))
    this.messages = { length: count }
  }

  isEmpty(): boolean {
    return this.count === 0
  }

  /** Something came, and all of it is to be passed over: the runner resolves it by itself. */
  isEmptyDueToFiltering(): boolean {
    return this.count === 0 && !this.#cameEmpty && this.next > this.#from
  }

  firstOffset(): string | null {
    return this.next > this.#from ? String(this.#from) : null
  }

  lastOffset(): string {
    return String(this.next - 1)
  }

  offsetLag(): string {
    return String(Math.max(0, this.highWatermark - this.next))
  }

  offsetLagLow(): string {
    return String(Math.max(0, this.highWatermark - 1 - this.#from))
  }

  /** Visits each message in order; those in hand lie in the window together. The message object is reused, and so are its bytes. */
  each(visit: (message: Message) => void, ahead?: Ahead): void {
    const message = newMessage(this.topic, this.partition)
    for (const batch of this.#batches) this.#eachOf(batch, message, visit, ahead)
  }

  #eachOf(batch: RawBatch, message: Message, visit: (message: Message) => void, ahead: Ahead | undefined): void {
    const { bytes, base, firstTimestamp } = batch
    const appendTime = (batch.attributes & logAppendTime) === 0 ? -1 : batch.maxTimestamp
    const share = { base, firstTimestamp, appendTime }
    const isWhole = base >= this.#from && batch.last < this.#until
    const most = isWhole ? inHandMost : 1 // others are asked one by one whether they belong to it
    let at = batch.from
    let left = batch.count
    let windowEnd = at
    let shift = 0
    while (left > 0) {
      let count = takeInHand(at + shift, windowEnd + shift, Math.min(most, left), share)
      if (count === 0) {
        windowEnd = Math.min(batch.end, at + windowBytes)
        shift = windowAt - at
        copyBytes(memory, windowAt, bytes, at, windowEnd)
        count = takeInHand(windowAt, windowEnd + shift, Math.min(most, left), share)
      }
      if (count === 0) {
        at = fillFrom(message, batch, at)
        left--
        if (message.offset >= this.#until) return
        if (message.offset >= this.#from) visit(message)
        windowEnd = at
        continue
      }
      left -= count
      at = recordEnd(count - 1) - shift
      if (!isWhole) {
        if (offsetAt(0) >= this.#until) return
        if (offsetAt(0) < this.#from) continue
      }
      message.bytes = memory
      ahead?.look(count)
      for (let place = 0; place < count; place++) {
        if (ahead !== undefined) place = ahead.pass(place, count)
        if (place === count) break
        fillMessage(message, place)
        message.place = ahead === undefined ? -1 : place
        visit(message)
      }
    }
  }
}

/** A record that is too large for the window: it stays where it is. The position after it. */
function fillFrom(message: Message, batch: RawBatch, at: number): number {
  source = batch.bytes
  position = at
  const length = varint()
  const end = position + length
  position++ // the attributes of the record, unused
  const timestampDelta = varlong()
  message.place = -1
  message.bytes = batch.bytes
  message.offset = batch.base + varint()
  message.timestamp =
    (batch.attributes & logAppendTime) === 0 ? batch.firstTimestamp + timestampDelta : batch.maxTimestamp
  const keyLength = varint()
  message.keyStart = keyLength < 0 ? -1 : position
  if (keyLength > 0) position += keyLength
  message.keyEnd = keyLength < 0 ? -1 : position
  const valueLength = varint()
  message.valueStart = valueLength < 0 ? -1 : position
  if (valueLength > 0) position += valueLength
  message.valueEnd = valueLength < 0 ? -1 : position
  message.headersStart = position
  message.headersEnd = end
  return end
}

function newMessage(topic: string, partition: number): Message {
  return {
    place: -1,
    topic,
    partition,
    offset: 0,
    timestamp: 0,
    bytes: empty,
    keyStart: -1,
    keyEnd: -1,
    valueStart: -1,
    valueEnd: -1,
    headersStart: 0,
    headersEnd: 0,
  }
}

const empty = Buffer.alloc(0)

/** The batches with data to hand out. Batches of a producer are aborted from `firstOffset` to its next abort marker. */
function visible(fetched: FetchedPartition, from: number, until: number): RawBatch[] {
  const aborted = [...fetched.abortedTransactions].sort((a, b) => a.firstOffset - b.firstOffset)
  const open = new Set<number>()
  const kept: RawBatch[] = []
  let next = 0
  for (const batch of fetched.batches) {
    for (; next < aborted.length; next++) {
      const transaction = aborted[next]
      if (transaction === undefined || transaction.firstOffset > batch.last) break
      open.add(transaction.producerId)
    }
    if ((batch.attributes & control) !== 0) {
      if (isAbortMarker(batch)) open.delete(batch.producerId)
      continue
    }
    if (batch.last < from || batch.base >= until || batch.count === 0) continue
    if ((batch.attributes & transactional) !== 0 && open.has(batch.producerId)) continue
    kept.push(batch)
  }
  return kept
}

/** The key of a control record is its version and its type, two bytes each: 0 is abort, 1 is commit. */
function isAbortMarker(batch: RawBatch): boolean {
  if (batch.count === 0) return false
  source = batch.bytes
  position = batch.from
  varint()
  position++
  varlong()
  varint()
  varint()
  return batch.bytes.readInt16BE(position + 2) === 0
}

function countWithin(batch: RawBatch, from: number, until: number): number {
  let count = 0
  let at = batch.from
  for (let left = batch.count; left > 0; left--) {
    source = batch.bytes
    position = at
    const length = varint()
    at = position + length
    position++
    varlong()
    const offset = batch.base + varint()
    if (offset >= from && offset < until) count++
  }
  return count
}

// The cursor of the varint readers. Module variables, because a field of an object costs more, and reading is synchronous.
let source: Buffer = empty
let position = 0

function varint(): number {
  let byte = source[position++] as number
  if (byte < 128) return (byte >>> 1) ^ -(byte & 1)
  let value = byte & 127
  let shift = 7
  do {
    byte = source[position++] as number
    value |= (byte & 127) << shift
    shift += 7
  } while (byte > 127)
  return (value >>> 1) ^ -(value & 1)
}

function varlong(): number {
  let byte = source[position++] as number
  let value = byte & 127
  let factor = 128
  while (byte > 127) {
    byte = source[position++] as number
    value += (byte & 127) * factor
    factor *= 128
  }
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2
}

function int64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 4294967296 + bytes.readUInt32BE(at + 4)
}
