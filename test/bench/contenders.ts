/** Who is measured beside whom: the command line of each, and what it needs beforehand. */
import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { publish } from '../../src/kafka/publish.ts'
import { javaPeer } from './java-peers.ts'
import { eventBytes, productId, rowText } from './segment-events.ts'
import type { Format, TestBench } from './test-bench.ts'

export const titles = {
  pass: '(a) pass-through, ours',
  stock: '(b) kafkajs + better-sqlite3',
  ours: '(c) linked-events run',
  once: '(d) the same, exactly once',
  streams: '(e) Kafka Streams 4.3',
  flink: '(f) Flink 2.2',
  copy: '(g) Java clients, copying',
}
export type Name = keyof typeof titles
export const names = Object.keys(titles) as Name[]
/** What `--peers` adds. */
export const javaNames: readonly Name[] = ['streams', 'flink', 'copy']

export interface Work {
  readonly bench: TestBench
  readonly input: string
  readonly rows: number
  readonly format: Format
  /** More words for node in front of our program. */
  readonly nodeOptions: readonly string[]
}

/** Makes what the contender needs, once; the command line that writes to an output topic. */
export type Prepared = (output: string) => readonly string[]

const tsx = ['node', '--import', 'tsx']
const script = (name: string) => new URL(`contenders/${name}.ts`, import.meta.url).pathname

export const prepare: Readonly<Record<Name, (work: Work) => Promise<Prepared>>> = {
  async pass({ bench, input, rows }) {
    const bytes = String(enrichedBytes(rows))
    return (output) => [...tsx, script('pass-through'), bench.brokers, input, output, bytes]
  },
  async stock({ bench, input, rows, format }) {
    const table = buildTable(join(bench.folder, `stock-${format}.sqlite`), rows)
    return (output) => [...tsx, script('stock'), bench.brokers, input, output, table, format]
  },
  ours: (work) => ours(work, 'at_least_once'),
  once: (work) => ours(work, 'exactly_once'),
  async streams({ bench, input, rows }) {
    const java = await javaPeer('kafka-streams', 'KafkaStreamsJoin')
    await bench.createTopic('rows', { 'cleanup.policy': 'compact' })
    await publish(bench.connection, keyedRows('rows', rows))
    return (output) => [...java, bench.brokers, input, output, 'rows', join(bench.folder, output)]
  },
  async flink({ bench, input, rows }) {
    const java = await javaPeer('flink', 'FlinkJoin')
    const file = writeRows(join(bench.folder, 'rows.tsv'), rows)
    return (output) => [...java, bench.brokers, input, output, file]
  },
  async copy({ bench, input }) {
    const java = await javaPeer('kafka-streams', 'PlainCopy')
    return (output) => [...java, bench.brokers, input, output]
  },
}

export function enrichedBytes(rows: number): number {
  return eventBytes(rows) + Buffer.byteLength(rowText(1)) + 11
}

async function ours(work: Work, delivery: 'at_least_once' | 'exactly_once'): Promise<Prepared> {
  const { bench, input, rows, format, nodeOptions } = work
  const stateDir = await bench.snapshotOf(rows)
  return (output) => bench.program({ name: output, input, stateDir, format, delivery }, nodeOptions)
}

/** The table that the stock contender's authors would write: by the key's text, the fastest of the plain layouts. */
function buildTable(file: string, rows: number): string {
  const database = new Database(file)
  database.exec(
    'PRAGMA page_size = 16384; PRAGMA journal_mode = OFF; CREATE TABLE entity (key TEXT NOT NULL PRIMARY KEY, row TEXT NOT NULL) WITHOUT ROWID; BEGIN',
  )
  const put = database.prepare('INSERT INTO entity VALUES (?, ?)')
  for (let number = 0; number < rows; number++) put.run(productId(number), rowText(number))
  database.exec('COMMIT')
  database.close()
  return file
}

function* keyedRows(topic: string, rows: number) {
  for (let number = 0; number < rows; number++) yield { topic, key: productId(number), value: rowText(number) }
}

function writeRows(path: string, rows: number): string {
  const file = openSync(path, 'w')
  for (let number = 0; number < rows; number++) writeSync(file, `${productId(number)}\t${rowText(number)}\n`)
  closeSync(file)
  return path
}
