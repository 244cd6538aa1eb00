/** The sync path while the world misbehaves for real: kill -9, a full disk, a locked file, a database server that crashes. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DuckDBInstance } from '@duckdb/node-api'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { openSnapshots } from '../../src/snapshot/snapshots.ts'
import { snapshotStore } from '../../src/snapshot/store.ts'
import { sync } from '../../src/sync/sync.ts'
import type { SyncRun } from '../../src/sync/sync-run.ts'
import type { StatePlace } from '../../src/sync/warehouse.ts'
import { openWarehouse, type WarehouseConfig } from '../../src/warehouse/open.ts'
import { startPostgres } from '../support/postgres.ts'
import { childEntity } from '../support/sync-child-entity.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'le-sync-fault-'))
  path = join(folder, 'warehouse.duckdb')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function sql(...statements: string[]): Promise<unknown[][]> {
  const instance = await DuckDBInstance.create(path)
  const connection = await instance.connect()
  try {
    let rows: unknown[][] = []
    for (const statement of statements) rows = (await connection.runAndReadAll(statement)).getRowsJson()
    return rows
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

const duckdb = (state: StatePlace): WarehouseConfig => ({
  type: 'duckdb',
  path,
  stateSchema: '_segment_reverse_etl',
  state,
})

async function run(config: WarehouseConfig = duckdb('warehouse'), dir = folder) {
  return sync({
    entity: childEntity,
    warehouse: await openWarehouse(config),
    store: snapshotStore({ dir }),
    clock: systemClock,
    tell: () => {},
    owner: 'test',
    signal: new AbortController().signal,
  })
}

function startChild(state: StatePlace): { readonly child: ChildProcess; readonly ended: Promise<string> } {
  const script = fileURLToPath(new URL('../support/sync-child.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', script, path, folder, state], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout?.on('data', (data) => {
    output += data
  })
  return { child, ended: new Promise((resolve) => child.once('exit', () => resolve(output))) }
}

const sums = 'SELECT count(*), sum(n), count(DISTINCT id) FROM products'

/** Count and sum of what is served, read through the event path's own reader. */
async function served(keys: readonly string[]): Promise<(string | undefined)[]> {
  const live = openSnapshots({ dir: folder, entities: ['product'], tell: () => {} })
  await live.refresh()
  const set = live.current()
  const found = keys.map((key) => set.of('product')?.get(key)?.text)
  set.release()
  live.close()
  return found
}

