/**
 * A Snowflake session over `snowflake-sdk`. The package tries again by itself for minutes, so every call has a time-out of ours;
 * a stream that ends early once looked like success, so the rows are counted.
 */
import type { Connection, RowStatement, SnowflakeError } from 'snowflake-sdk'
import { LinkedEventsError } from '../errors.ts'
import type { Cell, Driver } from './dialect.ts'
import { type Abort, abortWith, cancelled, unanswered, within } from './patience.ts'

export interface SnowflakeConfig {
  readonly type: 'snowflake'
  readonly stateSchema: string
  readonly account: string
  readonly user: string
  readonly password?: string | undefined
  /** PEM text of a private key, instead of a password. */
  readonly privateKey?: string | undefined
  readonly privateKeyPassphrase?: string | undefined
  readonly role?: string | undefined
  readonly warehouse?: string | undefined
  readonly database: string
  readonly schema?: string | undefined
  /** Instead of the account's own address, for example a private link. */
  readonly accessUrl?: string | undefined
}

const connectSecondsMax = 30
const statementSecondsMax = 1800
const closeSecondsMax = 5
/** Longest wait for the next rows of a result. */
const idleSecondsMax = 120
const pageRows = 1000

/** Texts must not depend on who is connected; a client that is gone must not go on costing. */
const settings = [
  `TIMEZONE = 'UTC'`,
  `BINARY_OUTPUT_FORMAT = 'HEX'`,
  `TIME_OUTPUT_FORMAT = 'HH24:MI:SS.FF9'`,
  'QUOTED_IDENTIFIERS_IGNORE_CASE = FALSE',
  `STATEMENT_TIMEOUT_IN_SECONDS = ${statementSecondsMax}`,
  'ABORT_DETACHED_QUERY = TRUE',
  'CLIENT_RESULT_CHUNK_SIZE = 16',
  `QUERY_TAG = 'linked-events'`,
]

export class SnowflakeDriver implements Driver {
  readonly #connection: Connection
  readonly #signal: AbortSignal
  readonly #running = new Set<RowStatement>()
  readonly #abort: Abort
  #cancelled: Promise<unknown> = Promise.resolve()
  #closed = false

  private constructor(connection: Connection, signal: AbortSignal) {
    this.#connection = connection
    this.#signal = signal
    this.#abort = abortWith(signal, () => this.#cancelAll())
  }

  static async open(config: SnowflakeConfig, signal: AbortSignal): Promise<SnowflakeDriver> {
    // Read when the package is loaded: no native addon for telemetry, no warning about the Node of later versions.
    process.env.SNOWFLAKE_DISABLE_MINICORE ??= '1'
    process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
    const { default: snowflake } = await import('snowflake-sdk')
    snowflake.configure({ logLevel: 'OFF', additionalLogToConsole: false })
    let driver: SnowflakeDriver | null = null
    try {
      const connection = snowflake.createConnection(connectionOptions(config))
      await within(
        connectSecondsMax,
        new Promise<void>((resolve, reject) => {
          connection.connect((error) => (error ? reject(error) : resolve()))
        }),
      )
      driver = new SnowflakeDriver(connection, signal)
      await driver.rows(`ALTER SESSION SET ${settings.join(', ')}`)
      return driver
    } catch (error) {
      await driver?.close()
      throw operatingError(error, 'connect')
    }
  }

