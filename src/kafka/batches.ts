/**
 * The record batches that one flush writes: one or more for each output partition, split below what the topic takes, in order.
 * Writers are used again, because a megabyte allocated for each batch is what a garbage collector has to clear away.
 */
import { doubles, words } from '../enrich/in-hand.ts'
import type { Lane } from '../enrich/sink.ts'
import { RecordWriter } from './record-writer.ts'
import type { Sender } from './sender.ts'
import type { TopicDescription } from './topic.ts'

const idleWritersMax = 32
/** A larger buffer is not kept. */
const keptBytesMax = 4 * 1024 * 1024
/** Clocks differ: a record this close to the broker's limit counts as beyond it. */
const clockMarginMilliseconds = 60_000

export class WriterPool {
  readonly #idle: RecordWriter[] = []

  take(): RecordWriter {
    return this.#idle.pop() ?? new RecordWriter()
  }

  give(writer: RecordWriter): void {
    writer.clear()
    if (this.#idle.length < idleWritersMax && writer.capacity <= keptBytesMax) this.#idle.push(writer)
  }
}

/** One output partition. */
class BatchLane implements Lane {
  readonly topic: TopicDescription
  readonly partition: number
  readonly full: RecordWriter[] = []
  open: RecordWriter
  readonly #now: number

  constructor(topic: TopicDescription, partition: number, now: number, open: RecordWriter) {
    this.topic = topic
    this.partition = partition
    this.#now = now
    this.open = open
  }

  /** One record outside the broker's limits would have the whole batch refused: its time becomes now. */
  allowed(timestamp: number): number {
    return timestamp > this.#latest || (timestamp >= 0 && timestamp < this.#earliest) ? this.#now : timestamp
  }

  get #latest(): number {
    return this.#now + Math.max(0, this.topic.aheadMillisecondsMax - clockMarginMilliseconds)
  }

  get #earliest(): number {
    return this.#now - (this.topic.behindMillisecondsMax - clockMarginMilliseconds)
  }

  makeRoom(): boolean {
    return this.open.makeRoom()
  }

  lend(at: number): void {
    this.open.lend(at)
    words[(at >> 2) + 4] = Math.min(this.topic.batchBytesMax, 2 ** 31 - 1)
    doubles[(at >> 3) + 6] = Math.max(0, this.#earliest)
    doubles[(at >> 3) + 7] = this.#latest
  }

  takeBack(at: number): void {
    this.open.takeBack(at)
  }
}

export class Batches {
  readonly #pool: WriterPool
  readonly #now: number
  readonly #topics = new Map<string, (BatchLane | undefined)[]>()
  #last: BatchLane | null = null

  constructor(options: { readonly pool: WriterPool; readonly now: number }) {
    this.#pool = options.pool
    this.#now = options.now
  }

  /** Begins a record and returns the writer for its fields. */
  begin(topic: TopicDescription, partition: number, timestamp: number, bodyBytes: number): RecordWriter {
    const lane = this.lane(topic, partition)
    if (lane.open.count > 0 && lane.open.sizeWith(bodyBytes) > topic.batchBytesMax) {
      lane.full.push(lane.open)
      lane.open = this.#pool.take()
    }
    lane.open.begin(lane.allowed(timestamp), bodyBytes)
    return lane.open
  }

  /** Resolves when every record is acknowledged. */
  async flush(sender: Sender): Promise<void> {
    const sent: Promise<void>[] = []
    for (const lanes of this.#topics.values()) {
      for (const lane of lanes) {
        if (lane === undefined) continue
        for (const writer of [...lane.full, lane.open]) {
          if (writer.count === 0) continue
          sent.push(sender.send(lane.topic.topic, lane.partition, writer).then(() => this.#pool.give(writer)))
        }
      }
    }
    await Promise.all(sent)
    this.#topics.clear()
    this.#last = null
  }

  lane(topic: TopicDescription, partition: number): BatchLane {
    const last = this.#last
    if (last !== null && last.topic === topic && last.partition === partition) return last
    return (this.#last = this.#lane(topic, partition))
  }

  #lane(topic: TopicDescription, partition: number): BatchLane {
    let lanes = this.#topics.get(topic.topic)
    if (lanes === undefined) {
      lanes = []
      this.#topics.set(topic.topic, lanes)
    }
    let lane = lanes[partition]
    if (lane === undefined) {
      lane = new BatchLane(topic, partition, this.#now, this.#pool.take())
      lanes[partition] = lane
    }
    return lane
  }
}
