/** `/metrics`, `/livez`, `/readyz`: read-only, no body, no parameter is looked at. They answer from the first second. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { LinkedEventsError } from '../errors.ts'

export interface Answer {
  readonly ok: boolean
  readonly reasons: readonly string[]
}

export interface HttpOptions {
  readonly host: string
  readonly port: number
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>
  readonly live: () => Answer
  readonly ready: () => Answer
}

export interface HttpServer {
  /** The address it listens on, with the port it got. */
  readonly address: string
  close(): Promise<void>
}

export async function serve(options: HttpOptions): Promise<HttpServer> {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000 }, (request, response) => {
    const reply = (status: number, contentType: string, body: string) => {
      response.writeHead(status, {
        'content-type': contentType,
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      })
      response.end(request.method === 'HEAD' ? undefined : body)
    }
    const answer = ({ ok, reasons }: Answer) =>
      reply(ok ? 200 : 503, 'application/json', `${JSON.stringify({ ok, reasons })}\n`)
    if (request.method !== 'GET' && request.method !== 'HEAD') return reply(405, 'text/plain', 'GET only\n')
    const path = (request.url ?? '').split('?')[0]
    if (path === '/livez') return answer(options.live())
    if (path === '/readyz') return answer(options.ready())
    if (path !== '/metrics') return reply(404, 'text/plain', 'see /metrics, /livez and /readyz\n')
    options.metrics().then(
      ({ contentType, text }) => reply(200, contentType, text),
      (error: unknown) => reply(500, 'text/plain', `${String(error)}\n`),
    )
  })
  await listen(server, options)
  const { port } = server.address() as AddressInfo
  return {
    address: `http://${options.host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function listen(server: Server, { host, port }: HttpOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const hint =
        error.code === 'EADDRINUSE' ? 'set http.port to another, or 0 for a free one' : 'check http.host and http.port'
      reject(
        new LinkedEventsError('HTTP_UNAVAILABLE', `cannot listen on ${host}:${port}: ${error.message}`, {
          hint,
          cause: error,
        }),
      )
    })
    server.listen(port, host, resolve)
  })
}
