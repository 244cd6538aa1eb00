/** PostgreSQL 11 or later. State tables are UNLOGGED: a server crash empties them, which the next run notices. */
import type { Client, ClientConfig } from 'pg'
import { LinkedEventsError } from '../errors.ts'
import type { Column, Source } from '../sync/warehouse.ts'
import type { Cell, Connection, Dialect, Driver } from './dialect.ts'
import { literal, parseTableRef, quote, quoteRef } from './identifier.ts'
import { describe } from './postgres-table.ts'

export type PostgresConfig = { readonly type: 'postgres'; readonly stateSchema: string } & (
  | { readonly url: string }
  | {
      readonly url?: undefined
      readonly host: string
      readonly port?: number | undefined
      readonly user?: string | undefined
      readonly password?: string | undefined
      readonly database?: string | undefined
      /** Encrypted, and the certificate checked. */
      readonly tls?: boolean | undefined
    }
)

const connectSecondsMax = 30
const statementSecondsMax = 1800
/** Rows a round trip of the cursor; bounds the memory of a pull. */
const pageRows = 5000

export async function connectPostgres(config: PostgresConfig, signal: AbortSignal): Promise<Connection> {
  const driver = await PostgresDriver.open(config, signal)
  const { stateSchema } = config
  return {
    dialect: dialect(stateSchema),
    driver,
    table: (ref) => describe(driver, ref),
    createSchema: async () => {
      // CREATE SCHEMA IF NOT EXISTS needs the right to create schemas even where there is nothing to create.
      const found = await driver.rows(`SELECT 1 FROM pg_namespace WHERE nspname = ${literal(stateSchema)}`)
      if (found.length === 0) await driver.rows(`CREATE SCHEMA IF NOT EXISTS ${quote(stateSchema)}`)
    },
    probe: (source) => probe(driver, source),
    created: async (name) => void (await driver.rows(`ANALYZE ${quote(stateSchema)}.${quote(name)}`)),
    grants: () => grants(driver, stateSchema),
  }
}

class PostgresDriver implements Driver {
  readonly #client: Client
  readonly #config: ClientConfig
  readonly #signal: AbortSignal
  readonly #cancel = () => void this.#cancelRunning().catch(() => {})
  #closed = false

  private constructor(parts: { client: Client; config: ClientConfig; signal: AbortSignal }) {
    this.#client = parts.client
    this.#config = parts.config
    this.#signal = parts.signal
    this.#signal.addEventListener('abort', this.#cancel)
  }

  static async open(config: PostgresConfig, signal: AbortSignal): Promise<PostgresDriver> {
    const clientConfig = clientConfigOf(config)
    const client = await connect(clientConfig)
    const driver = new PostgresDriver({ client, config: clientConfig, signal })
    // Texts must not depend on who is connected: zone, date style, digits of floats, form of intervals, kind of quotes.
    await driver.rows(
      `SELECT set_config('timezone', 'UTC', false), set_config('datestyle', 'ISO', false), set_config('extra_float_digits', '1', false),
              set_config('intervalstyle', 'iso_8601', false), set_config('standard_conforming_strings', 'on', false)`,
    )
    return driver
  }

  rows(statement: string): Promise<Cell[][]> {
    return this.#guard(async () => {
      const result = await this.#client.query<Cell[]>({ text: statement, rowMode: 'array', types: asText })
      return result.rows ?? []
    })
  }

  async *pages(statement: string): AsyncGenerator<Cell[][]> {
    await this.rows('BEGIN READ ONLY')
    try {
      await this.rows(`DECLARE "le_pages" NO SCROLL CURSOR FOR ${statement}`)
      for (;;) {
        const page = await this.rows(`FETCH FORWARD ${pageRows} FROM "le_pages"`)
        if (page.length === 0) break
        yield page
      }
    } finally {
      await this.rows('ROLLBACK').catch(() => [])
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#signal.removeEventListener('abort', this.#cancel)
    await this.#client.end().catch(() => {})
  }

  /** The protocol cancels through a second connection. */
  async #cancelRunning(): Promise<void> {
    const { processID } = this.#client as Client & { readonly processID: number }
    const second = await connect(this.#config)
    try {
      await second.query('SELECT pg_cancel_backend($1)', [processID])
    } finally {
      await second.end()
    }
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    if (this.#signal.aborted) throw new LinkedEventsError('SYNC_CANCELLED', 'the sync was cancelled')
    try {
      return await work()
    } catch (error) {
      throw operatingError(error)
    }
  }
}

const asText = { getTypeParser: () => (value: unknown) => value }

function clientConfigOf(config: PostgresConfig): ClientConfig {
  const limits = {
    connectionTimeoutMillis: connectSecondsMax * 1000,
    statement_timeout: statementSecondsMax * 1000,
    // Ours ends a wait for a server that does not answer any more; the server's own comes first.
    query_timeout: (statementSecondsMax + 30) * 1000,
    keepAlive: true,
    application_name: 'linked-events',
  }
  if (config.url !== undefined) return { ...limits, connectionString: config.url }
  const { host, port, user, password, database, tls } = config
  return {
    ...limits,
    host,
    ...(port === undefined ? {} : { port }),
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { password }),
    ...(database === undefined ? {} : { database }),
    ...(tls ? { ssl: true } : {}),
  }
}

