/** The logs of partitions: batches with sequence numbers, epochs and the markers of transactions. */
import { Decoder, Encoder } from '../../../src/kafka/internals.ts'
import { RecordBatch, readRawBatches } from '../../../src/kafka/record-reader.ts'

interface Batch {
  readonly base: number
  readonly last: number
  readonly bytes: Buffer
  readonly producerId: number
  readonly values: readonly string[]
  state: 'open' | 'committed' | 'aborted'
}

interface Log {
  readonly batches: Batch[]
  readonly producers: Map<number, { epoch: number; next: number }>
  end: number
}

const codes = { offsetOutOfRange: 1, outOfOrder: 45, duplicate: 46, invalidEpoch: 47 }

export class SimulatedLogs {
  readonly #logs = new Map<string, Log>()

  end(place: string): number {
    return this.#log(place).end
  }

  /** The values that a reader of committed records sees. */
  visible(place: string): string[] {
    return this.#log(place).batches.flatMap(({ state, values }) => (state === 'committed' ? values : []))
  }

  /** Producers that have a transaction open here. */
  open(place: string): bigint[] {
    const open = this.#log(place).batches.filter(({ state }) => state === 'open')
    return [...new Set(open.map(({ producerId }) => BigInt(producerId)))]
  }

  /** Appends as a broker would. An error code, 0 for none. */
  async append(place: string, bytes: Buffer): Promise<number> {
    const [producerId, epoch, sequence] = [
      Number(bytes.readBigInt64BE(43)),
      bytes.readInt16BE(51),
      bytes.readInt32BE(53),
    ]
    const transactional = (bytes.readInt16BE(21) & 0x10) !== 0
    const values = await valuesOf(bytes)
    const log = this.#log(place)
    const known = log.producers.get(producerId)
    if (known !== undefined && epoch < known.epoch) return codes.invalidEpoch
    const expected = known === undefined || known.epoch < epoch ? 0 : known.next
    if (known?.epoch === epoch && sequence < expected) return codes.duplicate
    if (sequence !== expected) return codes.outOfOrder
    log.producers.set(producerId, { epoch, next: sequence + values.length })
    this.store(place, bytes, { producerId, values, state: transactional ? 'open' : 'committed' })
    return 0
  }

  /** Puts a batch at the end of the log as it is. */
  store(place: string, bytes: Buffer, batch: Pick<Batch, 'producerId' | 'values' | 'state'>): void {
    const log = this.#log(place)
    const base = log.end
    const last = base + bytes.readInt32BE(23)
    const stored = Buffer.from(bytes)
    stored.writeBigInt64BE(BigInt(base), 0)
    log.batches.push({ ...batch, base, last, bytes: stored })
    log.end = last + 1
  }

  /** The end of a transaction: what its producer has written counts, or does not; its later batches are of another epoch. */
  mark(place: string, { producerId, epoch, commit }: { producerId: number; epoch: number; commit: boolean }): void {
    const log = this.#log(place)
    for (const batch of log.batches)
      if (batch.producerId === producerId && batch.state === 'open') batch.state = commit ? 'committed' : 'aborted'
    const known = log.producers.get(producerId)
    if (known !== undefined && known.epoch < epoch) log.producers.set(producerId, { epoch, next: 0 })
    log.end++
  }

  /** One partition of a Fetch answer; `code` instead of batches where that is not 0. */
  answer(place: string, partition: number, request: { offset: number; bytesMax: number; code: number }): Encoder {
    const log = this.#log(place)
    const { offset, bytesMax } = request
    const code = request.code === 0 && offset > log.end ? codes.offsetOutOfRange : request.code
    const found: Batch[] = []
    let size = 0
    for (const batch of code === 0 ? log.batches : []) {
      if (batch.last < offset) continue
      size += batch.bytes.length
      if (found.length > 0 && size > bytesMax) break
      found.push(batch)
    }
    const aborted = found.filter(({ state }) => state === 'aborted')
    const encoder = new Encoder().writeInt32(partition).writeInt16(code)
    for (const position of [log.end, log.end, 0]) encoder.writeInt64(String(position))
    encoder.writeInt32(aborted.length)
    for (const { producerId, base } of aborted) encoder.writeInt64(String(producerId)).writeInt64(String(base))
    const bytes = Buffer.concat(found.map((batch) => batch.bytes))
    return encoder.writeInt32(-1).writeBytes(bytes)
  }

  #log(place: string): Log {
    let log = this.#logs.get(place)
    if (log === undefined) this.#logs.set(place, (log = { batches: [], producers: new Map(), end: 0 }))
    return log
  }
}

async function valuesOf(bytes: Buffer): Promise<string[]> {
  const place = { partition: 0, errorCode: 0, highWatermark: 0, lastStableOffset: 0, logStartOffset: 0 }
  const fetched = { ...place, abortedTransactions: [], batches: await readRawBatches(bytes) }
  const values: string[] = []
  new RecordBatch({ topic: '', from: 0, fetched }).each((message) => {
    values.push(message.bytes.toString('utf8', message.valueStart, message.valueEnd))
  })
  return values
}

/** Calls back for each partition of a Fetch request. */
export function readFetch(
  request: Buffer,
  each: (topic: string, partition: number, wanted: { offset: number; bytesMax: number }) => void,
): { readonly maxWait: number } {
  const decoder = new Decoder(request)
  decoder.readInt32()
  const maxWait = decoder.readInt32()
  decoder.readBytes(4 + 4 + 1 + 4 + 4) // least bytes, most bytes, isolation, session and its epoch
  for (let topics = decoder.readInt32(); topics > 0; topics--) {
    const topic = decoder.readString()
    for (let partitions = decoder.readInt32(); partitions > 0; partitions--) {
      const partition = decoder.readInt32()
      decoder.readInt32()
      const offset = Number(decoder.readInt64().toString())
      decoder.readInt64()
      each(topic, partition, { offset, bytesMax: decoder.readInt32() })
    }
  }
  return { maxWait }
}
