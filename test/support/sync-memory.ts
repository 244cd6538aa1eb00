/**
 * A warehouse and a snapshot store in memory, for thousands of schedules of the sync: every call of the ports is one
 * atomic statement, as the adapters promise it. `weakened` leaves promises out, to see that a schedule notices.
 */
import { LinkedEventsError } from '../../src/errors.ts'
import type { Checkpoint } from '../../src/sync/checkpoint.ts'
import type { EntityPlan } from '../../src/sync/entity-plan.ts'
import type { SyncOptions } from '../../src/sync/run.ts'
import type { SnapshotStore, StoredRows, StoredVersion, VersionOrder } from '../../src/sync/store.ts'
import { sync } from '../../src/sync/sync.ts'
import type { SyncRun } from '../../src/sync/sync-run.ts'
import type { Change, Column, Table, Warehouse, WarehouseSession } from '../../src/sync/warehouse.ts'
import type { World } from './sync-model.ts'
import { expectedRow, type Row } from './sync-world.ts'

/** A promise that is not kept. */
export type Weakness = 'swap ignores the fence' | 'probe is read late' | 'publish ignores what it is built on'

const column = (name: string, kind: Column['kind']): Column => ({ name, kind, type: kind })
const key = column('id', 'text')
const columns = [
  column('text', 'text'),
  column('big', 'integer'),
  column('amount', 'decimal'),
  column('flag', 'boolean'),
]
const table: Table = { ref: 'products', view: false, columns: [key, ...columns], engine: 'memory 1' }
const allRows = async function* <T>(rows: readonly T[]) {
  for (let at = 0; at < rows.length; at += 5) yield rows.slice(at, at + 5)
}

export class MemoryWorld implements World {
  readonly model = new Map<string, Row>()
  readonly store: MemoryStore
  readonly isExclusive = false
  readonly #state = new Map<string, ReadonlyMap<string, string>>()
  readonly #deltas = new Map<string, readonly (readonly [Change, string])[]>()
  readonly #weak: Weakness | null
  #checkpoint: Checkpoint | null = null
  #revision = 0
  #now = Date.parse('2026-01-01T00:00:00Z')
  readonly entity: EntityPlan = {
    slug: 'product',
    tableRef: table.ref,
    primaryKey: key.name,
    columns: null,
    duplicates: 'fail',
    versions: 2,
    installId: 'test',
  }

  constructor(weak: Weakness | null = null) {
    this.#weak = weak
    this.store = new MemoryStore(weak)
  }

  async change(rows: ReadonlyMap<string, Row | null>): Promise<void> {
    this.#revision++
    for (const [id, row] of rows) {
      if (row === null) this.model.delete(id)
      else this.model.set(id, row)
    }
  }

