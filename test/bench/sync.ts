/**
 * How long a sync takes, and how much memory: DuckDB with a million rows of ten columns, on as many cores as there are.
 * Each figure is a process of its own; memory is its peak, all included. `npm run bench -- --only sync --rows N`
 */
import { spawnSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DuckDBInstance } from '@duckdb/node-api'
import { systemClock } from '../../src/clock.ts'
import { openSnapshots } from '../../src/snapshot/snapshots.ts'
import { type LocalSnapshotStore, snapshotStore } from '../../src/snapshot/store.ts'
import { audit } from '../../src/sync/audit.ts'
import type { EntityPlan } from '../../src/sync/entity-plan.ts'
import { sync } from '../../src/sync/sync.ts'
import type { Warehouse } from '../../src/sync/warehouse.ts'
import { openWarehouse } from '../../src/warehouse/open.ts'

const entity: EntityPlan = {
  slug: 'customer',
  tableRef: 'customers',
  primaryKey: 'id',
  columns: null,
  duplicates: 'fail',
  versions: 2,
  installId: 'bench',
}

const columns = `i AS id, 'Customer number ' || i AS name, 'user' || i || '@example.com' AS email,
  ['free', 'team', 'enterprise'][i % 3 + 1] AS plan, CAST(i * 1.37 AS DECIMAL(18,2)) AS balance, 9007199254740993 + i AS big,
  i / 7.0::DOUBLE AS score, i % 2 = 0 AS active, TIMESTAMP '2026-01-01' + to_seconds(i) AS seen,
  CASE WHEN i % 5 > 0 THEN 'note ' || md5(i::VARCHAR) END AS note`

async function statements(path: string, ...list: string[]): Promise<void> {
  const instance = await DuckDBInstance.create(path)
  const connection = await instance.connect()
  for (const statement of list) await connection.run(statement)
  connection.closeSync()
  instance.closeSync()
}

async function step(dir: string, name: string, rows: number): Promise<void> {
  const path = join(dir, 'warehouse.duckdb')
  if (name === 'make') return statements(path, `CREATE TABLE customers AS SELECT ${columns} FROM range(${rows}) r(i)`)
  if (name === 'change')
    return statements(
      path,
      `UPDATE customers SET name = name || '!' WHERE id % 100 = 7`,
      'DELETE FROM customers WHERE id % 200 = 9',
      `INSERT INTO customers SELECT id + ${rows}, * EXCLUDE (id) FROM customers WHERE id % 200 = 11`,
    )
  if (name === 'lookup') return lookups(dir, rows)
  const local = name.startsWith('local')
  const state = local ? 'local' : 'warehouse'
  const warehouse = await openWarehouse({ type: 'duckdb', path, stateSchema: '_segment_reverse_etl', state })
  const store = snapshotStore({ dir: local ? join(dir, 'local') : dir })
  if (name.startsWith('audit')) return auditStep(name, { warehouse, store })
  const started = performance.now()
  let stall = 0
  let last = started
  const pulse = setInterval(() => {
    stall = Math.max(stall, performance.now() - last - 5)
    last = performance.now()
  }, 5)
  const run = await sync({
    entity,
    warehouse,
    store,
    clock: systemClock,
    tell: () => {},
    owner: 'bench',
    signal: new AbortController().signal,
  })
  clearInterval(pulse)
  const seconds = (performance.now() - started) / 1000
  const { result, added, updated, deleted, error } = run
  if (error !== null) throw new Error(error.message)
  const goal = goals.find((one) => one.name === name && one.rows === rows)?.goal
  console.log(
    `${name.padEnd(15)} ${seconds.toFixed(2)} s, peak ${peakMegabytes()} MiB${goal === undefined ? '' : ` (goal ${goal})`}: ${result}, +${added} ~${updated} -${deleted}, longest stall ${stall.toFixed(0)} ms`,
  )
}

async function auditStep(
  name: string,
  { warehouse, store }: { readonly warehouse: Warehouse; readonly store: LocalSnapshotStore },
): Promise<void> {
  const started = performance.now()
  const signal = new AbortController().signal
  const report = await audit({ entity, warehouse, store, sha256: (text) => hash('sha256', text, 'hex'), signal })
  const { ok, buckets, rows_read: read } = report
  console.log(
    `${name.padEnd(15)} ${((performance.now() - started) / 1000).toFixed(2)} s, peak ${peakMegabytes()} MiB: ok ${ok}, ${buckets.differing} of ${buckets.compared} buckets differ, ${read} rows read`,
  )
}

const goals = [
  { name: 'first', rows: 1_000_000, goal: '<= 15 s' },
  { name: 'unchanged', rows: 1_000_000, goal: '<= 0.2 s' },
  { name: 'changed', rows: 1_000_000, goal: '<= 2.5 s, <= 350 MiB' },
  { name: 'first', rows: 10_000_000, goal: '<= 1024 MiB' },
  { name: 'changed', rows: 10_000_000, goal: '<= 1024 MiB' },
]

async function lookups(dir: string, rows: number): Promise<void> {
  const live = openSnapshots({ dir, entities: [entity.slug], tell: () => {} })
  const opened = performance.now()
  await live.refresh()
  console.log(`refresh    ${((performance.now() - opened) / 1000).toFixed(2)} s: digest, read through, open`)
  const count = 1_000_000
  for (const round of ['first', 'second']) {
    const started = performance.now()
    let hits = 0
    for (let batch = 0; batch < count / 500; batch++) {
      const set = live.current()
      const snapshot = set.of(entity.slug)!
      for (let index = 0; index < 500; index++) {
        if (snapshot.get(String(Math.floor(Math.random() * rows))) !== undefined) hits++
      }
      set.release()
    }
    const perSecond = Math.round(count / ((performance.now() - started) / 1000) / 1000)
    console.log(
      `lookups    ${perSecond}k/s, ${round} million of uniform keys, ${hits} hits, peak ${peakMegabytes()} MiB`,
    )
  }
  live.close()
}

function peakMegabytes(): number {
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) / 1024)
}

const [first = '1000000', name, dir] = process.argv.slice(2)
if (name && dir) await step(dir, name, Number(first))
else {
  const folder = mkdtempSync(join(tmpdir(), 'le-bench-'))
  const steps = 'make first local-first unchanged local-unchanged audit change changed local-changed audit lookup'
  for (const next of steps.split(' '))
    spawnSync(process.execPath, ['--import', 'tsx', fileURLToPath(import.meta.url), first, next, folder], {
      stdio: 'inherit',
    })
  rmSync(folder, { recursive: true, force: true })
}
