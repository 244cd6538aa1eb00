/** What an enriched event costs, beside the contenders, in one run on one broker; and whether they all wrote the same. */
import { compareOutputs } from './compare-outputs.ts'
import { enrichedBytes, type Name, names, type Prepared, prepare, titles } from './contenders.ts'
import { type Figures, observe } from './observed-process.ts'
import { eventBytes } from './segment-events.ts'
import { type Format, partitions, type TestBench } from './test-bench.ts'

export interface ThroughputOptions {
  /** A topic with the events. */
  readonly input: string
  readonly contenders: ReadonlySet<Name>
  readonly events: number
  readonly stockEvents: number
  readonly rows: number
  readonly rounds: number
  readonly format: Format
  readonly nodeOptions: readonly string[]
}

const goalSecondsPerMillion = 6.5
/** They write each event where (c) writes it; a transaction's markers take offsets of their own, so (d) does not. */
const comparable: readonly Name[] = ['stock', 'streams', 'flink']

export async function throughput(bench: TestBench, options: ThroughputOptions): Promise<void> {
  const { input, rows, events, stockEvents, format, nodeOptions } = options
  const { connection, admin } = bench
  const chosen = names.filter((name) => options.contenders.has(name))
  bench.talk(`${format}: an event has ${eventBytes(rows)} bytes, one with its whole row ${enrichedBytes(rows)}`)
  const commands = new Map<Name, Prepared>()
  for (const name of chosen) commands.set(name, await prepare[name]({ bench, input, rows, format, nodeOptions }))
  const results = new Map<Name, Figures[]>(chosen.map((name) => [name, []]))
  for (let round = 1; round <= options.rounds; round++) {
    const output = (name: Name) => `${name}-${format}-${round}`
    for (const name of chosen) {
      await bench.createTopic(output(name))
      const figures = await observe({
        command: commands.get(name)!(output(name)),
        core: bench.core,
        events: name === 'stock' ? stockEvents : events,
        secondsMax: 300,
        done: () => bench.written(output(name)),
      })
      results.get(name)!.push(figures)
      bench.talk(`${titles[name]}: ${figures.cpuPerMillion.toFixed(2)} CPU s per million`)
    }
    for (const name of chosen) {
      // Payloads are made by us, and by Segment's packages in (b).
      if (!chosen.includes('ours') || !comparable.includes(name)) continue
      if (format !== 'event' && (name === 'streams' || name === 'flink')) continue
      const outputs = { one: output(name), other: output('ours'), recordsPerPartition: stockEvents / partitions }
      const same = await compareOutputs({ connection, admin, ...outputs })
      bench.talk(`${titles[name]} and (c): ${same}`)
    }
    await admin.deleteTopics(chosen.map(output))
  }
  report(results, format)
}

function report(results: ReadonlyMap<Name, readonly Figures[]>, format: Format): void {
  const cells = (list: readonly string[]) =>
    list.map((text, index) => (index === 0 ? text.padEnd(30) : text.padStart(13))).join('')
  console.log(cells(['contender', 'events', 'CPU s/1M', 'events/s', 'own MiB', 'half', 'end', 'mapped', 'first out s']))
  for (const [name, list] of results) {
    for (const figures of list) {
      const { cpuPerMillion, eventsPerSecond, ownMiB, halfMiB, endMiB, mappedMiB, firstOutputSeconds } = figures
      const memory = [ownMiB, halfMiB, endMiB, mappedMiB].map((mebibytes) => mebibytes.toFixed(0))
      const speed = [String(figures.events), cpuPerMillion.toFixed(2), eventsPerSecond.toFixed(0)]
      console.log(cells([titles[name], ...speed, ...memory, firstOutputSeconds.toFixed(2)]))
    }
  }
  const best = (name: Name) => Math.min(...(results.get(name) ?? []).map(({ cpuPerMillion }) => cpuPerMillion))
  const ratio = (label: string, one: Name, other: Name, goal: string) => {
    if (results.has(one) && results.has(other))
      console.log(`${label} = ${(best(one) / best(other)).toFixed(3)} (goal ${goal})`)
  }
  if (results.has('ours') && format === 'event')
    console.log(`c = ${best('ours').toFixed(2)} CPU s per million (goal ${goalSecondsPerMillion} on a quiet machine)`)
  ratio('c / a', 'ours', 'pass', '<= 1.5')
  ratio('c / b', 'ours', 'stock', format === 'event' ? '<= 0.11' : '<= 0.2')
  ratio('d / c', 'once', 'ours', '<= 1.5')
  ratio('c / e', 'ours', 'streams', '< 1')
  ratio('c / f', 'ours', 'flink', '< 1')
  ratio('c / g', 'ours', 'copy', '<= 1')
}
