/** A small world for sync tests: a warehouse with one table, its model in memory, a state directory, and faults at every port call. */
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { LinkedEventsError } from '../../src/errors.ts'
import { RowLayout, Row as StoredRow } from '../../src/row-text.ts'
import { snapshotPath } from '../../src/snapshot/manifest.ts'
import { type LocalSnapshotStore, snapshotStore } from '../../src/snapshot/store.ts'
import type { EntityPlan } from '../../src/sync/entity-plan.ts'
import type { SyncOptions } from '../../src/sync/run.ts'
import { syncKeyOf } from '../../src/sync/source.ts'
import type { SnapshotStore } from '../../src/sync/store.ts'
import { sync } from '../../src/sync/sync.ts'
import type { SyncRun } from '../../src/sync/sync-run.ts'
import type { StatePlace, Warehouse, WarehouseSession } from '../../src/sync/warehouse.ts'
import { openWarehouse } from '../../src/warehouse/open.ts'
import { type Peer, stateSchema } from './peer.ts'
import { startDuckDBPeer } from './peers/duckdb.ts'
import type { World } from './sync-model.ts'

export type Row = readonly [text: string | null, big: bigint | null, amount: string | null, flag: boolean | null]

export class SyncWorld implements World {
  readonly folder = mkdtempSync(join(tmpdir(), 'le-sync-'))
  readonly #peer: Peer
  readonly #stop: boolean
  readonly store: LocalSnapshotStore = snapshotStore({ dir: this.folder })
  readonly model = new Map<string, Row>()
  now = Date.parse('2026-01-01T00:00:00Z')
  readonly entity: EntityPlan = {
    slug: 'product',
    tableRef: 'products',
    primaryKey: 'id',
    columns: null,
    duplicates: 'fail',
    versions: 2,
    installId: 'test',
  }

  readonly #state: StatePlace
  /** DuckDB gives a file that is read to nobody who would write it. */
  readonly isExclusive: boolean

  private constructor(parts: { peer: Peer; stop: boolean; state: StatePlace }) {
    this.#peer = parts.peer
    this.#stop = parts.stop
    this.#state = parts.state
    this.isExclusive = parts.state === 'local' && parts.peer.config.type === 'duckdb'
  }

  /** In a warehouse that is there, or in a DuckDB file of its own. */
  static async create(options: { readonly peer?: Peer; readonly state?: StatePlace } = {}): Promise<SyncWorld> {
    const { peer = await startDuckDBPeer(), state = 'warehouse' } = options
    const world = new SyncWorld({ peer, stop: options.peer === undefined, state })
    await world.sql(
      'CREATE TABLE "products" ("id" VARCHAR, "text" VARCHAR, "big" BIGINT, "amount" DECIMAL(20,4), "flag" BOOLEAN)',
    )
    return world
  }

