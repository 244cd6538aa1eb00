/**
 * `npm run bench -- [--events N] [--rows N] [--stock-events N] [--rounds N] [--only languages,pass,stock,ours,once]
 * [--format payload]`:
 * the languages beside Segment's packages (languages.ts); then what an enriched event costs, in one run on one real broker. The
 * broker has one processor, each contender in turn the other; a contender is a process of its own and ours is
 * `linked-events run` as installed. What (b) and (c) deliver is compared, value for value.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import Database from 'better-sqlite3'
import { kafkaAdmin } from '../../src/kafka/admin.ts'
import { publish } from '../../src/kafka/publish.ts'
import { snapshotStore } from '../../src/snapshot/store.ts'
import type { RowChange } from '../../src/sync/store.ts'
import { connectionTo } from '../support/kafka.ts'
import { startBroker } from '../support/kafka-broker.ts'
import { compareOutputs } from './compare-outputs.ts'
import { type Figures, observe } from './observed-process.ts'
import { entity, eventText, mappings, productId, rowText, space, trigger } from './segment-events.ts'

const { values: options } = parseArgs({
  options: {
    events: { type: 'string', default: '300000' },
    rows: { type: 'string', default: '1000000' },
    'stock-events': { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '1' },
    /** `once` is ours with `delivery: exactly_once`. */
    only: { type: 'string', default: 'languages,pass,stock,ours' },
    /** event: the whole row into the event; payload: a payload of fifteen fields, with Segment's packages as (b). */
    format: { type: 'string', default: 'event' },
    /** More words for node in front of the program, for a profile. */
    node: { type: 'string', default: '' },
  },
})
const events = Number(options.events)
const rows = Number(options.rows)
const stockEvents = Math.min(events, Number(options['stock-events']))
const format = options.format === 'payload' ? 'payload' : 'event'
const partitions = 4
const two = availableParallelism() > 1
const [contenderCore, brokerCore] = two ? [0, 1] : [null, null]
const only = new Set(options.only.split(','))
if (only.delete('languages')) {
  const script = new URL('languages.ts', import.meta.url).pathname
  execFileSync(process.execPath, ['--import', 'tsx', script], { stdio: 'inherit' })
  if (only.size === 0) process.exit(0)
}
const folder = mkdtempSync(join(tmpdir(), 'linked-events-bench-'))
const stockRows = join(folder, 'stock.sqlite')
const names = {
  pass: '(a) pass-through, ours',
  stock: '(b) kafkajs + better-sqlite3',
  ours: '(c) linked-events run',
  once: '(d) the same, exactly once',
}
type Name = keyof typeof names

const started = performance.now()
const broker = await startBroker({ dir: join(folder, 'kafka'), heapMegabytes: 1024 })
const connection = connectionTo(broker.brokers)
const admin = await kafkaAdmin(connection)
const brokers = broker.brokers.join(',')
const results: Record<Name, Figures[]> = { pass: [], stock: [], ours: [], once: [] }
try {
  pin(process.pid, brokerCore)
  if (broker.pid !== null) pin(broker.pid, brokerCore)
  talk(`${rows.toLocaleString('en')} rows, ${events.toLocaleString('en')} events ...`)
  await buildSnapshot()
  buildStockRows()
  // Record batches of the size that producers make; the stock contender sends what it fetched in one piece.
  await admin.createTopics([{ topic: 'events', partitions, config: { 'max.message.bytes': '131072' } }])
  await publish(connection, inputs())
  const bytes = Buffer.byteLength(eventText(1, rows)) + Buffer.byteLength(rowText(1)) + 11
  talk(`an event has ${Buffer.byteLength(eventText(1, rows))} bytes, an enriched one ${bytes}`)
  const tsx = ['node', '--import', 'tsx']
  for (let round = 1; round <= Number(options.rounds); round++) {
    const outputs = { pass: `pass-${round}`, stock: `stock-${round}`, ours: `ours-${round}`, once: `once-${round}` }
    const script = (name: string) => new URL(`contenders/${name}.ts`, import.meta.url).pathname
    const more = options.node === '' ? [] : options.node.split(' ')
    await contend('pass', outputs.pass, [...tsx, script('pass-through'), brokers, 'events', outputs.pass, `${bytes}`])
    await contend('stock', outputs.stock, [
      ...tsx,
      script('stock'),
      brokers,
      'events',
      outputs.stock,
      stockRows,
      format,
    ])
    const program = new URL('../../dist/main.js', import.meta.url).pathname
    const ours = ['node', ...more, program, 'run', '--config']
    await contend('ours', outputs.ours, [...ours, configOf(outputs.ours, 'at_least_once')])
    await contend('once', outputs.once, [...ours, configOf(outputs.once, 'exactly_once')])
    if (only.has('stock') && only.has('ours'))
      talk(await compareOutputs({ connection, one: outputs.stock, other: outputs.ours, atLeast: stockEvents }))
    const written = (Object.keys(outputs) as Name[]).filter((name) => only.has(name)).map((name) => outputs[name])
    await admin.deleteTopics(written)
  }
  report()
} finally {
  await admin.close()
  await broker.stop()
  rmSync(folder, { recursive: true, force: true })
}
process.exit(0)

