import { createRequire } from 'node:module'
import * as zlib from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fillMessage, offsetAt } from '../../../src/enrich/in-hand.ts'
import { headersOf, inHandMost, type Message } from '../../../src/enrich/source.ts'
import type { RecordBatch } from '../../../src/kafka/record-reader.ts'
import { memory } from '../../../src/memory.ts'
import { batchOf, marker, type SimpleRecord, sealed } from '../../support/kafka-records.ts'
import { messageOf } from '../../support/pipeline.ts'

const require = createRequire(import.meta.url)
const stock = <T>(path: string) => require(`kafkajs/src/protocol/${path}`) as T

function all(batch: RecordBatch): (SimpleRecord & { offset: number })[] {
  const records: (SimpleRecord & { offset: number })[] = []
  batch.each((message) => {
    const copy = (start: number, end: number) => (start < 0 ? null : Buffer.from(message.bytes.subarray(start, end)))
    records.push({
      offset: message.offset,
      timestamp: message.timestamp,
      key: copy(message.keyStart, message.keyEnd),
      value: copy(message.valueStart, message.valueEnd),
      headers: headersOf(message).map(({ name, value }) => [name, value] as const),
    })
  })
  return records
}

const plain = (count: number, value = 'v'): SimpleRecord[] =>
  Array.from({ length: count }, (_, index) => ({
    timestamp: 1000 + index,
    key: Buffer.from(`k${index}`),
    value: Buffer.from(value),
    headers: [],
  }))

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))
const record = fc.record({
  timestamp: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  key: fc.option(bytes),
  value: fc.option(bytes),
  headers: fc.array(fc.tuple(fc.string({ maxLength: 12 }), fc.option(bytes)), { maxLength: 4 }),
})

