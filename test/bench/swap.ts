/**
 * What a new version costs under load: `run` begins with a snapshot that is too old, so it syncs at once, every row of which has
 * changed, and takes the version up while events come at a steady rate. The sync shares the processor with the events.
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { ObservedProcess } from './observed-process.ts'
import { type Passage, passages, quantile, quantiles, sendPaced, stamped } from './paced-load.ts'
import type { RunConfig, TestBench } from './test-bench.ts'

export interface SwapOptions {
  readonly rows: number
  readonly eventsPerSecond: number
  readonly swaps: number
}

const goalMilliseconds = 50
const warmUpSeconds = 4
/** The time after a swap in which it may still be felt: the pages of the new file are read for the first time. */
const afterSeconds = 3
const quietSeconds = 12
const pieces = ['quiet', 'sync', 'swap'] as const
type Piece = (typeof pieces)[number]

export async function swap(bench: TestBench, options: SwapOptions): Promise<void> {
  const stateDir = join(bench.folder, 'state-swap')
  await makeWarehouse(bench, options.rows)
  // A mass update is the point of the exercise, so no guard may stop it; and any snapshot is too old.
  const common = { stateDir, maxAge: '1s' }
  bench.talk('the first version ...')
  const [node, program] = bench.program({ ...common, name: 'first', input: 'events' })
  execFileSync(node!, [program!, 'sync', '--quiet', '--config', join(bench.folder, 'first.yaml')])
  const all: Record<Piece, Passage[]> = { quiet: [], sync: [], swap: [] }
  for (let turn = 1; turn <= options.swaps; turn++) {
    await statement(bench, 'UPDATE products SET PRICE = PRICE + 1')
    const name = `swap-out-${turn}`
    const found = await oneSwap(bench, { ...common, name, input: `swap-${turn}` }, options)
    for (const piece of pieces) {
      bench.talk(`${piece.padEnd(5)} ${quantiles(found[piece])}`)
      all[piece] = all[piece].concat(found[piece])
    }
  }
  const [quiet, syncing, swapping] = pieces.map((piece) => quantile(all[piece], 0.999)) as [number, number, number]
  console.log(
    `a swap of ${options.rows.toLocaleString('en')} rows adds ${swapping - quiet} ms at p99.9 (goal <= ${goalMilliseconds}): ${quiet} ms without, ${swapping} ms around a swap, ${syncing} ms while its sync runs beside`,
  )
}

async function oneSwap(bench: TestBench, config: RunConfig, options: SwapOptions): Promise<Record<Piece, Passage[]>> {
  const { input, name: output } = config
  const { rows, eventsPerSecond } = options
  await bench.createTopic(input, stamped)
  await bench.createTopic(output, stamped)
  const run = new ObservedProcess({ command: bench.program(config), core: bench.core })
  await run.said('partitions assigned')
  const stop = new AbortController()
  const sending = sendPaced(bench, { topic: input, rows, eventsPerSecond }, stop.signal)
  const finished = JSON.parse(await run.said('sync finished')) as { time: string; started_at: string }
  const times = () => run.lines.filter((line) => line.includes('serving a new snapshot')).map(timeOf)
  while (times().length < 2) await new Promise((resolve) => setTimeout(resolve, 100))
  await new Promise((resolve) => setTimeout(resolve, (afterSeconds + quietSeconds) * 1000))
  stop.abort()
  const sent = await sending
  while ((await bench.written(output)) < sent) await new Promise((resolve) => setTimeout(resolve, 50))
  await run.end()
  const found = await passages(bench, input, output)
  await bench.admin.deleteTopics([input, output])
  const began = found.reduce((least, { at }) => Math.min(least, at), Number.POSITIVE_INFINITY) + warmUpSeconds * 1000
  const [, served = 0] = times()
  const synced = Date.parse(finished.time)
  const calm = served + afterSeconds * 1000
  bench.talk(
    `sync of ${((synced - Date.parse(finished.started_at)) / 1000).toFixed(1)} s, taken up in ${served - synced} ms`,
  )
  return {
    sync: found.filter(({ at }) => at >= began && at < synced),
    swap: found.filter(({ at }) => at >= synced && at < calm),
    quiet: found.filter(({ at }) => at >= calm),
  }
}

function timeOf(line: string): number {
  return Date.parse((JSON.parse(line) as { time: string }).time)
}

/** The rows of segment-events.ts, about. */
function makeWarehouse(bench: TestBench, rows: number): Promise<void> {
  return statement(
    bench,
    `CREATE TABLE products AS SELECT 'SKU-' || lpad(i::VARCHAR, 12, '0') AS PRODUCT_ID, 'Trail running shoe ' || i AS NAME,
     'Brand ' || i % 512 AS BRAND, 'Footwear / Running' AS CATEGORY, CAST(19.5 + i % 100 AS DECIMAL(9, 2)) AS PRICE, 'EUR' AS CURRENCY,
     i % 3 <> 0 AS IN_STOCK, 180 + i % 400 AS WEIGHT_GRAMS, NULL::VARCHAR AS COLOR, TIMESTAMPTZ '2026-11-01 12:00:00Z' AS UPDATED_AT
     FROM range(${rows}) r(i)`,
  )
}

async function statement(bench: TestBench, text: string): Promise<void> {
  const instance = await DuckDBInstance.create(join(bench.folder, 'warehouse.duckdb'))
  const connection = await instance.connect()
  await connection.run(text)
  connection.closeSync()
  instance.closeSync()
}
