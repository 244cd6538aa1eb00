import { createRequire } from 'node:module'
import { type AddressInfo, createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { newCluster } from '../../../src/kafka/cluster.ts'
import { hostAndPort, saslOptions } from '../../../src/kafka/connection.ts'
import { checkClientVersion, createErrorFromCode } from '../../../src/kafka/internals.ts'
import { kafkaCode, kafkaError } from '../../../src/kafka/kafka-error.ts'
import { stockAdmin } from '../../../src/kafka/stock-admin.ts'

test('another kafkajs than the pinned one is refused', () => {
  expect(() => checkClientVersion('2.2.4')).not.toThrow()
  expect(() => checkClientVersion('2.2.5')).toThrowError(expect.objectContaining({ code: 'KAFKA_CLIENT_VERSION' }))
})

test('the admin part is loaded when it is used, and not before', () => {
  const loaded = () =>
    Object.keys(createRequire(import.meta.url).cache).filter((file) => file.includes('kafkajs/src/admin'))
  const cluster = newCluster({ brokers: ['127.0.0.1:1'], clientId: 'c', tls: null, sasl: null })
  expect(loaded()).toEqual([])
  stockAdmin(cluster)
  expect(loaded()).not.toEqual([])
})

test('a connection at rest arms no timer', async () => {
  const cluster = newCluster({ brokers: ['127.0.0.1:1'], clientId: 'c', tls: null, sasl: null })
  const { connectionPoolBuilder } = cluster.brokerPool as {
    connectionPoolBuilder: { build(): Promise<{ pool: { requestQueue: Record<string, unknown> }[] }> }
  }
  const { pool } = await connectionPoolBuilder.build()
  for (const { requestQueue } of pool) {
    ;(requestQueue as { scheduleCheckPendingRequests(): void }).scheduleCheckPendingRequests()
    expect(requestQueue.throttleCheckTimeoutId).toBeNull()
  }
})

describe('errors', () => {
  test.each([
    [3, 'KAFKA_TOPIC_MISSING'],
    [29, 'KAFKA_DENIED'],
    [30, 'KAFKA_DENIED'],
    [58, 'KAFKA_DENIED'],
    [10, 'KAFKA_FATAL'],
  ])('of code %i are %s, also from inside a wrapper', (code, expected) => {
    const error = createErrorFromCode(code)
    expect(kafkaError(error, 'do it').code).toBe(expected)
    const wrapped = new Error('retries exceeded', { cause: error })
    expect(kafkaError(wrapped, 'do it').code).toBe(expected)
    expect(kafkaCode(wrapped)).toBe(code)
  })

  test('of a lost connection are KAFKA_UNAVAILABLE', () => {
    const error = Object.assign(new Error('refused'), { name: 'KafkaJSConnectionError', code: 'ECONNREFUSED' })
    expect(kafkaError(error, 'do it')).toMatchObject({ code: 'KAFKA_UNAVAILABLE', message: 'cannot do it: refused' })
  })
})

test('addresses may be names, IPv4 and IPv6', () => {
  expect(hostAndPort('broker:9092')).toEqual({ host: 'broker', port: 9092 })
  expect(hostAndPort('[::1]:9092')).toEqual({ host: '::1', port: 9092 })
})

test('an OAuth token is asked for at every authentication', async () => {
  const options = saslOptions({ mechanism: 'oauthbearer', token: 'abc' }) ?? {}
  const provider = options.oauthBearerProvider as () => Promise<object>
  expect(await provider()).toEqual({ value: 'abc' })
})

test('a connection that is abandoned leaves no timer behind, and does not come back', async () => {
  const server = createServer((socket) => socket.on('error', () => {}))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const cluster = newCluster({ brokers: [`127.0.0.1:${port}`], clientId: 'c', tls: null, sasl: null })
  const { connectionPoolBuilder } = cluster.brokerPool as {
    connectionPoolBuilder: { build(): Promise<{ pool: { connect(): Promise<boolean> }[] }> }
  }
  const [connection] = (await connectionPoolBuilder.build()).pool
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
  const before = timers()
  await connection?.connect()
  expect(timers()).toBeGreaterThan(before)
  cluster.abandon()
  expect(timers()).toBe(before)
  await expect(connection?.connect()).rejects.toThrow('abandoned')
  server.close()
})
