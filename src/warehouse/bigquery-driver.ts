/**
 * BigQuery over its own package, which brings credentials, retries and addresses. Statements go to `jobs.query` as it is: its
 * answers are text, which the package would turn into numbers and dates that lose digits.
 */
import type { BigQuery } from '@google-cloud/bigquery'
import { LinkedEventsError } from '../errors.ts'
import type { Cell, Driver } from './dialect.ts'
import { type Abort, abortWith, cancelled, within } from './patience.ts'

export interface BigQueryConfig {
  readonly type: 'bigquery'
  /** Where jobs run and are billed, where the state lies, and where tables named without a project are. */
  readonly project: string
  readonly stateSchema: string
  /** JSON text of a service account's key; without it the surroundings say who we are. */
  readonly credentials?: string | undefined
  /** Of tables that are named without one. */
  readonly dataset?: string | undefined
  readonly location?: string | undefined
  /** Of one run, all statements together. */
  readonly bytesBilledMax?: number | undefined
  /** Instead of Google's own. No credentials are sent over plain HTTP. */
  readonly apiEndpoint?: string | undefined
}

const statementSecondsMax = 1800
/** The server answers after this at the latest, with the name under which an unfinished statement can be asked for and cancelled. */
const firstAnswerSeconds = 1
const pollSecondsMax = 10
const requestSecondsMax = 90
const closeSecondsMax = 5
const pageRows = 5000

interface Place {
  readonly jobId: string
  readonly location?: string
}

interface Answer {
  readonly jobComplete?: boolean
  readonly jobReference?: Place
  readonly rows?: readonly { readonly f: readonly { readonly v: Cell }[] }[]
  readonly pageToken?: string
  readonly totalBytesProcessed?: string
}

interface Request {
  readonly method?: 'GET' | 'POST' | 'DELETE'
  readonly project?: string
  /** Below the project. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | number>>
  readonly body?: object
}

export class BigQueryDriver implements Driver {
  readonly #client: BigQuery
  readonly #config: BigQueryConfig
  readonly #signal: AbortSignal
  readonly #abort: Abort
  /** The statement that runs, as soon as the server has given it a name. */
  #running: Promise<Place | undefined> | null = null
  #bytes = 0
  #closed = false

  private constructor(parts: { client: BigQuery; config: BigQueryConfig; signal: AbortSignal }) {
    this.#client = parts.client
    this.#config = parts.config
    this.#signal = parts.signal
    this.#abort = abortWith(parts.signal, () => this.#cancel())
  }

  static async open(config: BigQueryConfig, signal: AbortSignal): Promise<BigQueryDriver> {
    const { BigQuery } = await import('@google-cloud/bigquery')
    const { project, credentials, apiEndpoint } = config
    const client = new BigQuery({
      projectId: project,
      ...(credentials === undefined ? {} : { credentials: credentialsOf(credentials) }),
      ...(apiEndpoint === undefined ? {} : { apiEndpoint }),
      maxRetries: 3,
    })
    if (apiEndpoint?.startsWith('http:')) {
      const { authClient } = client as unknown as { authClient: { authorizeRequest: (request: object) => object } }
      authClient.authorizeRequest = async (request) => ({ headers: {}, ...request })
    }
    return new BigQueryDriver({ client, config, signal })
  }

  /** Bytes that the statements so far have read, as BigQuery counts them. */
  get bytesScanned(): number {
    return this.#bytes
  }

  async rows(statement: string): Promise<Cell[][]> {
    const found: Cell[][] = []
    for await (const page of this.pages(statement)) for (const row of page) found.push(row)
    return found
  }

  async *pages(statement: string): AsyncGenerator<Cell[][]> {
    let answer = await this.#start(statement)
    for (;;) {
      const page = rowsOf(answer)
      if (page.length > 0) yield page
      if (answer.pageToken === undefined || answer.jobReference === undefined) return
      answer = await this.#results(answer.jobReference, { pageToken: answer.pageToken, maxResults: pageRows })
    }
  }

  /** Bytes that a statement would read; asking costs nothing. */
  async estimate(statement: string): Promise<number> {
    const { location } = this.#config
    const body = {
      query: statement,
      useLegacySql: false,
      dryRun: true,
      ...(location === undefined ? {} : { location }),
    }
    const answer = (await this.request({ method: 'POST', path: 'queries', body })) as Answer
    return Number(answer.totalBytesProcessed ?? 0)
  }

  /** The rows of a table, without a statement: this costs nothing, and any size is read in constant memory. */
  async *table(path: string): AsyncGenerator<Cell[][]> {
    let pageToken: string | undefined
    do {
      const query = { maxResults: pageRows, ...(pageToken === undefined ? {} : { pageToken }) }
      const answer = (await this.request({ path: `${path}/data`, query })) as Answer
      const page = rowsOf(answer)
      if (page.length > 0) yield page
      pageToken = answer.pageToken
    } while (pageToken !== undefined)
  }