  async rows(statement: string): Promise<Cell[][]> {
    return (await this.#execute<Cell[][] | undefined>(statement, false, (_, rows) => rows)) ?? []
  }

  async *pages(statement: string): AsyncGenerator<Cell[][]> {
    const { rows, stream } = await this.#execute(statement, true, (done) => ({
      rows: done.getNumRows(),
      stream: done.streamRows(),
    }))
    let seen = 0
    let page: Cell[][] = []
    const end = (error: Error) => stream.destroy(error)
    const abort = () => end(cancelled())
    const idle = () => setTimeout(() => end(unanswered(idleSecondsMax)), idleSecondsMax * 1000)
    this.#signal.addEventListener('abort', abort)
    let timer = idle()
    try {
      for await (const row of stream as AsyncIterable<Cell[]>) {
        seen++
        if (page.push(row) < pageRows) continue
        clearTimeout(timer)
        yield page
        page = []
        timer = idle()
      }
      if (page.length > 0) yield page
      if (seen !== rows) throw new LinkedEventsError('WAREHOUSE_UNAVAILABLE', `${seen} of ${rows} rows arrived`)
    } catch (error) {
      throw operatingError(error)
    } finally {
      clearTimeout(timer)
      this.#signal.removeEventListener('abort', abort)
      stream.destroy()
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#abort.forget()
    await this.#cancelAll()
    const gone = new Promise((resolve) => this.#connection.destroy(resolve))
    await within(closeSecondsMax, gone).catch(() => {})
  }

  /** Runs one statement; what is not answered in time, or is aborted, is cancelled on the server. */
  async #execute<T>(
    sqlText: string,
    streamResult: boolean,
    take: (statement: RowStatement, rows: Cell[][] | undefined) => T,
  ): Promise<T> {
    if (this.#signal.aborted) throw cancelled()
    let statement: RowStatement | undefined
    try {
      const answered = new Promise<T>((resolve, reject) => {
        statement = this.#connection.execute({
          sqlText,
          streamResult,
          rowMode: 'array',
          fetchAsString: ['Number', 'Boolean', 'Date', 'JSON', 'Buffer'],
          complete: (error, done, rows) =>
            error ? reject(error) : resolve(take(done as RowStatement, rows as unknown as Cell[][] | undefined)),
        })
        this.#running.add(statement)
      })
      return await within(statementSecondsMax + 30, Promise.race([answered, this.#abort.aborted]))
    } catch (error) {
      const late = error instanceof LinkedEventsError && error.code === 'WAREHOUSE_UNAVAILABLE'
      if (late && statement !== undefined) this.#cancel(statement)
      throw operatingError(error)
    } finally {
      if (statement !== undefined) this.#running.delete(statement)
    }
  }

  #cancelAll(): Promise<unknown> {
    for (const statement of this.#running) this.#cancel(statement)
    return this.#cancelled
  }

  #cancel(statement: RowStatement): void {
    const answered = new Promise((resolve) => statement.cancel(resolve))
    this.#cancelled = Promise.all([this.#cancelled, within(closeSecondsMax, answered).catch(() => {})])
  }
}

function connectionOptions(config: SnowflakeConfig) {
  const { account, user, password, privateKey, privateKeyPassphrase, role, warehouse, database, schema, accessUrl } =
    config
  return {
    account,
    username: user,
    ...(privateKey === undefined
      ? { password: password ?? '' }
      : {
          authenticator: 'SNOWFLAKE_JWT',
          privateKey,
          ...(privateKeyPassphrase === undefined ? {} : { privateKeyPass: privateKeyPassphrase }),
        }),
    ...(role === undefined ? {} : { role }),
    ...(warehouse === undefined ? {} : { warehouse }),
    database,
    ...(schema === undefined ? {} : { schema }),
    ...(accessUrl === undefined ? {} : { accessUrl }),
    application: 'linked_events',
    representNullAsStringNull: false,
    // A bad gateway is tried again twice; ours is the time-out that counts.
    sfRetryMaxLoginRetries: 2,
    resultPrefetch: 1,
  }
}

const noWarehouse = 'set warehouse.warehouse to one that exists, and GRANT USAGE ON WAREHOUSE … TO ROLE …'

/** Snowflake's own codes are six digits; those of 39… are about logging in, those of 40… the driver's about the network. */
function operatingError(error: unknown, doing: 'connect' | 'query' = 'query'): unknown {
  if (error instanceof LinkedEventsError || !(error instanceof Error)) return error
  const { code: number, sqlState } = error as Partial<SnowflakeError>
  const code = String(number ?? '').padStart(6, '0')
  const { message } = error
  const because = { cause: error }
  if (code === '002003' || code === '002043') return new LinkedEventsError('TABLE_MISSING', message, because)
  if (code === '000606') return new LinkedEventsError('WAREHOUSE_DENIED', message, { ...because, hint: noWarehouse })
  if (code === '000604') return new LinkedEventsError('SYNC_CANCELLED', message, because)
  const expired = ['390110', '390111', '390112', '390114', '390195', '390201'].includes(code)
  if (code === '003001' || sqlState === '42501' || (code.startsWith('39') && !expired))
    return new LinkedEventsError('WAREHOUSE_DENIED', message, because)
  if (doing === 'connect' || expired || /^(?:40|25)/.test(code) || sqlState?.startsWith('08') || sqlState === '57P03')
    return new LinkedEventsError('WAREHOUSE_UNAVAILABLE', message, because)
  if (error instanceof TypeError) return error
  return new LinkedEventsError('WAREHOUSE_QUERY', message, because)
}
