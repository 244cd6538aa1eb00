/** `npm run bench`: what the product costs and how fast it answers, each figure beside its goal. `--help` lists the parts. */
import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { javaNames, type Name, names, titles } from './contenders.ts'
import { large } from './large.ts'
import { latency } from './latency.ts'
import { memory } from './memory.ts'
import { rows as compareRows } from './rows.ts'
import { mappings } from './segment-events.ts'
import { swap } from './swap.ts'
import { type Format, TestBench } from './test-bench.ts'
import { throughput } from './throughput.ts'

const { values: options } = parseArgs({
  options: {
    help: { type: 'boolean', short: 'h', default: false },
    all: { type: 'boolean', default: false },
    only: { type: 'string', default: 'languages,pass,stock,ours' },
    peers: { type: 'boolean', default: false },
    // Measured is what is after a quarter of them: by then all rows are in memory.
    events: { type: 'string', default: '4000000' },
    'stock-events': { type: 'string', default: '100000' },
    rows: { type: 'string', default: '1000000' },
    rounds: { type: 'string' },
    format: { type: 'string', default: 'event' },
    node: { type: 'string', default: '' },
  },
})
const rows = Number(options.rows)
const rounds = Number(options.rounds ?? 1)
const eventsPerSecond = 5000

/** What needs no contender beside it. */
const figures: Readonly<Record<string, { about: string; measure: (bench: TestBench) => Promise<void> }>> = {
  latency: {
    about: 'from append to append at 5,000 events/s, default settings',
    measure: (bench) => latency(bench, { rows, rounds, eventsPerSecond, seconds: 20 }),
  },
  swap: {
    about: 'what a new version of all rows adds to that, three times',
    measure: (bench) => swap(bench, { rows, eventsPerSecond, swaps: 3 }),
  },
  rows: {
    about: 'ten million rows beside ten thousand: CPU an event, and the start',
    measure: (bench) =>
      compareRows(bench, {
        few: 10_000,
        many: 10_000_000,
        events: (count) => (count > 1_000_000 ? 8_000_000 : 1_000_000),
        rounds,
      }),
  },
  memory: {
    about: 'five million events at full speed',
    measure: (bench) => memory(bench, { rows, events: 5_000_000 }),
  },
  large: {
    about: 'memory with events of 900 KB, and with a slow broker',
    measure: (bench) => large(bench, { rows, events: 1000 }),
  },
}

const described = [
  ['languages', "triggers and mappings beside Segment's packages"],
  ['sync', 'first, unchanged, changed, audit: time and memory of DuckDB with --rows'],
  ...names.map((name) => [name, titles[name]]),
  ...Object.entries(figures).map(([name, { about }]) => [name, about]),
] as const
const usage = `npm run bench -- [options]

Measures on one real broker, which has one processor; each contender in turn has the other. Contenders are processes of their own;
ours is \`linked-events run\` as installed (npm run build). What they write is compared, value for value.

  --only A,B,…       parts, by default languages,pass,stock,ours
${described.map(([name, about]) => `       ${name!.padEnd(14)}${about}`).join('\n')}
  --peers            ${javaNames.join(',')} too (needs a Java 17 development kit and Maven)
  --all              everything, in both formats; half an hour on a quiet machine
  --events N         events of a contender: 4000000
  --stock-events N   events of (b), and outputs compared: 100000
  --rows N           rows of the entity: 1000000
  --rounds N         2 of contenders, of which the better counts, else 1
  --format F         event: the whole row goes into the event; payload: a payload of fifteen fields; plain: one of eight,
                     of which nothing is computed
  --node OPTIONS     more words for node in front of the program, for a profile`

if (options.help) {
  console.log(usage)
  process.exit(0)
}
const all = described.map(([name]) => name!)
const parts = new Set(options.all ? all : [...options.only.split(','), ...(options.peers ? javaNames : [])])
const unknown = [...parts].filter((part) => !all.includes(part))
if (unknown.length > 0 || !(options.format in mappings)) {
  console.error(`There is no ${unknown.join(', ') || `format ${options.format}`}.\n\n${usage}`)
  process.exit(2)
}
if (parts.delete('languages')) script('languages.ts')
if (parts.delete('sync')) script('sync.ts', String(rows))
if (parts.size > 0) {
  const bench = await TestBench.open()
  try {
    await compareContenders(bench)
    for (const [name, { measure }] of Object.entries(figures)) if (parts.has(name)) await attempt(name, measure(bench))
  } finally {
    await bench.close()
  }
}
process.exit()

function script(name: string, ...words: string[]): void {
  const path = new URL(name, import.meta.url).pathname
  execFileSync(process.execPath, ['--import', 'tsx', path, ...words], { stdio: 'inherit' })
}

async function compareContenders(bench: TestBench): Promise<void> {
  const contenders = new Set(names.filter((name) => parts.has(name)))
  if (contenders.size === 0) return
  const events = Number(options.events)
  const input = 'events'
  bench.talk(`${rows.toLocaleString('en')} rows, ${events.toLocaleString('en')} events ...`)
  await bench.publishEvents(input, { events, rows })
  const compare = (format: Format, chosen: ReadonlySet<Name>) =>
    throughput(bench, {
      input,
      contenders: chosen,
      events,
      stockEvents: Math.min(events, Number(options['stock-events'])),
      rows,
      rounds: Number(options.rounds ?? 2),
      format,
      nodeOptions: options.node === '' ? [] : options.node.split(' '),
    })
  await attempt('contenders', compare(options.format as Format, contenders))
  if (options.all) await attempt('contenders, payload', compare('payload', new Set<Name>(['stock', 'ours'])))
}

/** A part that fails does not keep the others from being measured. */
async function attempt(name: string, measuring: Promise<void>): Promise<void> {
  try {
    await measuring
  } catch (error) {
    console.error(`${name} failed:`, error)
    process.exitCode = 1
  }
}
