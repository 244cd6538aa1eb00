/**
 * DuckDB, embedded: the state schema lies in the same database file as the tables. The file is open only while a session
 * is, so that others can write it; while it is open, nobody else can.
 */
import { existsSync } from 'node:fs'
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { LinkedEventsError } from '../errors.ts'
import type { Change, Column, Source, StatePlace } from '../sync/warehouse.ts'
import type { Cell, Connection, Dialect, Driver } from './dialect.ts'
import { describe } from './duckdb-table.ts'
import { literal, quote, quoteRef } from './identifier.ts'
import * as sql from './sql.ts'

export interface DuckDBConfig {
  readonly type: 'duckdb'
  readonly path: string
  readonly stateSchema: string
  readonly state?: StatePlace
}

/** The diff spills to disk beyond this; the process that enriches events lives beside it. */
export const databaseOptions = { threads: '2', memory_limit: '250MB', preserve_insertion_order: 'false' }

export async function connectDuckDB(config: DuckDBConfig, signal: AbortSignal): Promise<Connection> {
  if (!existsSync(config.path))
    throw new LinkedEventsError('WAREHOUSE_UNAVAILABLE', `there is no DuckDB file ${config.path}`, {
      hint: 'check warehouse.path; it is relative to the configuration file',
    })
  const driver = await DuckDBDriver.open(config, signal)
  const d = dialect(config.stateSchema)
  return {
    dialect: d,
    driver,
    table: (ref) => describe(driver, ref),
    createSchema: async () => void (await driver.rows(`CREATE SCHEMA IF NOT EXISTS ${quote(config.stateSchema)}`)),
    probe: (source) => probe(driver, d, source),
    checksums: (source) => checksums(source, d.from(source)),
    createDelta: (source, names) => createDelta(driver, d, source, names),
    sourceRows: (source) => sql.onceEach(source, withKey(source, allRows(source, d.from(source), text))),
    changes: (delta, columns, order) => changePages(driver, { from: d.state(delta), columns, order }),
    changePages: (statement, columns) => changePages(driver, { from: `(${statement}) p`, columns, order: 'any' }),
    grants: async () => ({
      select: () => `make ${config.path} readable for this user`,
      state: `make ${config.path} and its folder writable for this user`,
    }),
  }
}

class DuckDBDriver implements Driver {
  readonly #instance: DuckDBInstance
  readonly #connection: DuckDBConnection
  readonly #signal: AbortSignal
  readonly #path: string
  readonly #interrupt = () => this.#connection.interrupt()
  #closed = false

  private constructor(parts: {
    instance: DuckDBInstance
    connection: DuckDBConnection
    signal: AbortSignal
    path: string
  }) {
    this.#instance = parts.instance
    this.#connection = parts.connection
    this.#signal = parts.signal
    this.#path = parts.path
    this.#signal.addEventListener('abort', this.#interrupt)
  }

  static async open({ path, state }: DuckDBConfig, signal: AbortSignal): Promise<DuckDBDriver> {
    const { DuckDBInstance } = await import('@duckdb/node-api')
    try {
      // From the cache: two syncs of one process share the database, as DuckDB wants it.
      const instance = await DuckDBInstance.fromCache(path, {
        ...databaseOptions,
        ...(state === 'local' ? { access_mode: 'READ_ONLY' } : {}),
      })
      const connection = await instance.connect()
      await connection.run(`SET TimeZone = 'UTC'`)
      return new DuckDBDriver({ instance, connection, signal, path })
    } catch (error) {
      throw operatingError(error, path)
    }
  }

