/** Events at a steady rate, and how long each took from its append to the input topic to the append of its output. */
import { Publisher } from '../../src/kafka/publish.ts'
import { scan } from '../../src/kafka/scan.ts'
import { eventText } from './segment-events.ts'
import type { TestBench } from './test-bench.ts'

export interface Load {
  readonly topic: string
  readonly rows: number
  readonly eventsPerSecond: number
}

/** About what a producer waits for more. */
const tickMilliseconds = 5

/** Sends until told to stop, on a schedule: a tick that comes late brings more. Resolves with how many were sent. */
export async function sendPaced(bench: TestBench, load: Load, stop: AbortSignal): Promise<number> {
  const publisher = await Publisher.open(bench.connection)
  const started = performance.now()
  const flushes = new Set<Promise<void>>()
  let sent = 0
  while (!stop.aborted) {
    const due = Math.floor(((performance.now() - started) / 1000) * load.eventsPerSecond)
    for (; sent < due; sent++) {
      const key = `user-${String(sent % 250_000).padStart(15, '0')}`
      await publisher.add({ topic: load.topic, key, value: eventText(sent, load.rows) })
    }
    const flush = publisher.flush()
    flushes.add(flush)
    void flush.then(() => flushes.delete(flush))
    await new Promise((resolve) => setTimeout(resolve, tickMilliseconds))
  }
  await Promise.all(flushes)
  await publisher.close()
  return sent
}

/** The broker's time of append, as both topics stamp it; in whole milliseconds. */
export const stamped = { 'message.timestamp.type': 'LogAppendTime' }

export interface Passage {
  /** When the input was appended, milliseconds since 1970. */
  readonly at: number
  readonly milliseconds: number
}

/** Outputs stand where their inputs stand: nothing was filtered, and both topics were new. */
export async function passages(bench: TestBench, input: string, output: string): Promise<Passage[]> {
  const appended = new Map<string, number>()
  const { connection } = bench
  for await (const batch of scan({ connection, topic: input }))
    batch.each(({ partition, offset, timestamp }) => appended.set(`${partition}/${offset}`, timestamp))
  const found: Passage[] = []
  for await (const batch of scan({ connection, topic: output }))
    batch.each(({ partition, offset, timestamp }) => {
      const at = appended.get(`${partition}/${offset}`)
      if (at !== undefined) found.push({ at, milliseconds: timestamp - at })
    })
  if (found.length !== appended.size) throw new Error(`${found.length} outputs of ${appended.size} events`)
  return found
}

/** So much of the passages took this long or less. */
export function quantile(passages: readonly Passage[], share: number): number {
  const sorted = passages.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}

export function quantiles(passages: readonly Passage[]): string {
  const shown = [0.5, 0.99, 0.999, 1].map((share) => quantile(passages, share).toFixed(0).padStart(6))
  return `p50 ${shown[0]}  p99 ${shown[1]}  p99.9 ${shown[2]}  max ${shown[3]} ms  (${passages.length} events)`
}