async function connect(config: ClientConfig): Promise<Client> {
  const { default: pg } = await import('pg')
  const client = new pg.Client(config)
  // A connection that breaks between two statements is told here; the next statement fails with the same reason.
  client.on('error', () => {})
  try {
    await client.connect()
    return client
  } catch (error) {
    await client.end().catch(() => {})
    throw operatingError(error, 'connect')
  }
}

function dialect(stateSchema: string): Dialect {
  return {
    type: 'postgres',
    stateSchema,
    state: (name) => `${quote(stateSchema)}.${quote(name)}`,
    types: { text: 'text', integer: 'bigint', checksum: 'text' },
    createAs: (table) => `CREATE UNLOGGED TABLE ${table} AS`,
    createEmpty: (table) => `CREATE UNLOGGED TABLE ${table}`,
    keyText: (column) =>
      column.kind === 'float' ? `CASE WHEN ${quote(column.name)} = 0 THEN '0' ELSE ${text(column)} END` : text(column),
    text,
    // The text of a record quotes what holds its own marks, and tells null from the empty text.
    checksum: (columns) => `left(encode(sha256(convert_to(${record(columns)}, 'UTF8')), 'hex'), 32)`,
    differs: (a, b) => `${a} IS DISTINCT FROM ${b}`,
    byteOrder: (expression) => `${expression} COLLATE "C"`,
    from: (source) => quoteRef(source.table.ref),
    stateTables: () =>
      `SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ${literal(stateSchema)} AND c.relkind = 'r'`,
  }
}

function record(columns: readonly { readonly text: string }[]): string {
  return `CAST(ROW(${columns.map((column) => column.text).join(', ')}) AS text)`
}

function text(column: Column): string {
  const name = quote(column.name)
  if (column.kind === 'boolean') return `CASE WHEN ${name} THEN 'true' WHEN NOT ${name} THEN 'false' END`
  if (column.kind === 'binary') return `replace(encode(${name}, 'base64'), chr(10), '')`
  if (column.kind === 'json' && !/^jsonb?$/.test(column.type)) return `CAST(to_jsonb(${name}) AS text)`
  // Compared by bytes: a collation of the table may take different keys for equal.
  return `(CAST(${name} AS text) COLLATE "C")`
}

/** Reads every value, as the diff does, but sorts and writes nothing. */
async function probe(driver: Driver, source: Source): Promise<string> {
  const texts = [source.key, ...source.columns].map((column) => ({ text: text(column) }))
  const from = quoteRef(source.table.ref)
  const [found] = await driver.rows(
    `SELECT COUNT(*), SUM(CAST(hashtextextended(r, 0) AS numeric)), SUM(CAST(hashtextextended(r, 1) AS numeric)) FROM (SELECT ${record(texts)} AS r FROM ${from}) t`,
  )
  return (found ?? []).join('/')
}

async function grants(driver: Driver, stateSchema: string): ReturnType<Connection['grants']> {
  const [[user, database] = []] = await driver.rows('SELECT current_user, current_database()')
  const [[exists] = []] = await driver.rows(`SELECT COUNT(*) FROM pg_namespace WHERE nspname = ${literal(stateSchema)}`)
  const to = quote(user ?? '')
  return {
    select: (ref) => {
      const parts = parseTableRef(ref).slice(-2).map(quote)
      const schema = parts.length === 2 ? parts[0] : quote('public')
      return `GRANT USAGE ON SCHEMA ${schema} TO ${to}; GRANT SELECT ON ${parts.join('.')} TO ${to};`
    },
    state:
      exists === '0'
        ? `GRANT CREATE ON DATABASE ${quote(database ?? '')} TO ${to};`
        : `GRANT USAGE, CREATE ON SCHEMA ${quote(stateSchema)} TO ${to};`,
  }
}

const unavailable =
  /^(?:08...|57P0[123]|53300|3D000|ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EPIPE|EHOSTUNREACH|ENETUNREACH)$/

function operatingError(error: unknown, doing: 'connect' | 'query' = 'query'): unknown {
  if (error instanceof LinkedEventsError || !(error instanceof Error)) return error
  const code = String((error as Error & { code?: unknown }).code ?? '')
  const message = error.message || (error instanceof AggregateError ? error.errors.map(String).join('; ') : code)
  const because = { cause: error }
  if (code === '42P01' || code === '3F000') return new LinkedEventsError('TABLE_MISSING', message, because)
  if (code === '42501' || code.startsWith('28')) return new LinkedEventsError('WAREHOUSE_DENIED', message, because)
  if (
    doing === 'connect' ||
    unavailable.test(code) ||
    /connection (?:terminated|error)|not queryable|timeout/i.test(message)
  )
    return new LinkedEventsError('WAREHOUSE_UNAVAILABLE', message, because)
  if (error instanceof TypeError) return error
  return new LinkedEventsError('WAREHOUSE_QUERY', message, because)
}
