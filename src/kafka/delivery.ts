/** Output records and dead letters, written straight into a batch. What many records share is encoded once. */
import type { DeadLetterReason } from '../enrich/outcome.ts'
import { holdHeader, ownHeaders, type Provenance } from '../enrich/provenance.ts'
import type { Message } from '../enrich/source.ts'
import type { Batches } from './batches.ts'
import { encodeHeaders, KeptHeaders } from './headers.ts'
import { fieldSize } from './record-writer.ts'
import type { TopicDescription } from './topic.ts'
import { varintSize } from './varint.ts'

interface EncodedProvenance {
  /** The five headers that all its records share. */
  readonly shared: Buffer
  /** `<prefix>-`, the beginning of the event id. */
  readonly eventIdStart: Buffer
}

const sourceName = encodeName('le.source')
const eventIdName = encodeName('le.event_id')
const slash = 47
const dash = 45

function encodeName(name: string): Buffer {
  return encodeHeaders([[name, null]]).subarray(0, -1)
}

export interface DeliveryWriterOptions {
  /** Headers for every record, after the provenance: `le.replay_id`. */
  readonly extraHeaders: readonly (readonly [name: string, value: string])[]
}

/** Writes output records. One at a time: it keeps the sizes of the record in hand. */
export class DeliveryWriter {
  readonly #kept = new KeptHeaders(ownHeaders)
  readonly #provenances = new WeakMap<Provenance, EncodedProvenance>()
  readonly #extra: Buffer
  readonly #ourCount: number
  #topicName = ''
  #topicStart: Buffer = Buffer.alloc(0)

  constructor(options: DeliveryWriterOptions) {
    this.#extra = encodeHeaders(options.extraHeaders)
    this.#ourCount = 7 + options.extraHeaders.length
  }

  write(
    batches: Batches,
    topic: TopicDescription,
    partition: number,
    message: Message,
    value: Uint8Array,
    provenance: Provenance,
  ): void {
    const encoded = this.#encoded(provenance)
    const topicStart = this.#topic(message.topic)
    const kept = this.#kept
    kept.scan(message)
    const partitionDigits = digits(message.partition)
    const offsetDigits = digits(message.offset)
    const sourceSize = topicStart.length + partitionDigits + 1 + offsetDigits
    const eventIdSize = encoded.eventIdStart.length + partitionDigits + 1 + offsetDigits
    const headerCount = kept.count + this.#ourCount
    const keyLength = message.keyStart < 0 ? -1 : message.keyEnd - message.keyStart
    const body =
      fieldSize(keyLength) +
      fieldSize(value.length) +
      varintSize(headerCount) +
      kept.size +
      encoded.shared.length +
      sourceName.length +
      fieldSize(sourceSize) +
      eventIdName.length +
      fieldSize(eventIdSize) +
      this.#extra.length
    const writer = batches.begin(topic, partition, message.timestamp, body)
    writer.field(message.bytes, message.keyStart, message.keyEnd)
    writer.field(value, 0, value.length)
    writer.varint(headerCount)
    kept.write(writer)
    writer.raw(encoded.shared, 0, encoded.shared.length)
    writer.raw(sourceName, 0, sourceName.length)
    writer.field(topicStart, 0, topicStart.length, sourceSize)
    writer.decimal(message.partition, partitionDigits)
    writer.byte(slash)
    writer.decimal(message.offset, offsetDigits)
    writer.raw(eventIdName, 0, eventIdName.length)
    writer.field(encoded.eventIdStart, 0, encoded.eventIdStart.length, eventIdSize)
    writer.decimal(message.partition, partitionDigits)
    writer.byte(dash)
    writer.decimal(message.offset, offsetDigits)
    writer.raw(this.#extra, 0, this.#extra.length)
  }

  #encoded(provenance: Provenance): EncodedProvenance {
    let encoded = this.#provenances.get(provenance)
    if (encoded === undefined) {
      const shared = encodeHeaders([
        ['le.destination', provenance.destination],
        ['le.action', provenance.action],
        ['le.mapping', provenance.mapping],
        ['le.outcome', provenance.outcome],
        ['le.entities', provenance.entities],
      ])
      encoded = { shared, eventIdStart: Buffer.from(`${provenance.eventIdPrefix}-`) }
      this.#provenances.set(provenance, encoded)
    }
    return encoded
  }

  /** `topic/`, kept for the next record of the same topic. */
  #topic(topic: string): Buffer {
    if (topic !== this.#topicName) {
      this.#topicName = topic
      this.#topicStart = Buffer.from(`${topic}/`)
    }
    return this.#topicStart
  }
}

