/**
 * The record batches that one flush writes: one or more for each output partition, split below what the topic takes, in order.
 * Writers are used again, because a megabyte allocated for each batch is what a garbage collector has to clear away.
 */
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

interface Lane {
  readonly topic: TopicDescription
  readonly partition: number
  readonly full: RecordWriter[]
  open: RecordWriter
}

export class Batches {
  readonly #pool: WriterPool
  readonly #now: number
  readonly #topics = new Map<string, (Lane | undefined)[]>()
  #last: Lane | null = null

  constructor(options: { readonly pool: WriterPool; readonly now: number }) {
    this.#pool = options.pool
    this.#now = options.now
  }

  /** Begins a record and returns the writer for its fields. */
  begin(topic: TopicDescription, partition: number, timestamp: number, bodyBytes: number): RecordWriter {
    const last = this.#last
    const lane =
      last !== null && last.topic === topic && last.partition === partition ? last : this.#lane(topic, partition)
    this.#last = lane
    if (lane.open.count > 0 && lane.open.sizeWith(bodyBytes) > topic.batchBytesMax) {
      lane.full.push(lane.open)
      lane.open = this.#pool.take()
    }
    lane.open.begin(this.#allowed(topic, timestamp), bodyBytes)
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

  #lane(topic: TopicDescription, partition: number): Lane {
    let lanes = this.#topics.get(topic.topic)
    if (lanes === undefined) {
      lanes = []
      this.#topics.set(topic.topic, lanes)
    }
    let lane = lanes[partition]
    if (lane === undefined) {
      lane = { topic, partition, full: [], open: this.#pool.take() }
      lanes[partition] = lane
    }
    return lane
  }

  /** One record outside the broker's limits would have the whole batch refused: its time becomes now. */
  #allowed(topic: TopicDescription, timestamp: number): number {
    const ahead = timestamp - this.#now
    if (ahead > Math.max(0, topic.aheadMillisecondsMax - clockMarginMilliseconds)) return this.#now
    if (timestamp >= 0 && -ahead > topic.behindMillisecondsMax - clockMarginMilliseconds) return this.#now
    return timestamp
  }
}
