/**
 * A Redshift session over `pg`. Results are fetched through a cursor of SQL, because Redshift ignores the protocol's own row
 * limit; settings are made by SET, because it refuses most start-up parameters; keys are not enforced, so inserts take a lock.
 */
import type { Client, ClientConfig } from 'pg'
import { LinkedEventsError } from '../errors.ts'
import type { Cell, Driver } from './dialect.ts'
import type { RedshiftConfig } from './redshift.ts'

const defaultPort = 5439
const connectSecondsMax = 30
const statementSecondsMax = 1800
/** Rows a FETCH: a cluster of one node refuses more. */
const pageRows = 1000

/** Texts must not depend on who is connected; quoted names mean exactly what the catalogue says. */
const settings = [
  `SET timezone TO 'UTC'`,
  `SET datestyle TO ISO`,
  `SET extra_float_digits TO 2`,
  `SET statement_timeout TO ${statementSecondsMax * 1000}`,
  `SET query_group TO 'linked_events'`,
  `SET enable_case_sensitive_identifier TO true`,
]

export class RedshiftDriver implements Driver {
  readonly #client: Client
  readonly #config: ClientConfig
  readonly #signal: AbortSignal
  readonly #locked: string
  readonly #cancel = () => void this.#cancelRunning().catch(() => {})
  #process = 0
  #closed = false

  private constructor(parts: { client: Client; config: ClientConfig; signal: AbortSignal; locked: string }) {
    this.#client = parts.client
    this.#config = parts.config
    this.#signal = parts.signal
    this.#locked = parts.locked
    this.#signal.addEventListener('abort', this.#cancel)
  }

  /** `locked` is the one table into which rows are inserted under a lock. */
  static async open(options: {
    readonly config: RedshiftConfig
    readonly signal: AbortSignal
    readonly locked: string
  }): Promise<RedshiftDriver> {
    const config = clientConfigOf(options.config)
    const client = await connect(config)
    const driver = new RedshiftDriver({ ...options, client, config })
    try {
      for (const setting of settings) await driver.rows(setting)
      const [[process] = []] = await driver.rows('SELECT pg_backend_pid()')
      driver.#process = Number(process)
      return driver
    } catch (error) {
      await driver.close()
      throw error
    }
  }

  async rows(statement: string): Promise<Cell[][]> {
    if (!statement.startsWith(`INSERT INTO ${this.#locked} `)) return this.#query(statement)
    // Two sessions that both see no row would both insert one: the primary key is only a hint to the planner.
    await this.#query('BEGIN')
    try {
      await this.#query(`LOCK ${this.#locked}`)
      const rows = await this.#query(statement)
      await this.#query('COMMIT')
      return rows
    } catch (error) {
      await this.#query('ROLLBACK').catch(() => [])
      throw error
    }
  }

  async *pages(statement: string): AsyncGenerator<Cell[][]> {
    await this.#query('BEGIN READ ONLY')
    try {
      await this.#query(`DECLARE "le_pages" CURSOR FOR ${statement}`)
      for (;;) {
        const page = await this.#query(`FETCH FORWARD ${pageRows} FROM "le_pages"`)
        if (page.length === 0) break
        yield page
      }
    } finally {
      await this.#query('ROLLBACK').catch(() => [])
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#signal.removeEventListener('abort', this.#cancel)
    await this.#client.end().catch(() => {})
  }

  async #cancelRunning(): Promise<void> {
    const second = await connect(this.#config)
    try {
      await second.query(`SELECT pg_cancel_backend(${this.#process})`)
    } finally {
      await second.end()
    }
  }

  async #query(statement: string): Promise<Cell[][]> {
    if (this.#signal.aborted) throw new LinkedEventsError('SYNC_CANCELLED', 'the sync was cancelled')
    try {
      const result = await this.#client.query<Cell[]>({ text: statement, rowMode: 'array', types: asText })
      return result.rows ?? []
    } catch (error) {
      throw operatingError(error)
    }
  }
}

const asText = { getTypeParser: () => (value: unknown) => value }

function clientConfigOf(config: RedshiftConfig): ClientConfig {
  const limits = {
    connectionTimeoutMillis: connectSecondsMax * 1000,
    // Ours ends a wait for a server that does not answer any more; the server's own comes first.
    query_timeout: (statementSecondsMax + 30) * 1000,
    keepAlive: true,
    application_name: 'linked-events',
  }
  if (config.url !== undefined) {
    const url = URL.canParse(config.url) ? new URL(config.url) : null
    if (url !== null && url.port === '') url.port = String(defaultPort)
    return { ...limits, connectionString: url?.href ?? config.url }
  }
  const { host, port = defaultPort, user, password, database, tls } = config
  return {
    ...limits,
    host,
    port,
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
