/** Record batches for tests without a broker. */
import type { Message } from '../../src/enrich/source.ts'
import { encodeHeaders } from '../../src/kafka/headers.ts'
import { type FetchedPartition, RecordBatch, readRawBatches } from '../../src/kafka/record-reader.ts'
import { fieldSize, RecordWriter } from '../../src/kafka/record-writer.ts'
import { varintSize } from '../../src/kafka/varint.ts'

export interface SimpleRecord {
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [name: string, value: string | Uint8Array | null])[]
}

export interface SealOptions {
  readonly base?: number
  readonly producerId?: number
  readonly transactional?: boolean
  readonly control?: boolean
}

const nothing = Buffer.alloc(0)

export function writeRecord(writer: RecordWriter, record: SimpleRecord): void {
  const encoded = encodeHeaders(record.headers)
  const { key, value } = record
  const count = record.headers.length
  const body = fieldSize(key?.length ?? -1) + fieldSize(value?.length ?? -1) + varintSize(count) + encoded.length
  writer.begin(record.timestamp, body)
  writer.field(key ?? nothing, key === null ? -1 : 0, key?.length ?? 0)
  writer.field(value ?? nothing, value === null ? -1 : 0, value?.length ?? 0)
  writer.varint(count)
  writer.raw(encoded, 0, encoded.length)
}

/** One batch as a broker stores it: with its base offset. */
export function sealed(records: readonly SimpleRecord[], options: SealOptions = {}): Buffer {
  const writer = new RecordWriter(256)
  for (const record of records) writeRecord(writer, record)
  const batch = Buffer.from(
    writer.seal({
      producerId: BigInt(options.producerId ?? -1),
      epoch: 0,
      sequence: 0,
      transactional: options.transactional ?? false,
    }),
  )
  batch.writeBigInt64BE(BigInt(options.base ?? 0), 0)
  if (options.control === true) batch.writeInt16BE(batch.readInt16BE(21) | 0x20, 21)
  return batch
}

export function marker(type: 'abort' | 'commit', options: SealOptions): Buffer {
  const key = Buffer.from([0, 0, 0, type === 'abort' ? 0 : 1])
  return sealed([{ timestamp: 1, key, value: Buffer.alloc(6), headers: [] }], {
    ...options,
    transactional: true,
    control: true,
  })
}

export async function fetched(bytes: Buffer, more: Partial<FetchedPartition> = {}): Promise<FetchedPartition> {
  return {
    partition: 0,
    errorCode: 0,
    highWatermark: 1_000_000,
    lastStableOffset: 1_000_000,
    logStartOffset: 0,
    abortedTransactions: [],
    batches: await readRawBatches(bytes),
    ...more,
  }
}

export async function batchOf(
  bytes: Buffer,
  options: { from?: number; until?: number } & Partial<FetchedPartition> = {},
) {
  const { from = 0, until = Number.MAX_SAFE_INTEGER, ...more } = options
  return new RecordBatch({ topic: 't', from, until, fetched: await fetched(bytes, more) })
}

/** A value and nothing else. */
export function recordOf(value: Buffer): SimpleRecord {
  return { timestamp: 1, key: null, value, headers: [] }
}

/** Visits these values as a source does that has them in hand; `offset` is their number. */
export async function eachInHand(
  values: readonly Buffer[],
  look: (count: number) => void,
  visit: (message: Message) => void,
): Promise<void> {
  const batch = await batchOf(sealed(values.map(recordOf)))
  batch.each(visit, { look, pass: (place) => place })
}

/** One message on its own, as a source would hand it out. */
export async function messageOf(record: Partial<SimpleRecord>, place: Partial<Message> = {}): Promise<Message> {
  const whole = { timestamp: 1, key: null, value: null, headers: [], ...record }
  let found: Message | null = null
  const batch = await batchOf(sealed([whole]))
  batch.each((message) => {
    found = { ...message, bytes: Buffer.from(message.bytes), ...place } // a source's bytes are there only while it is in hand
  })
  if (found === null) throw new Error('no message')
  return found
}