describe('the record reader', () => {
  test('has up to sixteen messages in hand, and what one looked at is what one visits', async () => {
    // More than the window of 128 KiB together, and one that is larger by itself.
    const lengths = [...Array.from({ length: 90 }, (_, index) => (index * 977) % 9000), 200_000, 5, 131_000, 7]
    const records = lengths.map((length, index) => ({
      ...plain(1, String.fromCharCode(97 + (index % 26)).repeat(length))[0]!,
      key: Buffer.from(`${index}`),
    }))
    // The first batch is wanted only from its third message on.
    const bytes = Buffer.concat([sealed(records.slice(0, 7)), sealed(records.slice(7), { base: 7 })])
    const batch = await batchOf(bytes, { from: 2 })
    const text = ({ place, offset, bytes, keyStart, valueEnd }: Message) =>
      `${place} ${offset} ${bytes.toString('latin1', keyStart, valueEnd)}`
    const inHand: string[] = []
    let most = 0
    let passed = 0
    const visited: number[] = []
    const alone: number[] = []
    batch.each(
      (message) => {
        if (message.place < 0) alone.push(message.offset)
        else expect(text(message)).toBe(inHand[message.place])
        expect(message.valueEnd - message.valueStart).toBe(lengths[message.offset])
        visited.push(message.offset)
      },
      {
        look(count) {
          expect(count).toBeLessThanOrEqual(inHandMost)
          inHand.length = 0
          for (let place = 0; place < count; place++) {
            const message = { ...messageOf(null), bytes: memory, place }
            fillMessage(message, place)
            inHand.push(text(message))
          }
          most = Math.max(most, count)
        },
        pass(place, count) {
          if (place === count || offsetAt(place) % 5 !== 0) return place
          visited.push(offsetAt(place))
          passed++
          return place + 1
        },
      },
    )
    expect(passed).toBeGreaterThan(10)
    expect(alone).toEqual([90])
    expect(visited).toEqual(lengths.map((_, index) => index).slice(2))
    expect(most).toBe(inHandMost)
  })

  test('reads what the writer wrote, be it null, empty, repeated or binary', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 20 }), async (records) => {
        const batch = await batchOf(sealed(records, { base: 70 }), { from: 70 })
        expect(batch.count).toBe(records.length)
        expect(all(batch)).toEqual(records.map((each, index) => ({ ...each, offset: 70 + index })))
      }),
      { numRuns: 200 },
    )
  })

  test('reads what stock kafkajs writes, and stock reads what the writer wrote', async () => {
    const Decoder = stock<new (bytes: Buffer) => unknown>('decoder.js')
    const Record = stock<(record: object) => unknown>('recordBatch/record/v0/index.js')
    const { RecordBatch: write } = stock<{ RecordBatch: (options: object) => Promise<{ buffer: Buffer }> }>(
      'recordBatch/v0/index.js',
    )
    const read =
      stock<(decoder: unknown) => Promise<{ records: { key: Buffer; value: Buffer; headers: object }[] }>>(
        'recordBatch/v0/decoder.js',
      )
    const records: SimpleRecord[] = [
      { timestamp: 5000, key: Buffer.from('k'), value: Buffer.from('value'), headers: [['h', Buffer.from('x')]] },
      { timestamp: 4000, key: null, value: Buffer.from('é'.repeat(200)), headers: [] },
      { timestamp: 900_000, key: Buffer.from(''), value: null, headers: [] },
    ]
    const theirs = await write({
      compression: 0,
      firstTimestamp: 5000,
      maxTimestamp: 900_000,
      producerId: '-1',
      producerEpoch: 0,
      firstSequence: 0,
      lastOffsetDelta: 2,
      transactional: false,
      records: records.map((each, index) =>
        Record({
          offsetDelta: index,
          timestampDelta: each.timestamp - 5000,
          key: each.key,
          value: each.value,
          headers: Object.fromEntries(each.headers),
        }),
      ),
    })
    const ours = sealed(records)
    expect(all(await batchOf(theirs.buffer))).toEqual(records.map((each, index) => ({ ...each, offset: index })))
    // Base offset and leader epoch lie outside the checksum, and a producer may set them as it likes.
    expect(ours.subarray(16).toString('hex')).toBe(theirs.buffer.subarray(16).toString('hex'))
    const back = await read(new Decoder(ours))
    expect(back.records.map(({ key, value }) => [key, value])).toEqual(records.map(({ key, value }) => [key, value]))
  })

  test('unpacks gzip', async () => {
    const batch = sealed(plain(50))
    const packed = Buffer.concat([batch.subarray(0, 61), zlib.gzipSync(batch.subarray(61))])
    packed.writeInt32BE(packed.length - 12, 8)
    packed.writeInt16BE(1, 21)
    expect(all(await batchOf(packed))).toEqual(all(await batchOf(batch)))
  })

  test('names the package for a codec that is not installed', async () => {
    const batch = sealed(plain(1))
    batch.writeInt16BE(4, 21)
    if ('zstdDecompress' in zlib) return // a Node that has it
    await expect(batchOf(batch)).rejects.toMatchObject({ code: 'KAFKA_CODEC_MISSING', hint: 'npm install zstd-napi' })
  })

  test('leaves a partial batch at the tail for the next fetch', async () => {
    const first = sealed(plain(3))
    const second = sealed(plain(3), { base: 3 })
    const batch = await batchOf(Buffer.concat([first, second.subarray(0, second.length - 1)]))
    expect(batch.count).toBe(3)
    expect(batch.next).toBe(3)
  })

  test('leaves out records below the offset that was asked for, and counts exactly', async () => {
    const batch = await batchOf(sealed(plain(10), { base: 100 }), { from: 104 })
    expect(batch.count).toBe(6)
    expect(all(batch).map(({ offset }) => offset)).toEqual([104, 105, 106, 107, 108, 109])
    expect(batch.next).toBe(110)
  })

  test('leaves out records from `until` on, and ends there', async () => {
    const batch = await batchOf(Buffer.concat([sealed(plain(5)), sealed(plain(5), { base: 5 })]), { until: 3 })
    expect(batch.count).toBe(3)
    expect(all(batch).map(({ offset }) => offset)).toEqual([0, 1, 2])
    expect(batch.next).toBe(3)
    expect(batch.lastOffset()).toBe('2')
  })

  test('goes on after a compacted batch whose last records are gone', async () => {
    const compacted = sealed(plain(2), { base: 40 })
    compacted.writeInt32BE(9, 23) // the last offset stays 49 when its record is compacted away
    const batch = await batchOf(compacted, { from: 40 })
    expect(batch.count).toBe(2)
    expect(batch.next).toBe(50)
  })

  test('passes over a batch of which compaction left nothing', async () => {
    const compacted = sealed([], { base: 40 })
    compacted.writeInt32BE(9, 23)
    const batch = await batchOf(compacted, { from: 40 })
    expect(batch.isEmptyDueToFiltering()).toBe(true)
    expect(batch.next).toBe(50)
  })

  test('gives the time of appending where the topic keeps that one', async () => {
    const batch = sealed(plain(3))
    batch.writeInt16BE(8, 21)
    batch.writeBigInt64BE(7777n, 35)
    expect(all(await batchOf(batch)).map(({ timestamp }) => timestamp)).toEqual([7777, 7777, 7777])
  })

  test('leaves out what an aborted transaction wrote, and nothing else', async () => {
    const log = Buffer.concat([
      sealed(plain(2, 'aborted'), { base: 0, producerId: 7, transactional: true }),
      sealed(plain(2, 'other'), { base: 2, producerId: 8, transactional: true }),
      sealed(plain(1, 'plain'), { base: 4 }),
      marker('abort', { base: 5, producerId: 7 }),
      marker('commit', { base: 6, producerId: 8 }),
      sealed(plain(2, 'committed'), { base: 7, producerId: 7, transactional: true }),
      marker('commit', { base: 9, producerId: 7 }),
    ])
    const batch = await batchOf(log, { abortedTransactions: [{ producerId: 7, firstOffset: 0 }] })
    expect(all(batch).map(({ offset, value }) => [offset, String(value)])).toEqual([
      [2, 'other'],
      [3, 'other'],
      [4, 'plain'],
      [7, 'committed'],
      [8, 'committed'],
    ])
    expect(batch.count).toBe(5)
    expect(batch.next).toBe(10)
  })

  test('a fetch of markers only is passed over', async () => {
    const batch = await batchOf(marker('commit', { base: 9, producerId: 7 }), { from: 9 })
    expect(batch.isEmpty()).toBe(true)
    expect(batch.isEmptyDueToFiltering()).toBe(true)
    expect(batch.next).toBe(10)
  })

  test('a fetch that brought nothing moves nothing', async () => {
    const batch = await batchOf(Buffer.alloc(0), { from: 9 })
    expect(batch.isEmptyDueToFiltering()).toBe(false)
    expect(batch.next).toBe(9)
  })

  test('refuses the record formats of before Kafka 0.11', async () => {
    const batch = sealed(plain(1))
    batch[16] = 1
    await expect(batchOf(batch)).rejects.toMatchObject({ code: 'KAFKA_FATAL' })
  })

  test('offsets and times beyond 32 bits keep every digit', async () => {
    const base = 2 ** 40 + 3
    const batch = await batchOf(sealed(plain(2), { base }), { from: base })
    expect(all(batch).map(({ offset }) => offset)).toEqual([base, base + 1])
  })
})
