/** Output records and dead letters, written straight into a batch. What many records share is encoded once. */
import type { DeadLetterReason } from '../enrich/outcome.ts'
import { holdHeader, ownHeaders, type Provenance } from '../enrich/provenance.ts'
import type { Direct } from '../enrich/sink.ts'
import type { Message } from '../enrich/source.ts'
import { copyBytes, memory, reserve, type Span } from '../memory.ts'
import type { Batches } from './batches.ts'
import { encodeHeaders, KeptHeaders } from './headers.ts'
import { fieldSize } from './record-writer.ts'
import type { TopicDescription } from './topic.ts'
import { varintSize } from './varint.ts'

/**
 * The headers that we set, for the records of one input partition that say the same of themselves: all but the offset, which
 * is filled in twice before they are copied.
 */
interface OwnHeaders extends Span {
  readonly extra: DeliveryWriterOptions['extraHeaders']
  readonly topic: string
  readonly partition: number
  /** The offset that is filled in now, and the first one that has more digits. */
  offset: number
  readonly offsetEnd: number
  /** Where it ends in `le.source` and in `le.event_id`. */
  readonly sourceEnd: number
  readonly eventIdEnd: number
}

const encodedBytes = 64 * 1024
const encodedStart = reserve(encodedBytes)
/** One for all writers, as the memory is. */
const encodedHeaders = new Map<Provenance, OwnHeaders>()
let encodedEnd = encodedStart

export interface DeliveryWriterOptions {
  /** Headers for every record, after the provenance: `le.replay_id`. */
  readonly extraHeaders: readonly (readonly [name: string, value: string])[]
}

/** Writes output records. One at a time: it keeps the sizes of the record in hand. */
export class DeliveryWriter {
  readonly #kept = new KeptHeaders(ownHeaders)
  readonly #extra: DeliveryWriterOptions['extraHeaders']

  constructor(options: DeliveryWriterOptions) {
    this.#extra = options.extraHeaders
  }

  write(
    batches: Batches,
    topic: TopicDescription,
    partition: number,
    message: Message,
    value: Span,
    provenance: Provenance,
  ): void {
    const own = this.#headers(provenance, message)
    const kept = this.#kept
    kept.scan(message)
    const headerCount = kept.count + 7 + this.#extra.length
    const keyLength = message.keyStart < 0 ? -1 : message.keyEnd - message.keyStart
    const headersSize = varintSize(headerCount) + kept.size + own.end - own.start
    const body = fieldSize(keyLength) + fieldSize(value.end - value.start) + headersSize
    const writer = batches.begin(topic, partition, message.timestamp, body)
    writer.field(message.bytes, message.keyStart, message.keyEnd)
    writer.field(value.bytes, value.start, value.end)
    writer.varint(headerCount)
    kept.write(writer)
    writer.raw(own.bytes, own.start, own.end)
  }

  /** As `write` with these arguments writes them. */
  headersOf(provenance: Provenance, message: Message): Direct['headers'] {
    const own = this.#headers(provenance, message)
    const { bytes, start, end, sourceEnd, eventIdEnd, offset: offsetStart, offsetEnd } = own
    return { bytes, start, end, sourceEnd, eventIdEnd, offsetStart, offsetEnd, count: 7 + this.#extra.length }
  }

  /** With the message's offset in them; valid until the next call. */
  #headers(provenance: Provenance, { topic, partition, offset }: Message): OwnHeaders {
    let own = encodedHeaders.get(provenance)
    if (own !== undefined && this.#isFor(own, topic, partition, offset)) fillIn(own, offset)
    else encodedHeaders.set(provenance, (own = this.#encode(provenance, topic, partition, offset)))
    return own
  }

  #isFor(own: OwnHeaders, topic: string, partition: number, offset: number): boolean {
    const { offsetEnd } = own
    const isAsLong = offset >= own.offset && offset < offsetEnd
    return isAsLong && own.partition === partition && own.topic === topic && own.extra === this.#extra
  }

  #encode(provenance: Provenance, topic: string, partition: number, offset: number): OwnHeaders {
    const digits = String(offset).length
    const source = encodeHeaders([
      ['le.destination', provenance.destination],
      ['le.action', provenance.action],
      ['le.mapping', provenance.mapping],
      ['le.outcome', provenance.outcome],
      ['le.entities', provenance.entities],
      ['le.source', `${topic}/${partition}/${offset}`],
    ])
    const eventId = encodeHeaders([['le.event_id', `${provenance.eventIdPrefix}-${partition}-${offset}`]])
    const encoded = Buffer.concat([source, eventId, encodeHeaders(this.#extra)])
    if (encodedEnd + encoded.length > encodedStart + encodedBytes) {
      encodedHeaders.clear() // they are made again when they are wanted
      encodedEnd = encodedStart
    }
    const fits = encoded.length <= encodedBytes
    const start = fits ? encodedEnd : 0
    if (fits) {
      copyBytes(memory, start, encoded, 0, encoded.length)
      encodedEnd += encoded.length
    }
    return {
      extra: this.#extra,
      topic,
      partition,
      offset,
      offsetEnd: 10 ** digits,
      bytes: fits ? memory : encoded,
      start,
      end: start + encoded.length,
      sourceEnd: start + source.length,
      eventIdEnd: start + source.length + eventId.length,
    }
  }
}

/** A later offset with as many digits: mostly it is the next, and only the last digit is another. */
function fillIn(own: OwnHeaders, offset: number): void {
  const { bytes, sourceEnd, eventIdEnd } = own
  let before = own.offset
  own.offset = offset
  for (let rest = offset, back = 1; rest !== before; back++) {
    const next = Math.floor(rest / 10)
    bytes[sourceEnd - back] = bytes[eventIdEnd - back] = 48 + (rest - next * 10)
    rest = next
    before = Math.floor(before / 10)
  }
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
