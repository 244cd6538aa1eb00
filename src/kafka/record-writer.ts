/**
 * Writes one record batch (version 2) of one partition into one buffer that is used again for the next. The caller gives
 * the size of a record first and then its fields, so that nothing is written twice.
 */
import { crc32c } from '@node-rs/crc32'
import { varintSize, varlongSize, writeVarint, writeVarlong } from './varint.ts'

const headerBytes = 61
/** Below this many bytes a loop is faster than a native copy. */
const copyBytesMin = 48
/** Most bytes that length, attributes, time and offset of one record take. */
const recordHeadBytesMax = 5 + 1 + 10 + 5

export interface ProducerStamp {
  readonly producerId: bigint
  readonly epoch: number
  readonly sequence: number
  readonly transactional: boolean
}

/** Bytes of a key or value, with its length before it; `length` -1 is null. */
export function fieldSize(length: number): number {
  return varintSize(length) + Math.max(length, 0)
}

export class RecordWriter {
  #bytes: Buffer
  #at = headerBytes
  #firstTimestamp = 0
  #maxTimestamp = 0
  #count = 0

  constructor(bytes = 64 * 1024) {
    this.#bytes = Buffer.allocUnsafeSlow(bytes)
  }

  get count(): number {
    return this.#count
  }

  /** Bytes of the batch so far. */
  get size(): number {
    return this.#at
  }

  /** Bytes of the buffer, used or not. */
  get capacity(): number {
    return this.#bytes.length
  }

  clear(): void {
    this.#at = headerBytes
    this.#count = 0
  }

  /** Upper bound of the batch's size after another record with this body. */
  sizeWith(bodyBytes: number): number {
    return this.#at + bodyBytes + recordHeadBytesMax
  }

  /** Begins a record. `bodyBytes` is what follows: key, value and headers, as `fieldSize` counts them. */
  begin(timestamp: number, bodyBytes: number): void {
    if (this.#count === 0) {
      this.#firstTimestamp = timestamp
      this.#maxTimestamp = timestamp
    } else if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp
    const delta = timestamp - this.#firstTimestamp
    const size = 1 + varlongSize(delta) + varintSize(this.#count) + bodyBytes
    this.#reserve(size + 5)
    const bytes = this.#bytes
    let at = writeVarint(bytes, this.#at, size)
    bytes[at++] = 0
    at = writeVarlong(bytes, at, delta)
    this.#at = writeVarint(bytes, at, this.#count++)
  }

  /**
   * A field of the bytes from `start` to `end`, with its length; `start` -1 is null. A larger `length` leaves room for what
   * the caller writes after these bytes.
   */
  field(source: Uint8Array, start: number, end: number, length = end - start): void {
    if (start < 0) {
      this.#at = writeVarint(this.#bytes, this.#at, -1)
      return
    }
    this.#at = writeVarint(this.#bytes, this.#at, length)
    this.raw(source, start, end)
  }

  byte(value: number): void {
    this.#bytes[this.#at++] = value
  }

  varint(value: number): void {
    this.#at = writeVarint(this.#bytes, this.#at, value)
  }

  raw(source: Uint8Array, start: number, end: number): void {
    const bytes = this.#bytes
    if (end - start >= copyBytesMin) {
      if (source instanceof Buffer) source.copy(bytes, this.#at, start, end)
      else bytes.set(source.subarray(start, end), this.#at)
      this.#at += end - start
      return
    }
    let at = this.#at
    for (let from = start; from < end; from++) bytes[at++] = source[from] as number
    this.#at = at
  }

  /** A whole number from 0 as decimal digits; `digits` is how many it has. */
  decimal(value: number, digits: number): void {
    const bytes = this.#bytes
    let rest = value
    for (let at = this.#at + digits - 1; at >= this.#at; at--) {
      const next = Math.floor(rest / 10)
      bytes[at] = 48 + (rest - next * 10)
      rest = next
    }
    this.#at += digits
  }

  /** Finishes the batch: header and checksum. The bytes stay valid until `clear`. */
  seal(stamp: ProducerStamp): Buffer {
    const batch = this.#bytes.subarray(0, this.#at)
    batch.fill(0, 0, 8)
    batch.writeInt32BE(this.#at - 12, 8)
    batch.writeInt32BE(-1, 12)
    batch[16] = 2
    batch.writeInt16BE(stamp.transactional ? 0x10 : 0, 21)
    batch.writeInt32BE(this.#count - 1, 23)
    batch.writeBigInt64BE(BigInt(this.#firstTimestamp), 27)
    batch.writeBigInt64BE(BigInt(this.#maxTimestamp), 35)
    batch.writeBigInt64BE(stamp.producerId, 43)
    batch.writeInt16BE(stamp.epoch, 51)
    batch.writeInt32BE(stamp.sequence, 53)
    batch.writeInt32BE(this.#count, 57)
    batch.writeUInt32BE(crc32c(batch.subarray(21)), 17)
    return batch
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, needed))
    this.#bytes.copy(larger, 0, 0, this.#at)
    this.#bytes = larger
  }
}
