/**
 * Single connections: kafkajs's own, with a queue that does not tick while idle, one socket at a time, and requests whose big
 * buffers go to the socket as they are.
 */
import { connect, type Socket } from 'node:net'
import { hostAndPort } from './connection.ts'
import {
  Connection,
  ConnectionClosedError,
  type ConnectionOptions,
  ConnectionPool,
  Encoder,
  type Protocol,
  RequestQueue,
  socketFactory,
} from './internals.ts'
import { toleratesLeaderless } from './leaderless.ts'
import { ResponseAssembler } from './response-assembler.ts'

/** The stock queue arms a timer of 1 ms for ever after the first answer; ours only while something waits. */
class QuietRequestQueue extends RequestQueue {
  override scheduleCheckPendingRequests(): void {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) super.scheduleCheckPendingRequests()
  }
}

export class VectoredConnection extends Connection {
  readonly #assembler: ResponseAssembler
  #connecting: Promise<boolean> | null = null
  #abandoned = false

  /** `reuse`: a response may lie in the bytes of the one before it. */
  constructor(options: ConnectionOptions, reuse: boolean) {
    super(options)
    this.#assembler = new ResponseAssembler({ reuse, complete: (response) => this.#complete(response) })
    const { requestTimeout, enforceRequestTimeout, clientId, maxInFlightRequests, instrumentationEmitter } = options
    this.requestQueue = new QuietRequestQueue({
      instrumentationEmitter,
      maxInFlightRequests,
      requestTimeout,
      enforceRequestTimeout,
      clientId,
      broker: this.broker,
      logger: options.logger.namespace('RequestQueue'),
      isConnected: () => this.isConnected(),
    })
  }

  /** Stock opens a socket for each caller that finds the connection closed, and forgets all but the last. */
  override connect(): Promise<boolean> {
    if (this.#abandoned) return Promise.reject(new ConnectionClosedError('abandoned', hostAndPort(this.broker)))
    if (this.#connecting === null) {
      this.#assembler.reset()
      this.#connecting = super.connect().finally(() => {
        this.#connecting = null
      })
    }
    return this.#connecting
  }

  /** Stock keeps the pieces and joins them at the end: twice the memory, and all of it for the garbage collector. */
  override processData(bytes: Buffer): void {
    if (this.authHandlers === null) this.#assembler.add(bytes)
    else super.processData(Buffer.from(bytes))
  }

  #complete(response: Buffer): void {
    const correlationId = response.readInt32BE(0)
    this.requestQueue.fulfillRequest({ size: response.length, correlationId, payload: response.subarray(4) })
  }

  /**
   * Stock ends a socket that is still connecting, or gone, in order, and leaves a listener on it each time. With the error,
   * whoever waits for the connection hears at once.
   */
  override disconnect(): Promise<boolean> {
    const { socket } = this
    if (socket !== undefined && (socket.connecting || socket.destroyed)) {
      this.socket = undefined
      // Nothing will answer: stock would wait for it, with the timer of the time-outs stopped.
      this.rejectRequests(new ConnectionClosedError('closed', hostAndPort(this.broker)))
      socket.destroy(new Error('closed while connecting'))
    }
    return super.disconnect()
  }

  override async send<T>(protocol: Protocol<T>): Promise<T> {
    const { request, response, requestTimeout = null } = protocol
    if (request.parts === undefined) return super.send(toleratesLeaderless(protocol))
    if (!this.isAuthenticated()) await this.authenticate()
    this.failIfNotConnected()
    const { apiKey, apiVersion, apiName } = request
    const correlationId = this.nextCorrelationId()
    const head = new Encoder()
      .writeInt32(0)
      .writeInt16(apiKey)
      .writeInt16(apiVersion)
      .writeInt32(correlationId)
      .writeString(this.clientId)
    const parts = request.parts(head)
    const first = Buffer.from(head.buffer)
    first.writeInt32BE(parts.reduce((total, part) => total + part.length, first.length) - 4, 0)
    const { payload } = await new Promise<{ payload: Buffer }>((resolve, reject) =>
      this.requestQueue.push({
        entry: { apiKey, apiName, apiVersion, correlationId, resolve, reject },
        expectResponse: true,
        requestTimeout,
        sendRequest: () => {
          const { socket } = this
          if (socket === undefined) return
          socket.cork()
          socket.write(first)
          for (const part of parts) socket.write(part)
          socket.uncork()
        },
      }),
    )
    const decoded = await response.decode(payload)
    this.requestQueue.maybeThrottle(decoded.clientSideThrottleTime)
    return response.parse(decoded as never)
  }

  /** Ends the socket now and for good: everything in flight is rejected. */
  abandon(): void {
    this.#abandoned = true
    this.rejectRequests(new ConnectionClosedError('abandoned', hostAndPort(this.broker)))
    this.requestQueue.destroy() // or its timer looks for late answers for ever
    this.socket?.destroy()
  }
}

export class VectoredConnectionPool extends ConnectionPool {
  constructor(options: ConnectionOptions) {
    super(options)
    // The first serves everything but Fetch, the second only Fetch, as in the stock pool.
    // A node is asked for more only when every batch of its last answer is done, so the answer's bytes can be used again.
    this.pool = [new VectoredConnection(options, false), new VectoredConnection(options, true)]
  }
}

const readBytes = 256 * 1024

interface SocketOptions {
  readonly host: string
  readonly port: number
  readonly ssl: object | null
  readonly onConnect: () => void
}

/** Sockets that read into one buffer of their own, instead of a new one for each read. TLS has no such thing. */
export function readingSockets(): (options: SocketOptions) => unknown {
  const stock = socketFactory()
  return (options) => {
    if (options.ssl) return stock(options)
    const { host, port, onConnect } = options
    const buffer = Buffer.allocUnsafeSlow(readBytes)
    const callback = (count: number): boolean => socket.emit('data', buffer.subarray(0, count))
    const socket: Socket = connect({ host, port, onread: { buffer, callback } }, onConnect)
    socket.setKeepAlive(true, 60_000)
    return socket
  }
}
