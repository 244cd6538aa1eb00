/** The memory of a long run at full speed, beside SQLite's mapped file, which is the operating system's cache. */
import { observe } from './observed-process.ts'
import type { TestBench } from './test-bench.ts'

const goalMiB = 256
/** Growth of the second half that is called flat: what a collector leaves for later. */
const flatMiB = 16

export async function memory(bench: TestBench, { events, rows }: { events: number; rows: number }): Promise<void> {
  bench.talk(`${events.toLocaleString('en')} events ...`)
  await bench.publishEvents('long', { events, rows })
  await bench.createTopic('long-out')
  const command = bench.program({ name: 'long-out', input: 'long', stateDir: await bench.snapshotOf(rows) })
  const done = () => bench.written('long-out')
  const figures = await observe({ command, core: bench.core, events, secondsMax: 1200, done })
  await bench.admin.deleteTopics(['long', 'long-out'])
  const { tenthMiB, halfMiB, endMiB, ownMiB, mappedMiB, eventsPerSecond } = figures
  const [tenth, half, end] = [tenthMiB, halfMiB, endMiB].map((mebibytes) => mebibytes.toFixed(0))
  bench.talk(`${eventsPerSecond.toFixed(0)} events/s, ${mappedMiB.toFixed(0)} MiB of files mapped`)
  console.log(
    `memory over ${events.toLocaleString('en')} events: ${tenth} MiB at 10 %, ${half} at 50 %, ${end} at 100 % (goal: +${flatMiB} at most from half on), most ${ownMiB.toFixed(0)} MiB (goal <= ${goalMiB})`,
  )
}
