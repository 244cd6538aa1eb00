/**
 * Stands between clients and one broker, understands the frames of Kafka's protocol, and spoils chosen requests: the answer is
 * lost, the request never arrives, it arrives late, or the answer carries an error.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import type { KafkaConnection } from '../../src/kafka/connection.ts'
import { connectionTo } from './kafka.ts'
import { startBroker, type TestBroker } from './kafka-broker.ts'
import { freePorts } from './ports.ts'

/** Numbers of the requests, as in the protocol. */
export const api = {
  produce: 0,
  fetch: 1,
  metadata: 3,
  offsetFetch: 9,
  findCoordinator: 10,
  joinGroup: 11,
  heartbeat: 12,
  syncGroup: 14,
  initProducerId: 22,
  addPartitionsToTxn: 24,
  addOffsetsToTxn: 25,
  endTxn: 26,
  txnOffsetCommit: 28,
} as const

export interface SeenRequest {
  readonly key: number
  /** What the client calls itself: a broker that asks itself comes this way, too. */
  readonly client: string
  readonly bytes: Buffer
}

/**
 * `lose answer`: the broker acts, and the connection is cut instead of its answer. `lose request`: the connection is cut before
 * the broker hears of it. `hold request`: it arrives late. `rewrite`: the answer is changed.
 */
export type Spoil =
  | { readonly kind: 'lose answer' | 'lose request' }
  | { readonly kind: 'hold request'; readonly until: Promise<void> }
  | { readonly kind: 'rewrite'; readonly answer: (payload: Buffer) => Buffer }

export interface KafkaProxy {
  readonly port: number
  /** Called for each request; what it returns is done to it. */
  spoil: (request: SeenRequest) => Spoil | null
  /** Cuts every connection. */
  cut(): void
  close(): Promise<void>
}

export interface SpoiledBroker {
  readonly broker: TestBroker
  readonly proxy: KafkaProxy
  readonly connection: KafkaConnection
}

/**
 * Gives all tests of a file a broker that clients reach only through the proxy, also after they have asked it for its address;
 * each test begins with nothing spoilt.
 */
export function useSpoiledBroker(take: (made: SpoiledBroker) => void): void {
  let made: SpoiledBroker | null = null
  beforeAll(async () => {
    const [behind = 0, front = 0] = await freePorts(2)
    const proxy = await kafkaProxy(front, behind)
    const properties = { 'advertised.listeners': `PLAINTEXT://127.0.0.1:${front}` }
    const broker = await startBroker({ port: behind, properties })
    made = { broker, proxy, connection: connectionTo([`127.0.0.1:${front}`]) }
    take(made)
  }, 120_000)
  beforeEach(() => {
    if (made !== null) made.proxy.spoil = () => null
  })
  afterAll(async () => {
    await made?.broker.stop()
    await made?.proxy.close()
  })
}

export async function kafkaProxy(port: number, target: number): Promise<KafkaProxy> {
  const sockets = new Set<Socket>()
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  const proxy: KafkaProxy = {
    port,
    spoil: () => null,
    cut,
    async close() {
      cut()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  const server: Server = createServer((near) => {
    const broker = connect({ host: '127.0.0.1', port: target })
    const waiting = new Map<number, Spoil>()
    const cut = () => {
      near.destroy()
      broker.destroy()
    }
    for (const socket of [near, broker]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', cut)
      socket.on('close', () => {
        sockets.delete(socket)
        cut()
      })
    }
    near.on(
      'data',
      frames((frame) => {
        const client = frame.toString('utf8', 14, 14 + Math.max(0, frame.readInt16BE(12)))
        const request = { key: frame.readInt16BE(4), client, bytes: frame }
        const spoil = proxy.spoil(request)
        if (spoil?.kind === 'lose request') return cut()
        if (spoil !== null) waiting.set(frame.readInt32BE(8), spoil)
        if (spoil?.kind === 'hold request') void spoil.until.then(() => broker.write(frame))
        else broker.write(frame)
      }),
    )
    broker.on(
      'data',
      frames((frame) => {
        const spoil = waiting.get(frame.readInt32BE(4))
        waiting.delete(frame.readInt32BE(4))
        if (spoil?.kind === 'lose answer') cut()
        else if (spoil?.kind === 'rewrite')
          near.write(Buffer.concat([frame.subarray(0, 8), spoil.answer(frame.subarray(8))]))
        else near.write(frame)
      }),
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return proxy
}

/** Whole frames, each with its length before it, out of what a socket reads. */
function frames(handle: (frame: Buffer) => void): (bytes: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  return (bytes) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes])
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const length = 4 + rest.readInt32BE(0)
      handle(rest.subarray(0, length))
      rest = rest.subarray(length)
    }
  }
}