  /** One call of the API. @throws LinkedEventsError */
  async request(request: Request): Promise<unknown> {
    if (this.#signal.aborted) throw cancelled()
    return Promise.race([this.#send(request), this.#abort.aborted])
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#abort.forget()
    await this.#cancel()
  }

  async #start(statement: string): Promise<Answer> {
    if (this.#signal.aborted) throw cancelled()
    const { bytesBilledMax, location } = this.#config
    const body = {
      query: statement,
      useLegacySql: false,
      maxResults: pageRows,
      timeoutMs: firstAnswerSeconds * 1000,
      jobTimeoutMs: String(statementSecondsMax * 1000),
      // The server runs a request that it gets twice only once.
      requestId: crypto.randomUUID(),
      labels: { application: 'linked_events' },
      ...(location === undefined ? {} : { location }),
      ...(bytesBilledMax === undefined
        ? {}
        : { maximumBytesBilled: String(Math.max(1, bytesBilledMax - this.#bytes)) }),
    }
    // Not through `request`, which gives up when the run is aborted: the name of what has begun is needed to end it.
    const begun = this.#send({ method: 'POST', path: 'queries', body }) as Promise<Answer>
    this.#running = begun.then(
      (first) => (first.jobComplete === false ? first.jobReference : undefined),
      () => undefined,
    )
    let answer = await Promise.race([begun, this.#abort.aborted])
    const until = Date.now() + statementSecondsMax * 1000
    try {
      while (answer.jobComplete === false && answer.jobReference !== undefined) {
        if (Date.now() > until) {
          await this.#cancel()
          throw new LinkedEventsError(
            'WAREHOUSE_UNAVAILABLE',
            `BigQuery has not finished in ${statementSecondsMax} seconds`,
          )
        }
        const query = { timeoutMs: pollSecondsMax * 1000, maxResults: pageRows }
        answer = await this.#results(answer.jobReference, query)
      }
    } finally {
      if (!this.#signal.aborted) this.#running = null
    }
    this.#bytes += Number(answer.totalBytesProcessed ?? 0)
    return answer
  }

  async #results({ jobId, location }: Place, query: Record<string, string | number>): Promise<Answer> {
    return (await this.request({
      path: `queries/${jobId}`,
      query: { ...query, ...(location === undefined ? {} : { location }) },
    })) as Answer
  }

  /** Ends what runs on the server, as far as it can be reached. */
  async #cancel(): Promise<void> {
    const running = this.#running
    this.#running = null
    const asked = async () => {
      const place = await running
      if (place === null || place === undefined) return
      const query = place.location === undefined ? {} : { location: place.location }
      await this.#send({ method: 'POST', path: `jobs/${place.jobId}/cancel`, query })
    }
    await within(closeSecondsMax, asked()).catch(() => {})
  }

  async #send({ method = 'GET', project = this.#config.project, path, query = {}, body }: Request): Promise<unknown> {
    const uri = `${this.#client.baseUrl}/projects/${project}/${path}`
    const answered = new Promise<unknown>((resolve, reject) => {
      this.#client.request(
        { method, uri, qs: query, ...(body === undefined ? {} : { json: body }) },
        (error: Error | null, answer?: unknown) => (error ? reject(error) : resolve(answer)),
      )
    })
    try {
      return await within(requestSecondsMax, answered)
    } catch (error) {
      throw operatingError(error)
    }
  }
}

function rowsOf(answer: Answer): Cell[][] {
  return (answer.rows ?? []).map(({ f }) => f.map(({ v }) => v))
}

function credentialsOf(text: string): { client_email: string; private_key: string } {
  try {
    return JSON.parse(text) as { client_email: string; private_key: string }
  } catch (error) {
    throw new LinkedEventsError('CONFIG_INVALID', 'warehouse.credentials is not the JSON of a service account', {
      cause: error,
    })
  }
}

interface ApiError extends Error {
  readonly code?: unknown
  readonly errors?: readonly { readonly reason?: string; readonly message?: string }[]
}

function operatingError(error: unknown): unknown {
  if (error instanceof LinkedEventsError || !(error instanceof Error)) return error
  const { code, errors = [] } = error as ApiError
  const [first] = errors
  const reason = first?.reason ?? ''
  const message = (first?.message ?? error.message).replaceAll(/\s+/g, ' ').trim()
  const because = { cause: error }
  if (reason === 'notFound' || code === 404) return new LinkedEventsError('TABLE_MISSING', message, because)
  if (reason === 'bytesBilledLimitExceeded') return new LinkedEventsError('WAREHOUSE_LIMIT', message, because)
  if (reason === 'stopped') return new LinkedEventsError('SYNC_CANCELLED', message, because)
  const retried = /^(?:rateLimitExceeded|quotaExceeded|backendError|internalError|jobRateLimitExceeded)$/.test(reason)
  if (retried || (typeof code === 'number' && code >= 500) || /^E[A-Z]+$/.test(String(code)))
    return new LinkedEventsError('WAREHOUSE_UNAVAILABLE', message, because)
  if (code === 401 || code === 403 || reason === 'accessDenied' || /credentials|invalid_grant/i.test(message))
    return new LinkedEventsError('WAREHOUSE_DENIED', message, because)
  if (/network|socket|timeout|ECONN|ENOTFOUND|EAI_AGAIN|request to .* failed/i.test(message))
    return new LinkedEventsError('WAREHOUSE_UNAVAILABLE', message, because)
  if (error instanceof TypeError) return error
  return new LinkedEventsError('WAREHOUSE_QUERY', message, because)
}