  async rows(statement: string): Promise<Cell[][]> {
    return this.#guard(async () => {
      const reader = await this.#connection.runAndReadAll(statement)
      return reader.getRowsJson().map((row) => row.map((cell) => (cell === null ? null : String(cell))))
    })
  }

  async *pages(statement: string): AsyncGenerator<Cell[][]> {
    const result = await this.#guard(() => this.#connection.stream(statement))
    // DuckDB computes the next chunk while the last one is worked on.
    const fetch = () => this.#guard(() => result.fetchChunk())
    let next = fetch()
    try {
      for (;;) {
        const chunk = await next
        if (chunk === null || chunk.rowCount === 0) return
        next = fetch()
        // Every column of these results is text, which DuckDB hands out as strings.
        yield chunk.getRows() as Cell[][]
      }
    } finally {
      await next.catch(() => {})
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#signal.removeEventListener('abort', this.#interrupt)
    this.#connection.closeSync()
    this.#instance.closeSync()
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    if (this.#signal.aborted) throw new LinkedEventsError('SYNC_CANCELLED', 'the sync was cancelled')
    try {
      return await work()
    } catch (error) {
      throw operatingError(error, this.#path)
    }
  }
}

function dialect(stateSchema: string): Dialect {
  return {
    type: 'duckdb',
    literal,
    stateSchema,
    state: (name) => `${quote(stateSchema)}.${quote(name)}`,
    types: { text: 'VARCHAR', integer: 'BIGINT', checksum: 'UBIGINT' },
    createAs: (table) => `CREATE TABLE ${table} AS`,
    createEmpty: (table) => `CREATE TABLE ${table}`,
    keyText,
    text,
    checksum,
    differs: (a, b) => `${a} IS DISTINCT FROM ${b}`,
    sha256: (text) => `sha256(${text})`,
    hexNumber: (digits) => `CAST('0x' || ${digits} AS BIGINT)`,
    byteOrder: (expression) => expression,
    from: (source) => quoteRef(source.table.ref),
    stateTables: () =>
      `SELECT table_name FROM duckdb_tables() WHERE schema_name = ${literal(stateSchema)} AND database_name = current_database()`,
  }
}

/** Compared by bytes: a collation of the table may take different keys for equal, and its copies would inherit it. */
function keyText(column: Column): string {
  const name = quote(column.name)
  if (column.kind === 'float') return `CASE WHEN ${name} = 0 THEN '0.0' ELSE CAST(${name} AS VARCHAR) END`
  return column.kind === 'text' ? `(CAST(${name} AS VARCHAR) COLLATE "C")` : text(column)
}

function text(column: Column): string {
  const name = quote(column.name)
  if (column.kind === 'binary') return `base64(${name})`
  if (column.kind === 'json' && column.type !== 'JSON') return `CAST(to_json(${name}) AS VARCHAR)`
  return `CAST(${name} AS VARCHAR)`
}

/**
 * DuckDB's own 64-bit hash of the native values: many times faster than one of their texts, and old is only ever compared
 * with new for the same key. Only types whose hash is known to tell their values apart: of whole numbers of 128 bits, and
 * decimals of more than 18 digits are such, it xors equal hashes of both halves, so that 0 and -1 have the same.
 */
function checksum(columns: readonly { readonly column: Column }[]): string {
  return columns.length === 0 ? 'CAST(0 AS UBIGINT)' : `hash(${columns.map(({ column }) => hashed(column)).join(', ')})`
}

const toldApart =
  /^(?:BOOLEAN|U?(?:TINYINT|SMALLINT|INTEGER|BIGINT)|DECIMAL\((?:\d|1[0-8]),\d+\)|FLOAT|DOUBLE|DATE|TIMESTAMP.*|VARCHAR|BLOB)$/

function hashed(column: Column): string {
  return toldApart.test(column.type) ? quote(column.name) : text(column)
}

/** What a delta keeps of a value: its own type, which is stored faster than its text, where a plain cast makes that text of it. */
function stored(column: Column): string {
  return ['text', 'binary', 'json'].includes(column.kind) ? text(column) : quote(column.name)
}

/** `record_id`, `checksum`, `c0`, … of every row. */
function allRows(source: Source, from: string, value: (column: Column) => string): string {
  const check = checksum(source.columns.map((column) => ({ column })))
  const values = source.columns.map((column, index) => `${value(column)} AS "c${index}"`)
  return `SELECT ${[`${keyText(source.key)} AS "record_id"`, `${check} AS "checksum"`, ...values].join(', ')} FROM ${from}`
}

const withKey = (source: Source, rows: string) => `${rows} WHERE ${quote(source.key.name)} IS NOT NULL`

/** Order-free over all rows; about 0.1 s for a million. */
async function probe(driver: Driver, d: Dialect, source: Source): Promise<string> {
  const row = `hash(${[source.key, ...source.columns].map(hashed).join(', ')})`
  const [found] = await driver.rows(
    `SELECT COUNT(*), SUM(CAST(${row} AS HUGEINT)), BIT_XOR(${row}) FROM ${d.from(source)}`,
  )
  return (found ?? []).join('/')
}

/** Keys with the checksums of their rows, each key once where the entity says what to do with duplicates. */
function checksums(source: Source, from: string): string {
  const check = checksum(source.columns.map((column) => ({ column })))
  const rows = `SELECT ${keyText(source.key)} AS "record_id", ${check} AS "checksum" FROM ${from} WHERE ${quote(source.key.name)} IS NOT NULL`
  const first = `SELECT "record_id", MIN("checksum") AS "checksum" FROM (${rows}) GROUP BY "record_id"`
  return { fail: rows, first, reject: `${first} HAVING COUNT(*) = 1` }[source.duplicates]
}

/**
 * Beside an empty generation every row is new, and one look at the table is enough. Else two steps: keys and checksums through
 * the join, then the payload of what changed. One transaction, so that both see the same table; a view may give something else
 * each time it is read, so its rows are put aside first.
 */
async function createDelta(
  driver: Driver,
  d: Dialect,
  source: Source,
  names: { readonly generation: string; readonly delta: string },
): Promise<null> {
  const [[before] = []] = await driver.rows(`SELECT COUNT(*) FROM ${d.state(names.generation)}`)
  if (before === '0' && source.duplicates === 'fail') {
    const rows = withKey(source, allRows(source, d.from(source), stored))
    await driver.rows(`${d.createAs(d.state(names.delta))} SELECT 'A' AS "op", n.* FROM (${rows}) n`)
    return null
  }
  const { view } = source.table
  const from = view ? 'temp."le_source"' : d.from(source)
  const unique = checksums(source, from)
  const payload = allRows(source, from, stored)
  const columns = ['t."op" AS "op"', 't."record_id" AS "record_id"', 't."checksum" AS "checksum"']
  const picked = source.columns.map((_, index) => `s."c${index}" AS "c${index}"`)
  const once = source.duplicates === 'first' ? ' QUALIFY ROW_NUMBER() OVER (PARTITION BY t."record_id") = 1' : ''
  const statements = [
    ...(view ? [`CREATE OR REPLACE TEMP TABLE "le_source" AS SELECT * FROM ${d.from(source)}`] : []),
    `CREATE OR REPLACE TEMP TABLE "le_touched" AS ${sql.differences(d, unique, names.generation, [])}`,
    `${d.createAs(d.state(names.delta))} SELECT ${[...columns, ...picked].join(', ')} FROM temp."le_touched" t` +
      ` LEFT JOIN (${payload}) s ON s."record_id" = t."record_id" AND s."checksum" = t."checksum"${once}`,
    'DROP TABLE temp."le_touched"',
    ...(view ? ['DROP TABLE temp."le_source"'] : []),
  ]
  await driver.rows('BEGIN TRANSACTION')
  try {
    for (const statement of statements) await driver.rows(statement)
    await driver.rows('COMMIT')
    return null // nobody else can write the file meanwhile: the probe read before is that of these rows
  } catch (error) {
    await driver.rows('ROLLBACK').catch(() => [])
    throw error
  }
}

/** What lives no longer than a few rows do costs the garbage collector nothing. */
const pageRows = 64

/** One text a row: taking many small strings out of DuckDB costs more than everything else in a first sync. */
async function* changePages(
  driver: Driver,
  select: { readonly from: string; readonly columns: number; readonly order: 'any' | 'by key' },
): AsyncGenerator<readonly Change[]> {
  const values = Array.from({ length: select.columns }, (_, index) => `CAST("c${index}" AS VARCHAR)`)
  const packed = `CAST(json_array(${['"op"', '"record_id"', ...values].join(', ')}) AS VARCHAR)`
  const order = select.order === 'by key' ? ' ORDER BY "record_id"' : ''
  for await (const page of driver.pages(`SELECT ${packed} FROM ${select.from}${order}`)) {
    for (let at = 0; at < page.length; at += pageRows) {
      yield page.slice(at, at + pageRows).map(([row]) => unpack(row ?? ''))
    }
  }
}

/** A JSON array of texts and nulls. Without a backslash in it every text ends at the next quote, which is found four times as fast. */
function unpack(row: string): Change {
  if (row.includes('\\')) return JSON.parse(row) as Change
  const values: (string | null)[] = []
  for (let at = 1; at < row.length; ) {
    if (row.charCodeAt(at) === 0x22) {
      const end = row.indexOf('"', at + 1)
      values.push(row.slice(at + 1, end))
      at = end + 2
    } else {
      values.push(null)
      at += 'null,'.length
    }
  }
  return values as unknown as Change
}

/** DuckDB's errors have no codes; their words are tested against the pinned version. */
function operatingError(error: unknown, path: string): unknown {
  if (error instanceof LinkedEventsError || !(error instanceof Error)) return error
  const message = error.message.split('\n')[0] ?? ''
  const because = { cause: error }
  if (/could not set lock|conflicting lock|different configuration/i.test(message))
    return new LinkedEventsError('WAREHOUSE_BUSY', `${path} is held open by another process: ${message}`, because)
  if (/^INTERRUPT/i.test(message)) return new LinkedEventsError('SYNC_CANCELLED', 'the sync was cancelled', because)
  if (/permission denied|read-only/i.test(message)) return new LinkedEventsError('WAREHOUSE_DENIED', message, because)
  if (/^Catalog Error: (?:Table|View) with name .* does not exist|^Catalog Error: Schema/i.test(message))
    return new LinkedEventsError('TABLE_MISSING', message, because)
  if (/^Binder Error: Catalog/i.test(message)) return new LinkedEventsError('TABLE_MISSING', message, because)
  if (/cannot open file|not a valid duckdb|serialization|storage version/i.test(message))
    return new LinkedEventsError('WAREHOUSE_UNAVAILABLE', message, because)
  // A TypeError is thrown by the driver's own argument checks, so by our own bug.
  if (error instanceof TypeError) return error
  return new LinkedEventsError('WAREHOUSE_QUERY', message, because)
}
