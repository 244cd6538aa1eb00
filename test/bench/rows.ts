/** What ten million rows cost beside ten thousand: CPU an event, and the start with the snapshot already on disk. */
import { type Figures, observe } from './observed-process.ts'
import type { TestBench } from './test-bench.ts'

export interface RowsOptions {
  readonly few: number
  readonly many: number
  /** Enough for the rows to come into memory, and then for a measurement. */
  readonly events: (rows: number) => number
  readonly rounds: number
}

const goalRatio = 1.5
const goalSeconds = 2

export async function rows(bench: TestBench, { few, many, events, rounds }: RowsOptions): Promise<void> {
  const results = new Map<number, Figures[]>([few, many].map((count) => [count, []]))
  for (const count of results.keys()) {
    bench.talk(`${count.toLocaleString('en')} rows ...`)
    await bench.snapshotOf(count)
    await bench.publishEvents(`events-${count}`, { events: events(count), rows: count })
  }
  for (let round = 1; round <= rounds; round++) {
    for (const [count, list] of results) {
      const name = `rows-${count}-${round}`
      await bench.createTopic(name)
      const command = bench.program({ name, input: `events-${count}`, stateDir: await bench.snapshotOf(count) })
      const done = () => bench.written(name)
      const figures = await observe({
        command,
        core: bench.core,
        events: events(count),
        secondsMax: 600,
        done,
        settled: 'the rows of a snapshot are in memory',
      })
      list.push(figures)
      await bench.admin.deleteTopics([name])
      const { cpuPerMillion, firstOutputSeconds, settledSeconds, ownMiB } = figures
      bench.talk(
        `${count} rows: ${cpuPerMillion.toFixed(2)} CPU s per million, first output ${firstOutputSeconds.toFixed(2)} s, in memory after ${settledSeconds.toFixed(1)} s, ${ownMiB.toFixed(0)} MiB`,
      )
    }
  }
  const best = (count: number, figure: (figures: Figures) => number) => Math.min(...results.get(count)!.map(figure))
  const cpu = (count: number) => best(count, ({ cpuPerMillion }) => cpuPerMillion)
  const first = best(many, ({ firstOutputSeconds }) => firstOutputSeconds)
  console.log(
    `${many.toLocaleString('en')} rows / ${few.toLocaleString('en')} rows = ${(cpu(many) / cpu(few)).toFixed(2)} CPU an event (goal <= ${goalRatio})`,
  )
  console.log(
    `start with ${many.toLocaleString('en')} rows on disk: first event after ${first.toFixed(2)} s (goal <= ${goalSeconds})`,
  )
}
