import { expect, test } from 'vitest'
import type { RecordBatch } from '../../../src/kafka/record-reader.ts'
import { RecordWriter } from '../../../src/kafka/record-writer.ts'
import { batchOf, writeRecord } from '../../support/kafka-records.ts'
import { random } from '../../support/random.ts'

const stamp = { producerId: -1n, epoch: 0, sequence: 0, transactional: false }
const nothing = { key: null, headers: [] }

/** The values of a batch, and where the messages were handed out from. */
function valuesOf(batch: RecordBatch) {
  const values: string[] = []
  const places = new Set<Buffer>()
  batch.each(({ bytes, valueStart, valueEnd }) => {
    values.push(bytes.toString('latin1', valueStart, valueEnd))
    places.add(bytes)
  })
  return { values, places: places.size }
}

test('batches written in turns, with records small and large, are what each was given', async () => {
  const next = random(7)
  const writers = Array.from({ length: 40 }, () => ({ writer: new RecordWriter(64), values: [] as string[] }))
  for (let record = 0; record < 3000; record++) {
    const one = writers[Math.floor(next() ** 2 * writers.length)]!
    const size = next() < 0.01 ? 60_000 + next() * 150_000 : next() * 2000
    const value = String.fromCharCode(33 + Math.floor(next() * 90)).repeat(size)
    const before = one.writer.size
    writeRecord(one.writer, { timestamp: record, ...nothing, value: Buffer.from(value) })
    expect(one.writer.size - before).toBeGreaterThan(value.length)
    expect(one.writer.size - before).toBeLessThan(value.length + 30)
    one.values.push(value)
  }
  for (const { writer, values } of writers) {
    const { size } = writer
    const bytes = Buffer.from(writer.seal(stamp))
    expect(bytes.length).toBe(size)
    const { values: read, places } = valuesOf(await batchOf(bytes))
    expect(read.length).toBe(values.length)
    expect(read.every((value, index) => value === values[index])).toBe(true)
    expect(places).toBe(values.some((value) => value.length > 131_000) ? 2 : 1)
  }
})

test('a writer that is cleared, sealed again, or left half-way disturbs no other', async () => {
  const value = (letter: string) => ({ timestamp: 1, ...nothing, value: Buffer.from(letter.repeat(1000)) })
  const abandoned = Array.from({ length: 30 }, () => new RecordWriter(64))
  for (const writer of abandoned) writeRecord(writer, value('a'))
  const writer = new RecordWriter(64)
  writeRecord(writer, value('b'))
  writer.clear()
  writeRecord(writer, value('c'))
  const first = Buffer.from(writer.seal(stamp))
  for (const other of abandoned.slice(0, 20)) writeRecord(other, value('d'))
  expect(Buffer.from(writer.seal(stamp)).equals(first)).toBe(true)
  expect(valuesOf(await batchOf(first)).values).toEqual(['c'.repeat(1000)])
})
