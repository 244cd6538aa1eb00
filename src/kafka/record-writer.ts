/**
 * Writes one record batch (version 2) of one partition into one buffer that is used again for the next. The caller gives
 * the size of a record first and then its fields, so that nothing is written twice. Records are put together in a stage in
 * memory, and drained to the buffer many at a time.
 */
import { crc32c } from '@node-rs/crc32'
import { doubles, words } from '../enrich/in-hand.ts'
import { copyBytes, memory, reserve } from '../memory.ts'
import { varintSize, varlongSize, writeVarint, writeVarlong } from './varint.ts'

const headerBytes = 61
/** Most bytes that length, attributes, time and offset of one record take. */
const recordHeadBytesMax = 5 + 1 + 10 + 5

const stageBytes = 64 * 1024
/** Room in a stage that is lent. */
const lentBytesMin = 16 * 1024

/** A place in memory for the last records of one batch. Who needs one takes the oldest, and its owner drains first. */
class Stage {
  readonly start = reserve(stageBytes)
  readonly end = this.start + stageBytes
  owner: RecordWriter | null = null
}

/** As many batches can be written in turns without draining. */
const stages: readonly Stage[] = Array.from({ length: 16 }, () => new Stage())
let nextStage = 0

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
  /** The batch; up to `#drained`, the rest lies in the stage. */
  #batch: Buffer
  #drained = headerBytes
  #stage: Stage | null = null
  /** Where the next byte goes: the stage, or the batch itself for a record that no stage has room for. */
  #bytes: Buffer = memory
  #at = 0
  #firstTimestamp = 0
  #maxTimestamp = 0
  #count = 0

  constructor(bytes = 64 * 1024) {
    this.#batch = Buffer.allocUnsafeSlow(bytes)
  }

  get count(): number {
    return this.#count
  }

  /** Bytes of the batch so far. */
  get size(): number {
    const stage = this.#stage
    if (stage !== null) return this.#drained + this.#at - stage.start
    return this.#bytes === memory ? this.#drained : this.#at
  }

  /** Bytes of the buffer, used or not. */
  get capacity(): number {
    return this.#batch.length
  }

  clear(): void {
    this.#leaveStage()
    this.#drained = headerBytes
    this.#count = 0
  }

  /** Upper bound of the batch's size after another record with this body. */
  sizeWith(bodyBytes: number): number {
    return this.size + bodyBytes + recordHeadBytesMax
  }

  /** Begins a record. `bodyBytes` is what follows: key, value and headers, as `fieldSize` counts them. */
  begin(timestamp: number, bodyBytes: number): void {
    if (this.#count === 0) {
      this.#firstTimestamp = timestamp
      this.#maxTimestamp = timestamp
    } else if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp
    const delta = timestamp - this.#firstTimestamp
    const size = 1 + varlongSize(delta) + varintSize(this.#count) + bodyBytes
    this.#makeRoom(size + 5)
    const bytes = this.#bytes
    let at = writeVarint(bytes, this.#at, size)
    bytes[at++] = 0
    at = writeVarlong(bytes, at, delta)
    this.#at = writeVarint(bytes, at, this.#count++)
  }

  /** A field of the bytes from `start` to `end`, with its length; `start` -1 is null. */
  field(source: Uint8Array, start: number, end: number): void {
    if (start < 0) {
      this.#at = writeVarint(this.#bytes, this.#at, -1)
      return
    }
    this.#at = writeVarint(this.#bytes, this.#at, end - start)
    this.raw(source, start, end)
  }

  varint(value: number): void {
    this.#at = writeVarint(this.#bytes, this.#at, value)
  }

  raw(source: Uint8Array, start: number, end: number): void {
    copyBytes(this.#bytes, this.#at, source, start, end)
    this.#at += end - start
  }

  /** Makes room for some records in a stage; whether another stage was taken for it. */
  makeRoom(): boolean {
    if (this.#count === 0 || (this.#stage !== null && this.#at + lentBytesMin <= this.#stage.end)) return false
    this.#makeRoom(lentBytesMin)
    return true
  }

  /** Tells where the batch goes on, as `express.as.ts` reads it. */
  lend(at: number): void {
    const stage = this.#stage
    const start = stage === null ? 0 : stage.start
    const word = at >> 2
    words[word] = this.#at
    words[word + 1] = stage === null ? 0 : stage.end
    words[word + 2] = stage === null ? 0 : this.#count
    words[word + 3] = this.#drained - start
    doubles[(at >> 3) + 4] = this.#firstTimestamp
    doubles[(at >> 3) + 5] = this.#maxTimestamp
  }

  /** What `express.as.ts` has written since. */
  takeBack(at: number): void {
    if (this.#stage === null) return
    this.#at = words[at >> 2] as number
    this.#count = words[(at >> 2) + 2] as number
    this.#maxTimestamp = doubles[(at >> 3) + 5] as number
  }

  /** Finishes the batch: header and checksum. The bytes stay valid until `clear`. */
  seal(stamp: ProducerStamp): Buffer {
    this.drain()
    const batch = this.#batch.subarray(0, this.#drained)
    batch.fill(0, 0, 8)
    batch.writeInt32BE(batch.length - 12, 8)
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

  /** Brings what is in the stage to the batch, and leaves the stage to others. */
  drain(): void {
    const stage = this.#stage
    if (stage !== null) {
      const size = this.#at - stage.start
      this.#growTo(this.#drained + size)
      copyBytes(this.#batch, this.#drained, memory, stage.start, this.#at)
      this.#drained += size
    } else if (this.#bytes !== memory) this.#drained = this.#at
    this.#leaveStage()
  }

  #leaveStage(): void {
    if (this.#stage !== null) this.#stage.owner = null
    this.#stage = null
    this.#bytes = memory
    this.#at = 0
  }

  #makeRoom(bytes: number): void {
    const stage = this.#stage
    if (stage !== null && this.#at + bytes <= stage.end) return
    this.drain()
    if (bytes <= stageBytes) this.#takeStage()
    else {
      this.#growTo(this.#drained + bytes)
      this.#bytes = this.#batch
      this.#at = this.#drained
    }
  }

  #takeStage(): void {
    const stage = stages[nextStage++ % stages.length]!
    stage.owner?.drain()
    stage.owner = this
    this.#stage = stage
    this.#at = stage.start
  }

  #growTo(bytes: number): void {
    if (bytes <= this.#batch.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#batch.length * 2, bytes))
    this.#batch.copy(larger, 0, 0, this.#drained)
    this.#batch = larger
  }
}
