/** The bounds of each partition, fixed once: where to begin, where to end, and what has already expired. */
import { LinkedEventsError } from '../../errors.ts'
import type { KafkaAdmin } from '../../kafka/admin.ts'
import type { Bound, Range } from './range.ts'

/** Messages that were asked for and that the topic no longer has. */
export interface Expired {
  /** The first offset asked for; null where a time was asked for, and nobody knows any more which offset it had. */
  readonly from: number | null
  /** The first offset that is still there. */
  readonly to: number
}

export interface Stretch {
  readonly topic: string
  readonly partition: number
  readonly from: number
  /** Offset after the last; never beyond what was there when the replay was made. */
  readonly to: number
  readonly expired: Expired | null
}

export type Offsets = Pick<KafkaAdmin, 'offsets' | 'offsetsAt'>

/** @throws LinkedEventsError USAGE, KAFKA_TOPIC_MISSING */
export async function fixBounds(admin: Offsets, topics: readonly string[], range: Range): Promise<Stretch[]> {
  if ((range.from.kind === 'offsets' || range.to.kind === 'offsets') && topics.length > 1) {
    throw new LinkedEventsError('USAGE', 'offsets by partition belong to one topic, and there are several', {
      hint: `add --topic with one of ${topics.join(', ')}`,
    })
  }
  const stretches: Stretch[] = []
  for (const topic of topics) stretches.push(...(await fixTopic(admin, topic, range)))
  return stretches
}

async function fixTopic(admin: Offsets, topic: string, { from, to }: Range): Promise<Stretch[]> {
  const begins = await timesOf(admin, topic, from)
  const ends = await timesOf(admin, topic, to)
  const places = await admin.offsets(topic) // last, so that no end that was found lies beyond it for long
  const known = new Set(places.map(({ partition }) => partition))
  for (const bound of [from, to]) {
    for (const partition of bound.kind === 'offsets' ? bound.offsets.keys() : []) {
      if (!known.has(partition))
        throw new LinkedEventsError('USAGE', `the topic "${topic}" has no partition ${partition}`, {
          hint: `it has 0 to ${places.length - 1}`,
        })
    }
  }
  return places.flatMap((place) => {
    const begin = offsetOf(from, place, begins)
    const end = offsetOf(to, place, ends)
    if (begin === null || end === null) return []
    const last = Math.max(place.low, Math.min(end, place.high))
    return {
      topic,
      partition: place.partition,
      from: clamp(begin, place.low, last),
      to: last,
      expired: expiredOf({ from, begin, end, low: place.low }),
    }
  })
}

interface Place {
  readonly partition: number
  readonly low: number
  readonly high: number
}

async function timesOf(admin: Offsets, topic: string, bound: Bound): Promise<ReadonlyMap<number, number>> {
  if (bound.kind !== 'time') return new Map()
  const found = await admin.offsetsAt(topic, bound.milliseconds)
  return new Map(found.map(({ partition, offset }) => [partition, offset]))
}

/** Null where the partition takes no part. */
function offsetOf(bound: Bound, place: Place, times: ReadonlyMap<number, number>): number | null {
  switch (bound.kind) {
    case 'earliest':
      return place.low
    case 'latest':
      return place.high
    case 'offset':
      return bound.offset
    case 'offsets':
      return bound.offsets.get(place.partition) ?? null
    case 'time':
      return times.get(place.partition) ?? place.high
  }
}

function clamp(offset: number, low: number, high: number): number {
  return Math.min(Math.max(offset, low), high)
}

function expiredOf(asked: {
  readonly from: Bound
  readonly begin: number
  readonly end: number
  readonly low: number
}): Expired | null {
  const { from, begin, end, low } = asked
  if (low === 0 || from.kind === 'earliest' || from.kind === 'latest') return null
  // By time, what is gone cannot be told from what never was: it begins with the oldest message left.
  if (from.kind === 'time') return begin <= low ? { from: null, to: low } : null
  return begin < low && begin < end ? { from: begin, to: low } : null
}
