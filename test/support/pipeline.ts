/** Real in-memory ends for the event path: a source of given values, a sink that keeps what it gets, snapshots from objects. */
import { headersFor } from '../../src/enrich/provenance.ts'
import type { Sink } from '../../src/enrich/sink.ts'
import { findBy, type SnapshotSet, type Snapshots } from '../../src/enrich/snapshots.ts'
import type { Message, Source } from '../../src/enrich/source.ts'
import { bytesOf } from '../../src/memory.ts'
import { Row } from '../../src/row-text.ts'

export function messageOf(value: string | Buffer | null, place: Partial<Message> = {}): Message {
  const bytes = value === null ? Buffer.alloc(0) : Buffer.from(value as string)
  return {
    place: -1,
    topic: 'events',
    partition: 0,
    offset: 0,
    timestamp: Date.parse('2026-11-25T10:00:00Z'),
    bytes,
    keyStart: -1,
    keyEnd: -1,
    valueStart: value === null ? -1 : 0,
    valueEnd: bytes.length,
    headersStart: 0,
    headersEnd: 0,
    ...place,
  }
}

/** Versions of entities: `{ product: { 'SKU-1': { NAME: 'Hat' } } }`, all at version 7. An entity that is not named has none. */
export function snapshotsOf(
  entities: Readonly<Record<string, Readonly<Record<string, object>>>>,
): Snapshots & { held: number } {
  const snapshots = {
    held: 0,
    current(): SnapshotSet {
      snapshots.held++
      return {
        of(entity) {
          const rows = entities[entity]
          if (rows === undefined) return undefined
          const get = (key: string) => (Object.hasOwn(rows, key) ? Row.of(JSON.stringify(rows[key])) : undefined)
          return { entity, version: 7, epoch: 1, asOf: 0, rows: Object.keys(rows).length, get, find: findBy(get) }
        },
        release: () => void snapshots.held--,
      }
    },
  }
  return snapshots
}

/** One batch a list of values; tells what happened in order: `deliver`, `flush`, `acknowledge`. */
export function sourceOf(batches: readonly (readonly (string | Buffer | null)[])[], happened: string[] = []): Source {
  let offset = 0
  return {
    async consume(handle, signal) {
      for (const values of batches) {
        if (signal.aborted) return
        const first = offset
        offset += values.length
        await handle({
          topic: 'events',
          partition: 0,
          count: values.length,
          bytes: 0,
          lag: null,
          each(visit) {
            for (const [index, value] of values.entries()) visit(messageOf(value, { offset: first + index }))
          },
          acknowledge: async () => void happened.push('acknowledge'),
        })
      }
    },
    partitions: () => [],
    async close() {},
  }
}

export interface Delivered {
  readonly target: string
  readonly value: string
  readonly offset: number
  readonly headers: Record<string, string>
}

export interface KeptSink extends Sink {
  readonly delivered: Delivered[]
  readonly deadLetters: { reason: string; explanation: string; offset: number }[]
  readonly held: { offset: number; note: Record<string, unknown> }[]
}

export function keptSink(
  happened: string[] = [],
  recordBytesMax = Number.POSITIVE_INFINITY,
  failFlush = false,
): KeptSink {
  const delivered: Delivered[] = []
  const deadLetters: KeptSink['deadLetters'] = []
  const held: KeptSink['held'] = []
  return {
    delivered,
    deadLetters,
    held,
    begin: () => ({
      deliver(target, message, value, provenance) {
        const name = 'topic' in target ? target.topic : target.file
        delivered.push({
          target: name,
          value: bytesOf(value).toString(),
          offset: message.offset,
          headers: Object.fromEntries(headersFor(provenance, message)),
        })
        happened.push('deliver')
      },
      deadLetter(message, reason, explanation) {
        deadLetters.push({ reason, explanation, offset: message.offset })
      },
      hold(_, message, note) {
        held.push({ offset: message.offset, note: JSON.parse(note) as Record<string, unknown> })
      },
      async flush() {
        happened.push('flush')
        if (failFlush) throw new Error('the sink is away')
      },
    }),
    recordBytesMax: () => recordBytesMax,
    async close() {},
  }
}