async function contend(name: Name, output: string, command: readonly string[]): Promise<void> {
  if (!only.has(name)) return
  await admin.createTopics([{ topic: output, partitions }])
  const figures = await observe({
    command,
    core: contenderCore,
    events: name === 'stock' ? stockEvents : events,
    secondsMax: 300,
    done: async () => (await admin.offsets(output)).reduce((sum, { high }) => sum + high, 0),
  })
  results[name].push(figures)
  talk(`${names[name]}: ${figures.cpuPerMillion.toFixed(2)} CPU s per million`)
}

async function buildSnapshot(): Promise<void> {
  async function* changes(): AsyncGenerator<readonly RowChange[]> {
    for (let at = 0; at < rows; at += 10_000) {
      yield Array.from({ length: Math.min(10_000, rows - at) }, (_, index) => ({
        key: productId(at + index),
        row: rowText(at + index),
      }))
    }
  }
  await snapshotStore({ dir: join(folder, 'state') }).publish({
    entity,
    epoch: 1,
    lineage: 'bench',
    seq: 1,
    asOf: Date.now(),
    configHash: '',
    probe: null,
    reason: 'bench',
    base: 'nothing',
    changes: changes(),
    rows: () => rows,
    keep: 1,
  })
}

/** The table that the stock contender's authors would write: by the key's text, the fastest of the plain layouts. */
function buildStockRows(): void {
  const database = new Database(stockRows)
  database.exec(
    'PRAGMA page_size = 16384; PRAGMA journal_mode = OFF; CREATE TABLE entity (key TEXT NOT NULL PRIMARY KEY, row TEXT NOT NULL) WITHOUT ROWID; BEGIN',
  )
  const put = database.prepare('INSERT INTO entity VALUES (?, ?)')
  for (let number = 0; number < rows; number++) put.run(productId(number), rowText(number))
  database.exec('COMMIT')
  database.close()
}

function* inputs() {
  for (let number = 0; number < events; number++) {
    const key = `user-${String(number % 250_000).padStart(15, '0')}`
    yield { topic: 'events', partition: number % partitions, key, value: eventText(number, rows) }
  }
}

function configOf(output: string, delivery: string): string {
  writeFileSync(
    join(folder, 'graph.hcl'),
    `entity "${entity}" {\n  name = "Product"\n  table_ref = "products"\n  primary_key = "PRODUCT_ID"\n  enrichment_enabled = true\n}\n`,
  )
  const config = {
    space,
    data_graph: './graph.hcl',
    state_dir: './state',
    warehouse: { type: 'duckdb', path: './warehouse.duckdb' },
    entities: { [entity]: { schedule: { strategy: 'MANUAL' } } },
    source: { kafka: { topics: ['events'], group: output } },
    dead_letters: { topic: output },
    destinations: [
      {
        slug: 'amplitude',
        output: { topic: output, format },
        mappings: [
          {
            name: 'Order Completed',
            action: 'logEvent',
            trigger,
            entities: [{ entity, match: '$.properties.product_id', on_missing: 'pass' }],
            mapping: mappings[format],
          },
        ],
      },
    ],
    kafka: { brokers: broker.brokers, delivery },
    http: { host: '127.0.0.1', port: 0 },
  }
  const file = join(folder, `${output}.yaml`)
  writeFileSync(file, JSON.stringify(config, null, 2))
  return file
}

function pin(pid: number, core: number | null): void {
  if (core !== null) execFileSync('taskset', ['-a', '-p', '-c', String(core), String(pid)], { stdio: 'ignore' })
}

function talk(text: string): void {
  process.stderr.write(`${((performance.now() - started) / 1000).toFixed(0).padStart(4)} s  ${text}\n`)
}

function report(): void {
  const cells = (list: readonly string[]) =>
    list.map((text, index) => (index === 0 ? text.padEnd(30) : text.padStart(11))).join('')
  console.log(cells(['contender', 'events', 'CPU s/1M', 'events/s', 'own MiB', 'half', 'end', 'mapped', 'first out s']))
  for (const name of Object.keys(names) as Name[]) {
    for (const figures of results[name]) {
      const { cpuPerMillion, eventsPerSecond, ownMiB, halfMiB, endMiB, mappedMiB, firstOutputSeconds } = figures
      const memory = [ownMiB, halfMiB, endMiB, mappedMiB].map((mebibytes) => mebibytes.toFixed(0))
      const speed = [String(figures.events), cpuPerMillion.toFixed(2), eventsPerSecond.toFixed(0)]
      console.log(cells([names[name], ...speed, ...memory, firstOutputSeconds.toFixed(2)]))
    }
  }
  const best = (name: Name) => Math.min(...results[name].map(({ cpuPerMillion }) => cpuPerMillion))
  if (only.has('ours') && only.has('pass'))
    console.log(`c / a = ${(best('ours') / best('pass')).toFixed(2)} (goal 1.5)`)
  if (only.has('once') && only.has('ours'))
    console.log(`d / c = ${(best('once') / best('ours')).toFixed(2)} (goal 1.5)`)
  if (only.has('ours') && only.has('stock'))
    console.log(`c / b = ${(best('ours') / best('stock')).toFixed(3)} (goal ${format === 'event' ? 0.11 : 0.2})`)
}