/** Decimal digits of a whole number from 0. */
function digits(value: number): number {
  let count = 1
  for (let limit = 10; value >= limit; limit *= 10) count++
  return count
}

/** What we set on a dead letter; a dead letter that comes in again gets them anew. */
const deadLetterHeaders = [
  '__connect.errors.topic',
  '__connect.errors.partition',
  '__connect.errors.offset',
  '__connect.errors.connector.name',
  '__connect.errors.task.id',
  '__connect.errors.stage',
  '__connect.errors.class.name',
  '__connect.errors.exception.class.name',
  '__connect.errors.exception.message',
  'le.reason',
  'le.truncated',
  holdHeader,
]
const explanationCharactersMax = 2000
const transformationReasons: ReadonlySet<DeadLetterReason> = new Set([
  'mapping_failed',
  'payload_invalid',
  'output_too_large',
  'entity_missing',
])

export interface DeadLetter {
  readonly message: Message
  readonly reason: DeadLetterReason
  readonly explanation: string
  readonly connector: string
}

/**
 * Writes the message as it came, with the reason. Where the whole would not fit into the topic, the value is left out, then the
 * input's headers, then the key, and `le.truncated` says how many bytes the message had.
 */
export function writeDeadLetter(
  batches: Batches,
  topic: TopicDescription,
  partition: number,
  letter: DeadLetter,
): void {
  const { message } = letter
  const kept = new KeptHeaders(deadLetterHeaders)
  kept.scan(message)
  const keyLength = message.keyStart < 0 ? -1 : message.keyEnd - message.keyStart
  const valueLength = message.valueStart < 0 ? -1 : message.valueEnd - message.valueStart
  const size = Math.max(0, keyLength) + Math.max(0, valueLength) + kept.size
  for (let left = 0; left <= 3; left++) {
    const [withValue, withHeaders, withKey] = [left < 1, left < 2, left < 3]
    const ours = encodeHeaders([
      ...reasonHeaders(letter),
      ...(left > 0 ? [['le.truncated', String(size)] as const] : []),
    ])
    const count = (withHeaders ? kept.count : 0) + (left > 0 ? 11 : 10)
    const key = withKey ? keyLength : -1
    const value = withValue ? valueLength : -1
    const headersSize = varintSize(count) + (withHeaders ? kept.size : 0) + ours.length
    const body = fieldSize(key) + fieldSize(value) + headersSize
    if (body > recordBytesMax(topic) && left < 3) continue
    const writer = batches.begin(topic, partition, message.timestamp, body)
    writer.field(message.bytes, withKey ? message.keyStart : -1, message.keyEnd)
    writer.field(message.bytes, withValue ? message.valueStart : -1, message.valueEnd)
    writer.varint(count)
    if (withHeaders) kept.write(writer)
    writer.raw(ours, 0, ours.length)
    return
  }
}

/** The message as it came, with what is to be known when it is tried again. */
export function writeHeld(
  batches: Batches,
  topic: TopicDescription,
  partition: number,
  message: Message,
  note: string,
): void {
  const kept = new KeptHeaders([holdHeader])
  kept.scan(message)
  const ours = encodeHeaders([[holdHeader, note]])
  const keyLength = message.keyStart < 0 ? -1 : message.keyEnd - message.keyStart
  const headersSize = varintSize(kept.count + 1) + kept.size + ours.length
  const body = fieldSize(keyLength) + fieldSize(message.valueEnd - message.valueStart) + headersSize
  const writer = batches.begin(topic, partition, message.timestamp, body)
  writer.field(message.bytes, message.keyStart, message.keyEnd)
  writer.field(message.bytes, message.valueStart, message.valueEnd)
  writer.varint(kept.count + 1)
  kept.write(writer)
  writer.raw(ours, 0, ours.length)
}

/** What one record may have beside the heads of its batch and its own. */
export function recordBytesMax(topic: TopicDescription): number {
  return topic.batchBytesMax - 100
}

function reasonHeaders({ message, reason, explanation, connector }: DeadLetter): [string, string][] {
  return [
    ['__connect.errors.topic', message.topic],
    ['__connect.errors.partition', String(message.partition)],
    ['__connect.errors.offset', String(message.offset)],
    ['__connect.errors.connector.name', connector],
    ['__connect.errors.task.id', '0'],
    ['__connect.errors.stage', transformationReasons.has(reason) ? 'TRANSFORMATION' : 'VALUE_CONVERTER'],
    ['__connect.errors.class.name', 'linked-events'],
    ['__connect.errors.exception.class.name', reason],
    ['__connect.errors.exception.message', explanation.slice(0, explanationCharactersMax)],
    ['le.reason', reason],
  ]
}
