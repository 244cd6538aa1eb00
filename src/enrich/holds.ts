/**
 * Events that wait for a row. A held event is a record of the hold topic: the input as it came, and in the header `le.hold`
 * which mapping waits, where the input stood, and how often it was tried. After an entity's next version the topic is gone
 * through once; what still has no row goes to its end again, until `holds.attempts` newer versions were asked in vain.
 */
import { isObject, type JsonValue, parseJson } from '../json.ts'
import type { Tell } from '../telemetry.ts'
import { decode, type Rejected, rejected } from './decode.ts'
import { type Delivery, deliver, isDelivery, type Omission, withoutRow } from './enrich.ts'
import { type Match, matchesOf } from './match.ts'
import { noHoldResults } from './outcome.ts'
import { type HoldPlan, type Plan, provenances } from './plan.ts'
import { holdHeader } from './provenance.ts'
import { recordBytes } from './record-bytes.ts'
import type { Sink } from './sink.ts'
import type { SnapshotSet, Snapshots } from './snapshots.ts'
import { headersOf, type Message, type Source } from './source.ts'

/** The header `le.hold`, as JSON. */
interface Hold {
  readonly destination: string
  readonly mapping: string
  /** The input record. */
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Newer versions that were asked in vain. */
  readonly attempts: number
  /** When the warehouse was read for the version asked last: milliseconds since 1970-01-01 UTC; 0: there was none. */
  readonly as_of: number
}

/** The note of an event that is held for the first time. */
export function firstHold({ topic, partition, offset }: Message, entry: Omission, versions: SnapshotSet): string {
  return noteOf({
    destination: entry.destination.slug,
    mapping: entry.mapping!.name,
    topic,
    partition,
    offset,
    attempts: 0,
    as_of: askedAsOf(entry.matches, versions),
  })
}

const noteOf = (hold: Hold) => JSON.stringify(hold)

/** The newest reading of the warehouse among the entities that miss their row. */
function askedAsOf(matches: readonly Match[], versions: SnapshotSet): number {
  const missing = matches.filter(isWaiting)
  return Math.max(0, ...missing.map(({ binding }) => versions.of(binding.entity)?.asOf ?? 0))
}

function isWaiting({ binding, status }: Match): boolean {
  return binding.onMissing === 'hold' && status !== 'hit'
}

/** The plan of one who does not wait: a replay must not mix its events among those of the live pipeline. */
export function withoutHolds(plan: Plan): Plan {
  const { holds } = plan
  if (holds === null) return plan
  const destinations = plan.destinations.map((destination) => ({
    ...destination,
    mappings: destination.mappings.map((mapping) => ({
      ...mapping,
      bindings: mapping.bindings.map((binding) =>
        binding.onMissing === 'hold' ? { ...binding, onMissing: holds.then } : binding,
      ),
    })),
  }))
  return { ...plan, destinations, holds: null }
}

export interface HoldRetry {
  readonly plan: Plan
  /** The hold topic, up to where it ends now. */
  readonly source: Source
  readonly sink: Sink
  readonly snapshots: Snapshots
  readonly tell: Tell
}

/** Tries every held event once. Delivers first and acknowledges second, as the event path does. */
export async function retryHolds(
  { plan, source, sink, snapshots, tell }: HoldRetry,
  signal: AbortSignal,
): Promise<void> {
  const provenanceOf = provenances(plan)
  await source.consume(async (batch) => {
    const results = noHoldResults()
    const versions = snapshots.current()
    const outputs = sink.begin(batch)
    try {
      batch.each((record) => {
        const hold = holdOf(record)
        if (hold === null) return deadLetter(record, rejected('hold_unreadable', 'the header le.hold is not ours'))
        // Offset, partition and topic of the input: its event id must be the one that it would have had.
        const { topic, partition, offset } = hold
        const message: Message = { ...record, topic, partition, offset }
        const entry = tried(plan, versions, message, hold)
        if ('explanation' in entry) return deadLetter(message, entry)
        if (isHeld(entry)) {
          outputs.hold(plan.holds!.target, message, noteOf(entry.hold))
          results.held++
        } else if (isDelivery(entry)) {
          const { destination, mapping, outcome, matches, value } = entry
          const size = recordBytes(message, entry)
          if (size > sink.recordBytesMax(destination.target))
            return deadLetter(message, rejected('output_too_large', `${destination.slug}: ${size} bytes`))
          const from = provenanceOf(topic)(destination, mapping, outcome, matches)
          outputs.deliver(destination.target, message, value, from)
          results.delivered++
        } else results.dropped++
      })
    } finally {
      versions.release()
    }
    await outputs.flush()
    await batch.acknowledge()
    tell({ name: 'holds-retried', partition: batch.partition, results })

    function deadLetter(message: Message, { reason, explanation }: Rejected): void {
      results.dead_letter++
      outputs.deadLetter(message, reason, explanation)
    }
  }, signal)
}

interface Held {
  readonly hold: Hold
}

function isHeld(entry: Delivery | Omission | Held): entry is Held {
  return 'hold' in entry
}

function tried(plan: Plan, versions: SnapshotSet, message: Message, hold: Hold): Delivery | Omission | Held | Rejected {
  const destination = plan.destinations.find(({ slug }) => slug === hold.destination)
  const mapping = destination?.mappings.find(({ name }) => name === hold.mapping)
  if (destination === undefined || mapping === undefined)
    return rejected('hold_unreadable', `mapping "${hold.mapping}" of ${hold.destination} is not configured any more`)
  const decoded = decode(message, plan.limits)
  if ('reason' in decoded) return decoded
  const { event, text } = decoded
  const matches = mapping.bindings.flatMap((binding) => matchesOf(binding, event, versions))
  const made = { plan, destination, mapping, matches }
  if (matches.some(isWaiting)) {
    const again = triedAgain(hold, askedAsOf(matches, versions))
    const { attempts, then } = plan.holds as HoldPlan
    if (again.attempts < attempts) return { hold: again }
    if (then === 'drop') return { destination, mapping, outcome: 'dropped', matches, reason: 'entity_missing' }
    if (then === 'dead_letter')
      return rejected('entity_missing', `mapping ${mapping.name}: no row after ${again.attempts} newer versions`)
  }
  const others = matches.filter((match) => !isWaiting(match))
  return withoutRow({ ...made, matches: others }) ?? deliver(made, event, () => text)
}

/** Only a newer version counts: another process may have asked this one before. */
function triedAgain(hold: Hold, asOf: number): Hold {
  return asOf > hold.as_of ? { ...hold, attempts: hold.attempts + 1, as_of: asOf } : hold
}

function holdOf(record: Message): Hold | null {
  const header = headersOf(record).findLast(({ name }) => name === holdHeader)
  if (header === undefined || header.value === null) return null
  let value: JsonValue
  try {
    value = parseJson(header.value.toString('utf8'))
  } catch {
    return null
  }
  if (!isObject(value)) return null
  const { destination, mapping, topic, partition, offset, attempts, as_of } = value
  const texts = [destination, mapping, topic]
  const numbers = [partition, offset, attempts, as_of]
  const isOurs =
    texts.every((text) => typeof text === 'string') &&
    numbers.every((n) => Number.isSafeInteger(n) && (n as number) >= 0)
  return isOurs ? (value as unknown as Hold) : null
}
