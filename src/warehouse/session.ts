/** The sync's session over any SQL warehouse: the shared statements, spelled by a dialect, run by a driver. */
import { LinkedEventsError } from '../errors.ts'
import type { Checkpoint } from '../sync/checkpoint.ts'
import type {
  BucketDigest,
  Buckets,
  Change,
  ChangeCounts,
  CreatedDelta,
  KeyCheck,
  Source,
  SourceDigests,
  Table,
  WarehouseSession,
} from '../sync/warehouse.ts'
import type { Cell, Connection } from './dialect.ts'
import * as sql from './sql.ts'

export class SqlSession implements WarehouseSession {
  readonly #connection: Connection
  constructor(connection: Connection) {
    this.#connection = connection
  }

  table(ref: string): Promise<Table> {
    return this.#connection.table(ref)
  }

  probe(source: Source): Promise<string | null> {
    return this.#connection.probe(source)
  }

  async checkKeys(source: Source): Promise<KeyCheck> {
    const { dialect, driver } = this.#connection
    const [row] = await driver.rows(sql.countKeys(dialect, source))
    const [rows, keys, different] = (row ?? []).map(Number) as [number, number, number]
    const checked = { rows, nullKeys: rows - keys, duplicateKeys: 0, examples: [] }
    if (keys === different) return checked
    const found = await driver.rows(sql.duplicateKeys(dialect, source))
    return { ...checked, duplicateKeys: Number(found[0]?.[0] ?? 0), examples: found.map(([, key]) => key ?? '') }
  }

  async estimate(source: Source): Promise<number | null> {
    const { dialect, estimate } = this.#connection
    if (estimate === undefined) return null
    const keys = await estimate(sql.countKeys(dialect, source))
    return keys + (await estimate(sql.selectRows(dialect, source, { rows: this.#sourceRows(source), only: null })))
  }

  async countChanges(source: Source, generation: string | null): Promise<ChangeCounts> {
    const { dialect, driver } = this.#connection
    const rows = this.#connection.checksums?.(source) ?? this.#sourceRows(source)
    return counts(await driver.rows(sql.countDifferences(dialect, rows, generation)))
  }

  async digests(source: Source, buckets: number): Promise<SourceDigests> {
    const { dialect, driver } = this.#connection
    const found = await driver.rows(sql.selectDigests(dialect, source, { rows: this.#sourceRows(source), buckets }))
    const examples: string[][] = [source.key, ...source.columns].map(() => [])
    const columns = sql.exampleColumns(source)
    for (const row of found)
      for (const [at, { index }] of columns.entries()) {
        const text = row[sql.digestCells + at]
        if (typeof text === 'string') examples[index]!.push(text)
      }
    const digests = found.map(([bucket, rows, ...rest]): [number, BucketDigest] => [
      Number(bucket),
      { rows: Number(rows), digest: rest.slice(0, sql.digestCells - 2).join('.') },
    ])
    return { buckets: new Map(digests), examples }
  }

  rows(source: Source, only: Buckets | null): AsyncIterable<readonly Change[]> {
    const { dialect, driver } = this.#connection
    const statement = sql.selectRows(dialect, source, { rows: this.#sourceRows(source), only })
    const own = this.#connection.changePages?.(statement, source.columns.length)
    return own ?? (driver.pages(statement) as AsyncIterable<readonly Change[]>)
  }

  createState(): Promise<void> {
    return this.#connection.createSchema()
  }

  async checkpoint(syncKey: string): Promise<Checkpoint | null> {
    const { dialect, driver } = this.#connection
    const rows = await missingIsNull(driver.rows(sql.selectCheckpoint(dialect, syncKey)))
    if (rows === null || rows[0] === undefined) return null
    if (rows.length === 1) return sql.checkpointOf(rows[0])
    throw new LinkedEventsError('WAREHOUSE_QUERY', `the checkpoint table of this entity has ${rows.length} rows`, {
      hint: 'somebody has edited the state schema: run `linked-events sync reset ENTITY`, then sync again',
    })
  }

  insert(checkpoint: Checkpoint): Promise<void> {
    return this.#run(sql.insertCheckpoint(this.#connection.dialect, checkpoint))
  }

  swap(expected: { seq: number; fence: number }, next: Checkpoint): Promise<void> {
    return this.#run(sql.swapCheckpoint(this.#connection.dialect, expected, next))
  }

  async forget(syncKey: string): Promise<void> {
    await missingIsNull(this.drop(sql.checkpointTable(syncKey)))
    for (const name of await this.stateTables(syncKey)) await this.drop(name)
  }

  createGeneration(name: string): Promise<void> {
    return this.#run(sql.createGeneration(this.#connection.dialect, name))
  }

  async createDelta(source: Source, names: { generation: string; delta: string }): Promise<CreatedDelta> {
    const { dialect, driver } = this.#connection
    const own = this.#connection.createDelta
    const probe = own === undefined ? null : await own(source, names)
    if (own === undefined) await this.#run(sql.createDelta(dialect, source, names))
    const counted = counts(await driver.rows(sql.countDelta(dialect, names.delta)))
    return probe === null ? counted : { ...counted, probe }
  }

  async createNextGeneration(names: { generation: string; delta: string; next: string }): Promise<void> {
    await this.#run(sql.createNextGeneration(this.#connection.dialect, names))
    await this.#connection.created?.(names.next)
  }

  changes(delta: string, columns: number, order: 'any' | 'by key'): AsyncIterable<readonly Change[]> {
    const { dialect, driver } = this.#connection
    const own = this.#connection.changes?.(delta, columns, order)
    return own ?? (driver.pages(sql.selectDelta(dialect, delta, columns)) as AsyncIterable<readonly Change[]>)
  }

  async count(name: string): Promise<number | null> {
    const { dialect, driver } = this.#connection
    const rows = await missingIsNull(driver.rows(`SELECT COUNT(*) FROM ${dialect.state(name)}`))
    return rows === null ? null : Number(rows[0]?.[0])
  }

  async stateTables(syncKey: string): Promise<readonly string[]> {
    const { dialect, driver } = this.#connection
    const rows = (await missingIsNull(driver.rows(dialect.stateTables()))) ?? []
    const ours = new RegExp(`^(?:records|changes)_${syncKey}_`)
    return rows.flat().filter((name) => name !== null && ours.test(name)) as string[]
  }

  drop(name: string): Promise<void> {
    return this.#run(`DROP TABLE IF EXISTS ${this.#connection.dialect.state(name)}`)
  }

  bytesScanned(): number | null {
    return this.#connection.bytesScanned?.() ?? null
  }

  close(): Promise<void> {
    return this.#connection.driver.close()
  }

  #sourceRows(source: Source): string {
    return this.#connection.sourceRows?.(source) ?? sql.sourceRows(this.#connection.dialect, source)
  }

  async #run(statement: string): Promise<void> {
    await this.#connection.driver.rows(statement)
  }
}

function counts(rows: readonly Cell[][]): ChangeCounts {
  const by = new Map(rows.map(([op, number]) => [op, Number(number)]))
  return { added: by.get('A') ?? 0, updated: by.get('U') ?? 0, deleted: by.get('D') ?? 0 }
}

/** A state table, or the whole schema, that is not there (yet, or any more). */
async function missingIsNull<T>(result: Promise<T>): Promise<T | null> {
  try {
    return await result
  } catch (error) {
    if (error instanceof LinkedEventsError && error.code === 'TABLE_MISSING') return null
    throw error
  }
}
