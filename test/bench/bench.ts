/** `npm run bench`: what the product costs and how fast it answers, each figure beside its goal. `--help` lists the parts. */
import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { javaNames, type Name, names, titles } from './contenders.ts'
import { large } from './large.ts'
import { latency } from './latency.ts'
import { memory } from './memory.ts'
import { rows as compareRows } from './rows.ts'
import { swap } from './swap.ts'
import type { Format } from './test-bench.ts'
import { TestBench } from './test-bench.ts'
import { throughput } from './throughput.ts'

const usage = `npm run bench -- [options]

Measures on one real broker, which has one processor; each contender in turn has the other. Contenders are processes of their own;
ours is \`linked-events run\` as installed (npm run build). What they write is compared, value for value.

  --only A,B,…       parts, by default languages,pass,stock,ours
       languages     triggers and mappings beside Segment's packages
       sync          first, unchanged, changed: time and memory
${names.map((name) => `       ${name.padEnd(14)}${titles[name]}`).join('\n')}
  --peers            ${javaNames.join(',')} beside the others, with a million events (needs a Java 17 development kit and Maven)
  --events N         events of a contender: 300000, with --peers 1000000
  --stock-events N   events of (b), and outputs compared: 100000
  --rows N           rows of the entity: 1000000
  --rounds N         1
  --format F         event: the whole row goes into the event; payload: a payload of fifteen fields
  --node OPTIONS     more words for node in front of the program, for a profile
`

const { values: options } = parseArgs({
  options: {
    help: { type: 'boolean', short: 'h', default: false },
    only: { type: 'string', default: 'languages,pass,stock,ours' },
    peers: { type: 'boolean', default: false },
    events: { type: 'string' },
    'stock-events': { type: 'string', default: '100000' },
    rows: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '1' },
    format: { type: 'string', default: 'event' },
    node: { type: 'string', default: '' },
  },
})
if (options.help) {
  console.log(usage)
  process.exit(0)
}
const parts = new Set([...options.only.split(','), ...(options.peers ? javaNames : [])])
const others = ['languages', 'sync', 'latency', 'swap', 'rows', 'memory', 'large']
const unknown = [...parts].filter((part) => !others.includes(part) && !names.includes(part as Name))
if (unknown.length > 0 || (options.format !== 'event' && options.format !== 'payload')) {
  console.error(`There is no ${unknown.join(', ') || `format ${options.format}`}.\n\n${usage}`)
  process.exit(2)
}
const script = (name: string, ...words: string[]) => {
  const path = new URL(name, import.meta.url).pathname
  execFileSync(process.execPath, ['--import', 'tsx', path, ...words], { stdio: 'inherit' })
}
if (parts.delete('languages')) script('languages.ts')
if (parts.delete('sync')) script('sync.ts', options.rows)
if (parts.size > 0) {
  const bench = await TestBench.open()
  const rows = Number(options.rows)
  const rounds = Number(options.rounds)
  try {
    if (parts.delete('latency')) await latency(bench, { rows, rounds, eventsPerSecond: 5000, seconds: 20 })
    if (parts.delete('swap')) await swap(bench, { rows, eventsPerSecond: 5000, swaps: 3 })
    if (parts.delete('rows')) await compareRows(bench, { few: 10_000, many: 10_000_000, events: 1_000_000, rounds })
    if (parts.delete('memory')) await memory(bench, { rows, events: 5_000_000 })
    if (parts.delete('large')) await large(bench, { rows, events: 1000 })
    const events = Number(options.events ?? (options.peers ? 1_000_000 : 300_000))
    if (parts.size > 0)
      await throughput(bench, {
        contenders: parts as ReadonlySet<Name>,
        events,
        stockEvents: Math.min(events, Number(options['stock-events'])),
        rows,
        rounds,
        format: options.format as Format,
        nodeOptions: options.node === '' ? [] : options.node.split(' '),
      })
  } finally {
    await bench.close()
  }
}
process.exit(0)