  async remove(): Promise<void> {
    rmSync(this.folder, { recursive: true, force: true })
    if (this.#stop) return this.#peer.stop()
    await this.sql('DROP TABLE IF EXISTS "products"')
    await this.dropState()
  }

  dropState(): Promise<void> {
    return this.#peer.dropState()
  }

  /** Drops baseline and delta, and leaves the pointer. */
  async dropTables(): Promise<void> {
    for (const table of (await this.#peer.state()) ?? [])
      if (!table.startsWith('checkpoint_')) await this.sql(`DROP TABLE "${stateSchema}"."${table}"`)
  }

  async loseBaselineRow(): Promise<void> {
    const generations = ((await this.#peer.state()) ?? []).filter((table) => table.startsWith('records_'))
    for (const table of generations.map((name) => `"${stateSchema}"."${name}"`)) {
      // Two statements: Delta of open source takes no subquery in a DELETE.
      const [[least] = []] = await this.sql(`SELECT MIN(record_id) FROM ${table}`)
      if (typeof least === 'string') await this.sql(`DELETE FROM ${table} WHERE record_id = ${literal(least)}`)
    }
  }

  async copyVersions(): Promise<void> {
    const [snapshots, copy] = this.#versionFolders()
    rmSync(copy, { recursive: true, force: true })
    if (existsSync(snapshots)) cpSync(snapshots, copy, { recursive: true })
  }

  async restoreVersions(): Promise<void> {
    const [snapshots, copy] = this.#versionFolders()
    rmSync(snapshots, { recursive: true, force: true })
    if (existsSync(copy)) cpSync(copy, snapshots, { recursive: true })
  }

  async loseVersion(): Promise<void> {
    const current = await this.store.current(this.entity.slug)
    if (current) rmSync(join(this.#versionFolders()[0], this.entity.slug, `${current.version}.json`))
  }

  #versionFolders(): [snapshots: string, copy: string] {
    return [join(this.folder, 'snapshots'), join(this.folder, 'copy')]
  }

  /** Runs statements as another program would. */
  sql(...statements: string[]): Promise<unknown[][]> {
    return this.#peer.sql(...statements)
  }

  /** Puts and removes rows, in the table and in the model. */
  async change(rows: ReadonlyMap<string, Row | null>): Promise<void> {
    if (rows.size === 0) return
    const inserts: string[] = []
    for (const [key, row] of rows) {
      this.model.delete(key)
      if (row === null) continue
      const [text, big, amount, flag] = row
      const cast = (value: unknown, type: string) => (value === null ? 'NULL' : `CAST('${value}' AS ${type})`)
      inserts.push(
        `(${literal(key)}, ${literal(text)}, ${cast(big, 'BIGINT')}, ${cast(amount, 'DECIMAL(20,4)')}, ${flag ?? 'NULL'})`,
      )
      this.model.set(key, row)
    }
    await this.sql(`DELETE FROM "products" WHERE "id" IN (${[...rows.keys()].map(literal).join(', ')})`)
    if (inserts.length > 0) await this.sql(`INSERT INTO "products" VALUES ${inserts.join(', ')}`)
  }

  async sync(options: Partial<SyncOptions> = {}): Promise<SyncRun> {
    this.now += 60_000
    return sync({
      entity: this.entity,
      warehouse: await this.warehouse(),
      store: this.store,
      clock: { now: () => this.now, sleep: async () => {} },
      tell: () => {},
      owner: 'test',
      signal: new AbortController().signal,
      ...options,
    })
  }

  warehouse(): Promise<Warehouse> {
    const { config, reader } = this.#peer
    return openWarehouse(this.#state === 'local' ? { ...reader, state: 'local' } : config)
  }

  /** What the newest version holds, read without our own reader. */
  async snapshot(): Promise<Map<string, string>> {
    const current = await this.store.current(this.entity.slug)
    if (current === null) return new Map()
    const database = new Database(snapshotPath(this.folder, this.entity.slug, current.version), { readonly: true })
    try {
      const sql = 'SELECT key, row FROM entity UNION ALL SELECT key, row FROM collided'
      const heads = database.prepare('SELECT head FROM layout ORDER BY place').pluck().all() as string[]
      const rows = database.prepare(sql).raw().all() as [string, string][]
      return new Map(rows.map(([key, values]) => [key, new StoredRow(new RowLayout(heads), values).text]))
    } finally {
      database.close()
    }
  }

  /** What it should hold. */
  expected(): Map<string, string> {
    return new Map([...this.model].map(([key, row]) => [key, expectedRow(key, row)]))
  }

  /** Everything that must hold after a run that succeeded; a list of what does not. */
  async violations(): Promise<string[]> {
    const found: string[] = []
    const [snapshot, expected] = [await this.snapshot(), this.expected()]
    for (const [key, row] of expected) {
      if (snapshot.get(key) !== row) found.push(`${JSON.stringify(key)}: ${snapshot.get(key)} instead of ${row}`)
    }
    for (const key of snapshot.keys()) if (!expected.has(key)) found.push(`ghost ${JSON.stringify(key)}`)
    const tables = (await this.#peer.state()) ?? []
    if (this.#state === 'local') return [...found, ...tables.map((table) => `written in the warehouse: ${table}`)]
    const pointer = `checkpoint_${await syncKeyOf(this.entity)}`
    const pointers = await this.sql(
      `SELECT gen_table, n_total, delta_table, epoch, seq FROM "${stateSchema}"."${pointer}"`,
    )
    const [generation, total, delta, epoch, seq] = pointers[0] ?? []
    if (pointers.length !== 1) found.push(`${pointers.length} checkpoints`)
    if (delta !== null) found.push(`delta ${delta} is left`)
    for (const table of tables) if (table !== pointer && table !== generation) found.push(`orphan ${table}`)
    const [[rows, keys] = []] = await this.sql(
      `SELECT count(*), count(DISTINCT record_id) FROM "${stateSchema}"."${generation}"`,
    )
    if (String(rows) !== String(keys) || String(rows) !== String(total) || Number(rows) !== expected.size)
      found.push(`baseline of ${rows} rows, ${keys} keys, ${total} in the checkpoint; the table has ${expected.size}`)
    const current = await this.store.current(this.entity.slug)
    if (current?.epoch !== Number(epoch) || current?.seq !== Number(seq)) found.push('snapshot and checkpoint differ')
    return found
  }
}

/** A row as a snapshot should have it, written without our own encoder. */
export function expectedRow(key: string, [text, big, amount, flag]: Row): string {
  return `{"id":${JSON.stringify(key)},"text":${JSON.stringify(text)},"big":${big},"amount":${amount === null ? null : plain(amount)},"flag":${flag}}`
}

function literal(text: string | null): string {
  return text === null ? 'NULL' : `'${text.replaceAll("'", "''")}'`
}

function plain(amount: string): string {
  const cut = amount.includes('.') ? amount.replace(/0+$/, '').replace(/\.$/, '') : amount
  return cut === '-0' ? '0' : cut
}

/** The process has died: no more of its calls happen. */
export class Crash extends Error {}

/**
 * `before`: dies before the call. `after`: dies after it. `lost`: the call is done, its answer is an error, the process
 * lives on. `refused`: the call is not done, its answer is an error.
 */
export type Fault = 'before' | 'after' | 'lost' | 'refused'

export interface FaultPlan {
  readonly at: number
  readonly fault: Fault
  /** Awaited before the call, if given. */
  readonly meanwhile?: () => Promise<void>
}

/** The ports with one fault at one call; `calls` names them in order. */
export function faulty<T extends object>(
  world: { readonly warehouse: Warehouse; readonly store: SnapshotStore; readonly topic?: T },
  plan: FaultPlan | null,
): { warehouse: Warehouse; store: SnapshotStore; topic: T; calls: string[] } {
  const calls: string[] = []
  let dead = false
  const around = async <T>(name: string, call: () => Promise<T>): Promise<T> => {
    if (dead) throw new Crash('dead')
    const index = calls.push(name) - 1
    if (plan === null || index !== plan.at) return call()
    await plan.meanwhile?.()
    if (plan.fault === 'before') dead = true
    if (dead) throw new Crash(`before ${name}`)
    const refused = new LinkedEventsError('WAREHOUSE_UNAVAILABLE', `${plan.fault}: ${name}`)
    if (plan.fault === 'refused') throw refused
    const result = await call()
    if (plan.fault === 'lost') throw refused
    dead = plan.meanwhile === undefined
    if (dead) throw new Crash(`after ${name}`)
    return result
  }
  // Whoever goes through meanwhile waits for the build that reads these pages.
  const streamed = plan?.meanwhile === undefined ? ['changes', 'rows'] : []
  async function* pages(name: string, all: AsyncIterable<unknown>): AsyncGenerator {
    for await (const page of all) yield await around(`a page of ${name}`, async () => page)
  }
  const wrap = <T extends object>(target: T, plain: readonly string[]): T =>
    new Proxy(target, {
      get(object, property) {
        const value = Reflect.get(object, property) as unknown
        if (typeof value !== 'function') return value
        const bound = value.bind(object) as (...args: unknown[]) => unknown
        if (streamed.includes(String(property)))
          return (...args: unknown[]) => pages(String(property), bound(...args) as AsyncIterable<unknown>)
        if (plain.includes(String(property))) return bound
        return (...args: unknown[]) => around(String(property), async () => bound(...args))
      },
    })
  const warehouse: Warehouse = {
    ...world.warehouse,
    async session(signal) {
      let opened: WarehouseSession | null = null
      try {
        return await around('session', async () => {
          opened = await world.warehouse.session(signal)
          return wrap<WarehouseSession>(opened, ['close', 'changes', 'rows', 'bytesScanned'])
        })
      } catch (error) {
        await (opened as WarehouseSession | null)?.close() // a process that has died holds nothing open
        throw error
      }
    },
  }
  return { warehouse, store: wrap(world.store, []), topic: wrap(world.topic ?? ({} as T), []), calls }
}