  async sync(options: Partial<SyncOptions> = {}): Promise<SyncRun> {
    this.#now += 60_000
    return sync({
      entity: this.entity,
      warehouse: await this.warehouse(),
      store: this.store,
      clock: { now: () => this.#now, sleep: async () => {} },
      tell: () => {},
      owner: 'test',
      signal: new AbortController().signal,
      ...options,
    })
  }

  async warehouse(): Promise<Warehouse> {
    return {
      type: 'memory',
      state: 'warehouse',
      session: async () => this.#session(),
      checks: async () => [],
      close: async () => {},
    }
  }

  async dropState(): Promise<void> {
    this.#checkpoint = null
    await this.dropTables()
  }

  async dropTables(): Promise<void> {
    this.#state.clear()
    this.#deltas.clear()
  }

  async loseBaselineRow(): Promise<void> {
    const generation = this.#state.get(this.#checkpoint?.generation ?? '')
    if (generation !== undefined) this.#state.set(this.#checkpoint!.generation, new Map([...generation].slice(1)))
  }

  async copyVersions(): Promise<void> {
    this.store.copy()
  }
  async restoreVersions(): Promise<void> {
    this.store.restore()
  }
  async loseVersion(): Promise<void> {
    this.store.lose()
  }
  async remove(): Promise<void> {}

  async violations(): Promise<string[]> {
    const found: string[] = []
    const snapshot = this.store.rows()
    for (const [id, row] of this.model)
      if (snapshot.get(id) !== expectedRow(id, row)) found.push(`${JSON.stringify(id)}: ${snapshot.get(id)}`)
    for (const id of snapshot.keys()) if (!this.model.has(id)) found.push(`ghost ${JSON.stringify(id)}`)
    const checkpoint = this.#checkpoint
    if (checkpoint === null) return [...found, 'no checkpoint']
    if (checkpoint.delta !== null) found.push(`delta ${checkpoint.delta} is left`)
    for (const name of [...this.#state.keys(), ...this.#deltas.keys()])
      if (name !== checkpoint.generation) found.push(`orphan ${name}`)
    const baseline = this.#state.get(checkpoint.generation)
    if (baseline?.size !== this.model.size || checkpoint.rows !== this.model.size)
      found.push(
        `baseline of ${baseline?.size} rows, ${checkpoint.rows} in the checkpoint, ${this.model.size} in the table`,
      )
    const current = await this.store.current()
    if (current?.epoch !== checkpoint.epoch || current.seq !== checkpoint.seq)
      found.push('snapshot and checkpoint differ')
    return found
  }

  #session(): WarehouseSession {
    const differences = (generation: string | null): (readonly [Change, string])[] => {
      const before = generation === null ? new Map<string, string>() : this.#table(generation)
      const changes: (readonly [Change, string])[] = []
      for (const [id, row] of this.model) {
        const [texts, checksum] = canonical(row)
        const old = before.get(id)
        if (old !== checksum) changes.push([[old === undefined ? 'A' : 'U', id, ...texts], checksum])
      }
      for (const id of before.keys()) if (!this.model.has(id)) changes.push([['D', id, null, null, null, null], ''])
      return changes.sort(([a], [b]) => (a[1] < b[1] ? -1 : 1))
    }
    const counts = (changes: readonly (readonly [Change, string])[]) => {
      const of = (op: string) => changes.filter(([change]) => change[0] === op).length
      return { added: of('A'), updated: of('U'), deleted: of('D') }
    }
    return {
      table: async () => table,
      probe: async () => String(this.#revision),
      checkKeys: async () => ({ rows: this.model.size, nullKeys: 0, duplicateKeys: 0, examples: [] }),
      countChanges: async (_, generation) => counts(differences(generation)),
      digests: () => notHere(),
      rows: () => allRows(differences(null).map(([change]) => change)),
      createState: async () => {},
      checkpoint: async () => this.#checkpoint,
      insert: async (checkpoint) => {
        if (this.#checkpoint !== null) throw new LinkedEventsError('WAREHOUSE_QUERY', 'the table is there already')
        this.#checkpoint = checkpoint
      },
      swap: async (expected, next) => {
        const held = this.#checkpoint
        const fenced = this.#weak !== 'swap ignores the fence' && held?.fence !== expected.fence
        if (held === null || held.seq !== expected.seq || fenced) return
        const late = this.#weak === 'probe is read late' && next.probe !== null
        this.#checkpoint = late ? { ...next, probe: String(this.#revision) } : next
      },
      forget: () => this.dropState(),
      createGeneration: async (name) => this.#create(name, new Map()),
      createDelta: async (_, { generation, delta }) => {
        const changes = differences(generation)
        this.#deltas.set(delta, changes)
        return counts(changes)
      },
      createNextGeneration: async ({ generation, delta, next }) => {
        const rows = new Map(this.#table(generation))
        for (const [[op, id], checksum] of this.#delta(delta)) {
          if (op === 'D') rows.delete(id)
          else rows.set(id, checksum)
        }
        this.#create(next, rows)
      },
      changes: (delta) => allRows(this.#delta(delta).map(([change]) => change)),
      count: async (name) => this.#state.get(name)?.size ?? this.#deltas.get(name)?.length ?? null,
      stateTables: async (syncKey) =>
        [...this.#state.keys(), ...this.#deltas.keys()].filter((name) => name.includes(syncKey)),
      drop: async (name) => {
        this.#state.delete(name)
        this.#deltas.delete(name)
      },
      estimate: async () => null,
      bytesScanned: () => null,
      close: async () => {},
    }
  }

  #create(name: string, rows: ReadonlyMap<string, string>): void {
    if (this.#state.has(name)) throw new LinkedEventsError('WAREHOUSE_QUERY', `there is a table ${name} already`)
    this.#state.set(name, rows)
  }
  #table(name: string): ReadonlyMap<string, string> {
    const found = this.#state.get(name)
    if (found === undefined) throw new LinkedEventsError('TABLE_MISSING', `there is no table ${name}`)
    return found
  }
  #delta(name: string): readonly (readonly [Change, string])[] {
    const found = this.#deltas.get(name)
    if (found === undefined) throw new LinkedEventsError('TABLE_MISSING', `there is no table ${name}`)
    return found
  }
}

function notHere(): never {
  throw new Error('an audit is not part of the schedules')
}

function canonical([text, big, amount, flag]: Row): [(string | null)[], string] {
  const texts = [text, big === null ? null : String(big), amount, flag === null ? null : String(flag)]
  return [texts, JSON.stringify(texts)]
}

interface Version extends StoredVersion {
  readonly content: ReadonlyMap<string, string>
}

/** Keeps what `snapshot/store.ts` promises, without files. */
class MemoryStore implements SnapshotStore {
  readonly #weak: Weakness | null
  #versions: readonly Version[] = []
  #copied: readonly Version[] = []

  constructor(weak: Weakness | null) {
    this.#weak = weak
  }

  async current(): Promise<StoredVersion | null> {
    return this.#versions.at(-1) ?? null
  }

  async publish(order: VersionOrder): Promise<StoredVersion> {
    const base = this.#versions.at(-1)
    const content = new Map(order.base === 'current' ? base?.content : [])
    for await (const page of order.changes)
      for (const { key: id, row } of page) {
        if (row === null) content.delete(id)
        else content.set(id, row)
      }
    if (this.#versions.at(-1) !== base) throw new LinkedEventsError('SYNC_LOST', 'another run has published')
    const { epoch, lineage, seq, asOf, configHash, probe } = order
    if (this.#weak !== 'publish ignores what it is built on') {
      const follows = base?.lineage === lineage && base.seq === seq - 1
      if (order.base === 'current' && base === undefined) throw new LinkedEventsError('SNAPSHOT_CORRUPT', 'no version')
      if (order.base === 'current' && !follows) throw new LinkedEventsError('SYNC_LOST', 'another run has published')
      if (content.size !== order.rows()) throw new LinkedEventsError('SNAPSHOT_CORRUPT', 'rows differ')
    }
    const version = {
      version: (base?.version ?? 0) + 1,
      epoch,
      lineage,
      seq,
      rows: order.rows(),
      asOf,
      configHash,
      probe,
      content,
    }
    this.#versions = [...this.#versions, version].slice(-order.keep)
    return version
  }

  async confirm(): Promise<void> {}

  async read(): Promise<StoredRows | null> {
    return notHere()
  }

  rows(): ReadonlyMap<string, string> {
    return this.#versions.at(-1)?.content ?? new Map()
  }
  copy(): void {
    this.#copied = this.#versions
  }
  restore(): void {
    this.#versions = this.#copied
  }
  lose(): void {
    this.#versions = this.#versions.slice(0, -1)
  }
}
