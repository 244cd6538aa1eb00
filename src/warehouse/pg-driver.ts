/**
 * A session over `pg`, for PostgreSQL and for Redshift. Results are fetched through a cursor of SQL, because Redshift ignores the
 * protocol's own row limit; settings are made by SET, because it refuses most start-up parameters.
 */
import type { Client, ClientConfig } from 'pg'
import { LinkedEventsError } from '../errors.ts'
import type { Cell, Driver } from './dialect.ts'

/** A `url`, or a `host` with what goes with it. */
export interface PgConfig {
  readonly stateSchema: string
  readonly url?: string | undefined
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly user?: string | undefined
  readonly password?: string | undefined
  readonly database?: string | undefined
  /** Encrypted, and the certificate checked. */
  readonly tls?: boolean | undefined
}

export interface PgOptions {
  readonly config: PgConfig
  readonly signal: AbortSignal
  /** The port when the configuration names none; left out: the driver's own default. */
  readonly port?: number
  /** SET statements: texts must not depend on who is connected. */
  readonly settings: readonly string[]
  /** Rows a FETCH; bounds the memory of a pull. */
  readonly pageRows: number
}

const connectSecondsMax = 30
const statementSecondsMax = 1800

export class PgDriver implements Driver {
  readonly #client: Client
  readonly #config: ClientConfig
  readonly #options: PgOptions
  readonly #cancel = () => void this.#cancelRunning().catch(() => {})
  #process = 0
  #closed = false

  private constructor(parts: { client: Client; config: ClientConfig; options: PgOptions }) {
    this.#client = parts.client
    this.#config = parts.config
    this.#options = parts.options
    this.#options.signal.addEventListener('abort', this.#cancel)
  }

  static async open(options: PgOptions): Promise<PgDriver> {
    const config = clientConfigOf(options)
    const driver = new PgDriver({ client: await connect(config), config, options })
    try {
      const settings = [...options.settings, `SET statement_timeout TO ${statementSecondsMax * 1000}`]
      await driver.rows(settings.join('; '))
      const [[process] = []] = await driver.rows('SELECT pg_backend_pid()')
      driver.#process = Number(process)
      return driver
    } catch (error) {
      await driver.close()
      throw error
    }
  }

  async rows(statement: string): Promise<Cell[][]> {
    if (this.#options.signal.aborted) throw new LinkedEventsError('SYNC_CANCELLED', 'the sync was cancelled')
    try {
      const result = await this.#client.query<Cell[]>({ text: statement, rowMode: 'array', types: asText })
      return result.rows ?? []
    } catch (error) {
      throw operatingError(error)
    }
  }

  async *pages(statement: string): AsyncGenerator<Cell[][]> {
    await this.rows('BEGIN READ ONLY')
    try {
      await this.rows(`DECLARE "le_pages" CURSOR FOR ${statement}`)
      for (;;) {
        const page = await this.rows(`FETCH FORWARD ${this.#options.pageRows} FROM "le_pages"`)
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
    this.#options.signal.removeEventListener('abort', this.#cancel)
    await this.#client.end().catch(() => {})
  }

  /** The protocol cancels through a second connection. */
  async #cancelRunning(): Promise<void> {
    const second = await connect(this.#config)
    try {
      await second.query(`SELECT pg_cancel_backend(${this.#process})`)
    } finally {
      await second.end()
    }
  }
}

const asText = { getTypeParser: () => (value: unknown) => value }

function clientConfigOf({ config, port: defaultPort }: PgOptions): ClientConfig {
  const limits = {
    connectionTimeoutMillis: connectSecondsMax * 1000,
    // Ours ends a wait for a server that does not answer any more; the server's own comes first.
    query_timeout: (statementSecondsMax + 30) * 1000,
    keepAlive: true,
    application_name: 'linked-events',
  }
  if (config.url !== undefined) {
    const url = URL.canParse(config.url) ? new URL(config.url) : null
    if (url === null || url.port !== '' || defaultPort === undefined) return { ...limits, connectionString: config.url }
    url.port = String(defaultPort)
    return { ...limits, connectionString: url.href }
  }
  const { host, port = defaultPort, user, password, database, tls } = config
  return {
    ...limits,
    ...(host === undefined ? {} : { host }),
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
