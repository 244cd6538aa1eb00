/**
 * Between BigQuery's client and the emulator: what the emulator leaves out and the sync leans on. Statements that take longer than
 * `timeoutMs` become jobs that can be asked for and cancelled, a request id is run once, a limit of bytes is kept, changes move
 * `lastModifiedTime`, and errors have BigQuery's codes and reasons.
 */
import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http'

export interface BigQueryFront {
  readonly url: string
  /** Bodies of the statements that came in, newest last. */
  readonly statements: readonly StatementBody[]
  /** Statements that the emulator is working on. */
  readonly running: () => number
  /** Value of the last header that would log in. */
  readonly authorization: () => string | undefined
  /** Requests and statements that this matches are denied. */
  deny(pattern: RegExp | null): void
  /** The next statement is run, and its answer lost. */
  loseNextAnswer(): void
  stop(): Promise<void>
}

interface StatementBody {
  readonly query: string
  readonly requestId?: string
  readonly maximumBytesBilled?: string
  readonly timeoutMs?: number
  readonly dryRun?: boolean
}

interface Answer {
  readonly status: number
  readonly body: Record<string, unknown>
}

interface Job {
  readonly answer: Promise<Answer>
  cancel(): void
}

/** What BigQuery bills at least for a statement that reads a table. */
export const bytesOfStatement = 10 * 1024 * 1024

