/** How far a replay is, in words and as JSON. */
import type { KafkaAdmin } from '../../kafka/admin.ts'
import { type Terminal, table } from '../terminal.ts'
import type { Expired } from './bounds.ts'
import { type Job, pinsText } from './job.ts'
import { liveOutputs, type Output, type Redirected } from './outputs.ts'

export interface PartitionResult {
  readonly topic: string
  readonly partition: number
  readonly from: number
  /** Offset after the last. */
  readonly to: number
  readonly done: boolean
  /** The next offset to read. */
  readonly at: number
  readonly expired: Expired | null
}

export interface ReplayResult {
  readonly ok: boolean
  readonly id: string
  readonly topics: readonly string[]
  /** Messages that this process read. */
  readonly events: number
  /** Records that this process wrote. */
  readonly delivered: number
  readonly outputs: readonly Output[]
  readonly partitions: readonly PartitionResult[]
}

/** What the job's group has committed, by `topic/partition`. */
export type Places = ReadonlyMap<string, number>

export async function placesOf(admin: Pick<KafkaAdmin, 'committed'>, { group, topics }: Job): Promise<Places> {
  const all = await admin.committed(group, topics)
  return new Map(
    all.flatMap(({ topic, partition, offset }) => (offset === null ? [] : [[`${topic}/${partition}`, offset]])),
  )
}

/** The first offset that each partition still has. */
export async function lowsOf(admin: Pick<KafkaAdmin, 'offsets'>, { topics }: Job): Promise<Places> {
  const lows = new Map<string, number>()
  for (const topic of topics)
    for (const { partition, low } of await admin.offsets(topic)) lows.set(`${topic}/${partition}`, low)
  return lows
}

/**
 * A job that is done stays done, also when the brokers have forgotten its group. What retention deleted before it was read can
 * never be committed by anybody: it counts as passed, and as expired.
 */
export function partitionsOf({ partitions, state }: Job, places: Places, lows: Places): PartitionResult[] {
  return partitions.map(({ topic, partition, from, to, expired }) => {
    const place = `${topic}/${partition}`
    const read = state === 'done' ? to : Math.min(to, Math.max(from, places.get(place) ?? from))
    const at = Math.max(read, Math.min(to, lows.get(place) ?? 0))
    return { topic, partition, from, to, done: at >= to, at, expired: at > read ? { from: read, to: at } : expired }
  })
}

/** What will be read and what will be written where. */
export function replayText(job: Job, partitions: readonly PartitionResult[]): string {
  const lines = [
    table(
      ['topic', 'partition', 'from', 'to', 'left'],
      partitions.map(({ topic, partition, from, to, at }) => [topic, partition, from, to, to - at]),
    ),
    ...partitions.flatMap(({ topic, partition, expired }) =>
      expired === null ? [] : [`${topic}/${partition}: ${expiredText(expired)}`],
    ),
    ...job.outputs.map(({ destination, live, to }) => `${destination}: ${to}${live === to ? '' : ` (live: ${live})`}`),
  ]
  if (Object.keys(job.pins).length > 0) lines.push(`pinned: ${pinsText(job.pins)}`)
  const live = liveOutputs(job.outputs)
  if (live.length > 0) lines.push(`Writes to the LIVE topics ${live.map(({ to }) => to).join(', ')}.`)
  return lines.join('\n')
}

function expiredText({ from, to }: Expired): string {
  return from === null
    ? `the topic begins at offset ${to}; what was before it, if anything, has expired`
    : `offsets ${from} to ${to - 1} have expired and are left out`
}

/** To stdout, unless outputs go there. */
export function writeResult(terminal: Terminal, { outputs }: Redirected, result: ReplayResult): void {
  const human = () =>
    `replay ${result.id}: ${result.ok ? 'done' : 'not complete'}, ${result.events.toLocaleString('en')} messages in, ${result.delivered.toLocaleString('en')} records out`
  if (outputs.some(({ to }) => to === '-'))
    terminal.talk(terminal.json ? JSON.stringify({ schema_version: 1, ...result }) : human())
  else terminal.result(result, human)
}
