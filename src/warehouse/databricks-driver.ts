/**
 * A Databricks session over `@databricks/sql`. Every value of our statements is text or a small number, so what the package makes of
 * large numbers does not matter; it tries again by itself for a quarter of an hour, so it gets limits, and every call a time-out.
 */
import type { DBSQLClient } from '@databricks/sql'
import { LinkedEventsError } from '../errors.ts'
import type { Cell, Driver } from './dialect.ts'
import { type Abort, abortWith, cancelled, within } from './patience.ts'

export interface DatabricksConfig {
  readonly type: 'databricks'
  readonly stateSchema: string
  readonly host: string
  readonly port?: number | undefined
  /** Path of the SQL warehouse, `/sql/1.0/warehouses/…`. */
  readonly httpPath: string
  readonly token?: string | undefined
  /** Of a service principal, instead of a token. */
  readonly clientId?: string | undefined
  readonly clientSecret?: string | undefined
  /** Holds the state, and tables named without one. */
  readonly catalog: string
  readonly schema: string
  /** PEM text of a certificate to trust besides the usual ones. */
  readonly ca?: string | undefined
}

type Session = Awaited<ReturnType<DBSQLClient['openSession']>>
type Operation = Awaited<ReturnType<Session['executeStatement']>>

const connectSecondsMax = 60
const statementSecondsMax = 1800
const idleSecondsMax = 120
const closeSecondsMax = 5
const pageRows = 5000

/** Texts must not depend on who is connected; a statement that is wrong must fail, not give null. */
const settings = [`SET TIME ZONE 'UTC'`, 'SET ANSI_MODE = true', `SET STATEMENT_TIMEOUT = ${statementSecondsMax}`]

export class DatabricksDriver implements Driver {
  readonly #client: DBSQLClient
  readonly #signal: AbortSignal
  readonly #abort: Abort
  #session: Session | null = null
  #running: Operation | null = null
  #closed = false

  private constructor(client: DBSQLClient, signal: AbortSignal) {
    this.#client = client
    this.#signal = signal
    this.#abort = abortWith(signal, () => this.#cancel())
  }

  static async open(config: DatabricksConfig, signal: AbortSignal): Promise<DatabricksDriver> {
    const { DBSQLClient } = await import('@databricks/sql')
    const client = new DBSQLClient({ logger: { log: () => {} } })
    // An error that nobody listens to would end the process; every call reports its own.
    client.on('error', () => {})
    const driver = new DatabricksDriver(client, signal)
    try {
      await within(connectSecondsMax, client.connect(connectionOptions(config)))
      driver.#session = await within(connectSecondsMax, client.openSession({}))
      for (const setting of settings) await driver.rows(setting)
      return driver
    } catch (error) {
      await driver.close()
      throw operatingError(error, 'connect')
    }
  }

  async rows(statement: string): Promise<Cell[][]> {
    const found: Cell[][] = []
    for await (const page of this.pages(statement)) for (const row of page) found.push(row)
    return found
  }

  async *pages(statement: string): AsyncGenerator<Cell[][]> {
    if (this.#signal.aborted) throw cancelled()
    let operation: Operation | null = null
    try {
      const begun = this.#session!.executeStatement(statement, { maxRows: pageRows, useCloudFetch: true })
      operation = await this.#answer(statementSecondsMax, begun)
      this.#running = operation
      await this.#answer(statementSecondsMax + 30, operation.finished())
      const schema = await this.#answer(idleSecondsMax, operation.getSchema())
      const names = (schema?.columns ?? []).map(({ columnName }) => columnName)
      if (names.length === 0) return
      do {
        const chunk = await this.#answer(idleSecondsMax, operation.fetchChunk({ maxRows: pageRows }))
        const page = (chunk as Record<string, unknown>[]).map((row) => names.map((name) => cellOf(row[name])))
        if (page.length > 0) yield page
      } while (await this.#answer(idleSecondsMax, operation.hasMoreRows()))
    } catch (error) {
      if (error instanceof LinkedEventsError && error.code === 'WAREHOUSE_UNAVAILABLE') await this.#cancel()
      throw operatingError(error)
    } finally {
      if (!this.#signal.aborted) this.#running = null
      if (operation !== null) await within(closeSecondsMax, operation.close()).catch(() => {})
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#abort.forget()
    await this.#cancel()
    if (this.#session !== null) await within(closeSecondsMax, this.#session.close()).catch(() => {})
    await within(closeSecondsMax, this.#client.close()).catch(() => {})
  }

  #answer<T>(seconds: number, work: Promise<T>): Promise<T> {
    return within(seconds, Promise.race([work, this.#abort.aborted]))
  }

  async #cancel(): Promise<void> {
    const running = this.#running
    this.#running = null
    if (running !== null) await within(closeSecondsMax, running.cancel()).catch(() => {})
  }
}

function connectionOptions(config: DatabricksConfig) {
  const { host, port, httpPath, token, clientId, clientSecret, ca } = config
  return {
    host,
    path: httpPath,
    ...(port === undefined ? {} : { port }),
    ...(token === undefined
      ? { authType: 'databricks-oauth' as const, oauthClientId: clientId ?? '', oauthClientSecret: clientSecret ?? '' }
      : { token }),
    ...(ca === undefined ? {} : { customCaCert: ca }),
    userAgentEntry: 'linked-events',
    telemetryEnabled: false,
    socketTimeout: (statementSecondsMax + 30) * 1000,
    retryMaxAttempts: 4,
    retriesTimeout: 60_000,
  }
}

function cellOf(value: unknown): Cell {
  return value === null || value === undefined ? null : String(value)
}

interface DriverError extends Error {
  readonly errorCode?: unknown
  readonly statusCode?: unknown
  readonly code?: unknown
  readonly response?: { readonly sqlState?: string | null; readonly errorMessage?: string | null }
}

function operatingError(error: unknown, doing: 'connect' | 'query' = 'query'): unknown {
  if (error instanceof LinkedEventsError || !(error instanceof Error)) return error
  const { errorCode, statusCode, response, code } = error as DriverError
  const message = error.message.split('\n')[0] ?? ''
  const state = response?.sqlState ?? /SQLSTATE: (\w{5})/.exec(message)?.[1] ?? ''
  const because = { cause: error }
  if (
    /^(?:42P01|42704)$/.test(state) ||
    /\[(?:\w*NOT_FOUND|NO_SUCH_CATALOG\w*|REQUIRES_SINGLE_PART_NAMESPACE)\]/.test(message)
  )
    return new LinkedEventsError('TABLE_MISSING', message, because)
  if (errorCode === 'CANCELED') return new LinkedEventsError('SYNC_CANCELLED', message, because)
  if (state === '42501' || statusCode === 401 || statusCode === 403 || error.name === 'AuthenticationError')
    return new LinkedEventsError('WAREHOUSE_DENIED', message, because)
  if (/PERMISSION_DENIED|INSUFFICIENT_PERMISSIONS/.test(message))
    return new LinkedEventsError('WAREHOUSE_DENIED', message, because)
  const network = typeof statusCode === 'number' || /^E[A-Z]+$/.test(String(code)) || state.startsWith('08')
  if (doing === 'connect' || network || errorCode === 'TIMEOUT' || /SessionHandle|socket|network|ECONN/.test(message))
    return new LinkedEventsError('WAREHOUSE_UNAVAILABLE', message, because)
  if (error instanceof TypeError) return error
  return new LinkedEventsError('WAREHOUSE_QUERY', message, because)
}
