/** How long an event takes from append to append, at a steady rate, with the default settings of `linked-events run`. */
import { ObservedProcess } from './observed-process.ts'
import { type Passage, passages, quantile, quantiles, sendPaced, stamped } from './paced-load.ts'
import type { TestBench } from './test-bench.ts'

export interface LatencyOptions {
  readonly rows: number
  readonly eventsPerSecond: number
  readonly seconds: number
  readonly rounds: number
}

const goalMilliseconds = 25
const warmUpSeconds = 5

export async function latency(bench: TestBench, options: LatencyOptions): Promise<void> {
  const { rows, eventsPerSecond, seconds, rounds } = options
  const stateDir = await bench.snapshotOf(rows)
  for (let round = 1; round <= rounds; round++) {
    const [input, output] = [`paced-${round}`, `paced-out-${round}`]
    await bench.createTopic(input, stamped)
    await bench.createTopic(output, stamped)
    const run = new ObservedProcess({ command: bench.program({ name: output, input, stateDir }), core: bench.core })
    await run.said('partitions assigned')
    const cpuBefore = run.usage().cpu
    const stop = AbortSignal.timeout((warmUpSeconds + seconds) * 1000)
    const sent = await sendPaced(bench, { topic: input, rows, eventsPerSecond }, stop)
    while ((await bench.written(output)) < sent) await new Promise((resolve) => setTimeout(resolve, 50))
    const cpu = run.usage().cpu - cpuBefore
    await run.end()
    const found = warm(await passages(bench, input, output))
    const share = ((cpu / (warmUpSeconds + seconds)) * 100).toFixed(0)
    bench.talk(`latency at ${eventsPerSecond} events/s: ${quantiles(found)}, ${share} % of a processor`)
    await bench.admin.deleteTopics([input, output])
    const verdict = `latency p99 = ${quantile(found, 0.99)} ms (goal <= ${goalMilliseconds})`
    console.log(`${verdict}, p50 ${quantile(found, 0.5)}, p99.9 ${quantile(found, 0.999)}`)
  }
}

function warm(found: readonly Passage[]): Passage[] {
  const first = found.reduce((least, { at }) => Math.min(least, at), Number.POSITIVE_INFINITY)
  return found.filter(({ at }) => at >= first + warmUpSeconds * 1000)
}