describe.each([
  { state: 'warehouse', finished: { reason: 'finished an interrupted run', updated: 0 } },
  { state: 'local', finished: { reason: 'changes', updated: 59_999 } },
] as const)('with the state kept by $state', ({ state, finished }) => {
  test('a sync that is killed in the middle of a build leaves the old version serving, and the next one finishes', async () => {
    await sql(`CREATE TABLE products AS SELECT i AS id, 0 AS n, repeat('x', 200) AS filler FROM range(60000) r(i)`)
    expect((await run(duckdb(state))).result).toBe('success')
    await sql('UPDATE products SET n = 1', 'DELETE FROM products WHERE id = 5')
    const { child, ended } = startChild(state)
    const snapshots = join(folder, 'snapshots', 'product')
    while (!readdirSync(snapshots).some((name) => name.endsWith('.building'))) {
      expect(child.exitCode).toBeNull()
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    child.kill('SIGKILL')
    await ended
    expect(readdirSync(snapshots).some((name) => name.endsWith('.building'))).toBe(true)
    expect((await served(['5', '6'])).map((row) => row?.slice(0, 14))).toEqual(['{"id":5,"n":0,', '{"id":6,"n":0,'])
    expect(await run(duckdb(state))).toMatchObject({ result: 'success', ...finished, rows: 59_999 })
    expect((await served(['5', '6'])).map((row) => row?.slice(0, 14))).toEqual([undefined, '{"id":6,"n":1,'])
    expect(readdirSync(snapshots).filter((name) => !/^\d+\.(?:json|sqlite)$/.test(name))).toEqual([])
  })

  test('syncs that are killed at any time never leave anything but the old or the new version', async () => {
    await sql(`CREATE TABLE products AS SELECT i AS id, 0 AS n FROM range(20000) r(i)`)
    expect((await run(duckdb(state))).result).toBe('success')
    for (let round = 1; round <= 8; round++) {
      await sql(`UPDATE products SET n = ${round}`)
      const { child, ended } = startChild(state)
      const wait = 350 + Math.floor(Math.random() * 700)
      const timer = setTimeout(() => child.kill('SIGKILL'), wait)
      await ended
      clearTimeout(timer)
      const [first, last] = await served(['0', '19999'])
      const before = [`{"id":0,"n":${round - 1}}`, `{"id":19999,"n":${round - 1}}`]
      const after = [`{"id":0,"n":${round}}`, `{"id":19999,"n":${round}}`]
      expect([before, after], `killed after ${wait} ms`).toContainEqual([first, last])
      expect((await run(duckdb(state))).error, `killed after ${wait} ms`).toBeNull()
      expect(await served(['0', '19999'])).toEqual(after)
    }
    expect(await sql(sums)).toEqual([['20000', '160000', '20000']])
  })
})

test('a DuckDB file that another process holds is busy, and that is worth another try', async () => {
  await sql('CREATE TABLE products AS SELECT 1 AS id')
  const holder = spawn(process.execPath, [
    '-e',
    `import('@duckdb/node-api').then(async ({ DuckDBInstance }) => { await DuckDBInstance.create(${JSON.stringify(path)}); console.log('held'); setInterval(() => {}, 1000) })`,
  ])
  await new Promise((resolve) => holder.stdout.once('data', resolve))
  const busy: SyncRun = await run()
  holder.kill('SIGKILL')
  await new Promise((resolve) => holder.once('exit', resolve))
  expect(busy).toMatchObject({ result: 'failed', error: { code: 'WAREHOUSE_BUSY' } })
  expect((await run()).result).toBe('success')
})

test('a DuckDB file that is missing or is none is unavailable', async () => {
  expect(await run()).toMatchObject({ result: 'failed', error: { code: 'WAREHOUSE_UNAVAILABLE' } })
  expect(existsSync(path)).toBe(false)
  spawnSync('sh', ['-c', `head -c 20000 /dev/urandom > ${path}`])
  expect(await run()).toMatchObject({ result: 'failed', error: { code: 'WAREHOUSE_UNAVAILABLE' } })
})

test('a full disk is an error that says so, the old version goes on serving, and room makes it go on', async ({
  skip,
}) => {
  const small = join(folder, 'small')
  mkdirSync(small)
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', small])
  if (mounted.status !== 0) skip('needs the right to mount a small tmpfs')
  try {
    await sql(`CREATE TABLE products AS SELECT i AS id, 0 AS n, repeat('x', 100) AS filler FROM range(8000) r(i)`)
    expect((await run(undefined, small)).result).toBe('success')
    await sql(`INSERT INTO products SELECT i, 1, repeat('y', 200) FROM range(8000, 40000) r(i)`)
    expect(await run(undefined, small)).toMatchObject({
      result: 'failed',
      version: 1,
      rows: 8000,
      error: { code: 'DISK_FULL' },
    })
    expect(await snapshotStore({ dir: small }).verify()).toMatchObject([{ version: 1, ok: true }])
    spawnSync('mount', ['-o', 'remount,size=60m', small])
    expect(await run(undefined, small)).toMatchObject({ result: 'success', rows: 40_000 })
  } finally {
    spawnSync('umount', [small])
  }
})

test('a PostgreSQL that crashes loses its unlogged baseline: the next run notices, and reads everything anew', async () => {
  const server = await startPostgres({ fsync: true })
  try {
    const config: WarehouseConfig = { type: 'postgres', url: server.url, stateSchema: '_segment_reverse_etl' }
    const query = async (text: string) => {
      const client = new pg.Client(server.url)
      await client.connect()
      const { rows } = await client.query(text)
      await client.end()
      return rows
    }
    await query('CREATE TABLE products AS SELECT i AS id, i AS n FROM generate_series(1, 100) r(i)')
    expect(await run(config)).toMatchObject({ result: 'success', epoch: 1 })
    await server.crash()
    await query('DELETE FROM products WHERE id = 7')
    expect(await run(config)).toMatchObject({
      result: 'success',
      reason: 'warehouse state is damaged',
      epoch: 2,
      rows: 99,
    })
    expect(await served(['7', '8'])).toEqual([undefined, '{"id":8,"n":8}'])
  } finally {
    await server.stop()
  }
})

test('a PostgreSQL that goes away is unavailable, and a right that is missing is denied with the line that grants it', async () => {
  const server = await startPostgres()
  const config: WarehouseConfig = { type: 'postgres', url: server.url, stateSchema: '_segment_reverse_etl' }
  let stopped = false
  try {
    const admin = new pg.Client(server.url)
    await admin.connect()
    await admin.query('CREATE SCHEMA shop; CREATE TABLE shop.products (id INTEGER); CREATE TABLE products (id INTEGER)')
    await admin.query(`CREATE ROLE reader LOGIN; REVOKE CREATE ON DATABASE postgres FROM PUBLIC`)
    const url = Object.assign(new URL(server.url), { username: 'reader' }).href
    const reader: WarehouseConfig = { ...config, url }
    const entities = [{ ...childEntity, tableRef: 'shop.products' }]
    const lines = async () =>
      (await (await openWarehouse(reader)).checks(entities)).map(({ ok, fix }) => (ok ? ok : fix))
    expect(await lines()).toEqual([
      true,
      'GRANT USAGE ON SCHEMA "shop" TO "reader"; GRANT SELECT ON "shop"."products" TO "reader";',
      'GRANT CREATE ON DATABASE "postgres" TO "reader";',
    ])
    expect((await run(reader)).error).toMatchObject({ code: 'WAREHOUSE_DENIED' })
    for (const fix of await lines()) if (typeof fix === 'string') await admin.query(fix)
    expect(await lines()).toEqual([true, true, true])
    await admin.end()
    await server.stop()
    stopped = true
    expect((await run(config)).error).toMatchObject({ code: 'WAREHOUSE_UNAVAILABLE' })
    expect((await (await openWarehouse(config)).checks(entities)).map(({ ok }) => ok)).toEqual([false])
  } finally {
    if (!stopped) await server.stop()
  }
})