export async function startBigQueryFront(emulator: string): Promise<BigQueryFront> {
  const statements: StatementBody[] = []
  const jobs = new Map<string, Job>()
  const requests = new Map<string, Job>()
  let modified = 1
  let running = 0
  let lose = false
  let denied: RegExp | null = null
  let authorization: string | undefined

  const run = (path: string, statement: StatementBody): Job => {
    const known = requests.get(statement.requestId ?? '')
    if (known !== undefined) return known
    statements.push(statement)
    // Set before and after: a change that happens in between is seen by whoever looks later.
    if (!/^\s*(?:SELECT|WITH)\b/i.test(statement.query)) modified++
    running++
    const { answer, cancel } = call(emulator, { method: 'POST', path, body: JSON.stringify(statement) })
    const job: Job = {
      cancel,
      answer: answer.then(
        (found) => {
          running--
          void tidy(emulator, found.body)
          return priced(found)
        },
        () => {
          running--
          return failure(400, 'stopped', 'Job execution was cancelled: User requested cancellation')
        },
      ),
    }
    if (statement.requestId !== undefined) requests.set(statement.requestId, job)
    return job
  }

  const query = async (path: string, statement: StatementBody): Promise<Answer | 'lost'> => {
    const limit = statement.maximumBytesBilled
    if (limit !== undefined && Number(limit) < bytesOfStatement && / FROM /.test(statement.query))
      return failure(
        400,
        'bytesBilledLimitExceeded',
        `Query exceeded limit for bytes billed: ${limit}. ${bytesOfStatement} or higher required.`,
      )
    const job = run(path, statement)
    if (lose) {
      lose = false
      await job.answer
      return 'lost'
    }
    return firstOf(job, statement.timeoutMs ?? 10_000)
  }

  const firstOf = async (job: Job, timeoutMs: number, id: string = crypto.randomUUID()): Promise<Answer> => {
    const late = Symbol('late')
    let timer: NodeJS.Timeout | undefined
    const wait = new Promise<typeof late>((resolve) => {
      timer = setTimeout(resolve, timeoutMs, late)
    })
    const first = await Promise.race([job.answer, wait])
    clearTimeout(timer)
    if (first !== late) return first
    jobs.set(id, job)
    return { status: 200, body: { jobComplete: false, jobReference: { projectId: 'shop', jobId: id, location: 'US' } } }
  }

  const answer = async (message: IncomingMessage, text: string): Promise<Answer | 'lost'> => {
    const method = message.method ?? 'GET'
    const url = new URL(message.url ?? '/', 'http://front')
    const path = url.pathname
    const numberOf = (name: string, otherwise: number) => Number(url.searchParams.get(name) ?? otherwise)
    authorization = message.headers.authorization
    if (denied?.test(`${method} ${path} ${text}`)) return failure(403, 'accessDenied', `Access Denied: ${path}`)
    if (method === 'POST' && path.endsWith('/queries')) return query(path, JSON.parse(text) as StatementBody)
    const [, asked] = /\/queries\/([\w-]+)$/.exec(path) ?? []
    const job = jobs.get(asked ?? '')
    if (job !== undefined) return firstOf(job, numberOf('timeoutMs', 10_000), asked)
    const [, cancelled] = /\/jobs\/([\w-]+)\/cancel$/.exec(path) ?? []
    if (cancelled !== undefined) {
      jobs.get(cancelled)?.cancel()
      return { status: 200, body: { kind: 'bigquery#jobCancelResponse' } }
    }
    if (method !== 'GET') modified++
    const body = text === '' ? {} : { body: text }
    const found = await call(emulator, { method, path: `${path}${url.search}`, ...body }).answer
    if (/\/tables\/[^/]+\/data$/.test(path) && found.status === 200)
      return page(found, { maxResults: numberOf('maxResults', 10_000), pageToken: numberOf('pageToken', 0) })
    if (/\/tables\/[^/]+$/.test(path) && found.status === 200)
      return { ...found, body: { ...found.body, lastModifiedTime: String(modified) } }
    return found
  }

  const server = createServer((message, response) => {
    void textOf(message)
      .then((text) => answer(message, text))
      .then((found) => (found === 'lost' ? response.destroy() : reply(response, asBigQuery(found))))
      .catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    statements,
    running: () => running,
    authorization: () => authorization,
    deny: (pattern) => {
      denied = pattern
    },
    loseNextAnswer: () => {
      lose = true
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function textOf(message: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of message) parts.push(part as Buffer)
  return Buffer.concat(parts).toString('utf8')
}

function reply(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(status === 204 ? '' : JSON.stringify(body))
}

/** Cancelling closes the connection, which is what ends a statement in the emulator. */
function call(
  emulator: string,
  { method, path, body }: { readonly method: string; readonly path: string; readonly body?: string },
): Job {
  const outgoing = send(`${emulator}${path}`, { method, headers: { 'content-type': 'application/json' } })
  const answer = new Promise<Answer>((resolve, reject) => {
    outgoing.on('error', reject)
    outgoing.on('response', (message) => {
      textOf(message).then((text) => {
        const parsed = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : { text }
        resolve({ status: message.statusCode ?? 500, body: parsed })
      }, reject)
    })
  })
  outgoing.end(body)
  return { answer, cancel: () => void outgoing.destroy(new Error('cancelled')) }
}

/** Every request reads the list of all jobs, so what is done is deleted. */
async function tidy(emulator: string, body: Record<string, unknown>): Promise<void> {
  const { jobId } = (body.jobReference ?? {}) as { jobId?: string }
  if (jobId === undefined) return
  await call(emulator, { method: 'DELETE', path: `/bigquery/v2/projects/shop/jobs/${jobId}/delete` }).answer.catch(
    () => {},
  )
}

function page(found: Answer, { maxResults, pageToken }: { maxResults: number; pageToken: number }): Answer {
  const rows = (found.body.rows ?? []) as readonly unknown[]
  const end = pageToken + maxResults
  const more = end < rows.length ? { pageToken: String(end) } : {}
  return { ...found, body: { ...found.body, rows: rows.slice(pageToken, end), ...more } }
}

/** The emulator counts the bytes of the result; BigQuery those that it reads. */
function priced(found: Answer): Answer {
  if (found.status !== 200) return found
  return { ...found, body: { ...found.body, totalBytesProcessed: String(bytesOfStatement) } }
}

function failure(status: number, reason: string, message: string): Answer {
  return { status, body: { error: { code: status, message, errors: [{ reason, message }] } } }
}

function asBigQuery(found: Answer): Answer {
  if (found.status < 400) return found
  const { error } = found.body as { error?: { message?: string; errors?: { reason?: string }[] } }
  const message = error?.message ?? JSON.stringify(found.body)
  const reason = error?.errors?.[0]?.reason
  if (reason !== undefined && /^(?:stopped|bytesBilledLimitExceeded|accessDenied)$/.test(reason)) return found
  if (/\b(?:table|dataset|view|project)\b.*\bnot found|no such table/i.test(message))
    return failure(404, 'notFound', message)
  if (/already (?:exists|created)/i.test(message)) return failure(409, 'duplicate', message)
  return failure(400, 'invalidQuery', message)
}
