/** Connections to a Kafka cluster, and the topics it watches. Opening and every wait have a bound. */
import { LinkedEventsError, nearest } from '../errors.ts'
import { hostAndPort, type KafkaConnection, saslOptions } from './connection.ts'
import {
  type Broker,
  Cluster,
  type ClusterOptions,
  type ConnectionPool,
  Emitter,
  type Protocol,
  type RetryOptions,
  silentLogger,
} from './internals.ts'
import { isCertificateError, kafkaCode, kafkaError, protocolError } from './kafka-error.ts'
import { LookingBrokerPool } from './leaderless.ts'
import { readingSockets, VectoredConnection, VectoredConnectionPool } from './network.ts'
import { stockAdmin } from './stock-admin.ts'

/** At start, brokers must answer within this time. */
export const connectSecondsMax = 15
const topicPatienceTries = 4
/** The leader of a partition that has none. */
export const noLeader = '-1'
export const clusterRetry: RetryOptions = { retries: 5, initialRetryTime: 100, maxRetryTime: 3000 }
/** Oldest Fetch and Produce versions that we speak: Kafka 2.3. */
const fetchVersion = 11
const produceVersion = 7

export class KafkaCluster extends Cluster {
  /** kafkajs's transaction part reads this; the stock cluster leaves it undefined. */
  readonly retry: RetryOptions
  readonly #connections = new Set<ConnectionPool>()
  #abandoned = false

  constructor(options: ClusterOptions) {
    super(options)
    this.retry = options.retry
    let seed = Math.floor(Math.random() * options.brokers.length)
    const build = async (place: { host?: string; port?: number; rack?: string | null } = {}) => {
      const { host, port } =
        place.host === undefined || place.port === undefined
          ? hostAndPort(options.brokers[seed++ % options.brokers.length] ?? '')
          : { host: place.host, port: place.port }
      const pool = new VectoredConnectionPool({ ...options, host, port, rack: place.rack ?? null })
      this.#connections.add(pool)
      if (this.#abandoned) this.abandon() // somebody still asks: nothing may come to life again
      return pool
    }
    this.brokerPool = new LookingBrokerPool({
      connectionPoolBuilder: { build },
      logger: options.logger,
      retry: options.retry,
      allowAutoTopicCreation: options.allowAutoTopicCreation,
      authenticationTimeout: options.authenticationTimeout,
      metadataMaxAge: options.metadataMaxAge,
    })
  }

  /** @throws LEADER_NOT_AVAILABLE (5) for the leader of a partition that has none */
  override async findBroker(options: { readonly nodeId: string }): Promise<Broker> {
    if (options.nodeId !== noLeader) return super.findBroker(options)
    await this.refreshMetadata()
    throw protocolError(5)
  }

  /** Closes without waiting for anything: for when brokers no longer answer. */
  abandon(): void {
    this.#abandoned = true
    for (const pool of this.#connections)
      for (const connection of pool.pool) if (connection instanceof VectoredConnection) connection.abandon()
  }

  /** Closes in order, or within `milliseconds` anyway. */
  async close(milliseconds = 2000): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, milliseconds)
    })
    await Promise.race([this.disconnect().catch(() => {}), late])
    clearTimeout(timer)
    this.abandon()
  }
}

export interface ClusterSettings {
  readonly metadataMaxAgeSeconds?: number
  /** Ends the waiting for brokers. */
  readonly signal?: AbortSignal
}

/** A cluster object, not yet connected. */
export function newCluster(connection: KafkaConnection, settings: ClusterSettings = {}): KafkaCluster {
  return new KafkaCluster({
    logger: silentLogger,
    brokers: connection.brokers,
    clientId: connection.clientId,
    ssl: connection.tls,
    sasl: saslOptions(connection.sasl),
    socketFactory: readingSockets(),
    connectionTimeout: 5000,
    authenticationTimeout: 10_000,
    reauthenticationThreshold: 10_000,
    requestTimeout: 10_000,
    enforceRequestTimeout: true,
    metadataMaxAge: (settings.metadataMaxAgeSeconds ?? 30) * 1000,
    retry: clusterRetry,
    allowAutoTopicCreation: false,
    maxInFlightRequests: null,
    isolationLevel: 1,
    instrumentationEmitter: new Emitter(),
    offsets: new Map(),
  })
}

/** A connected cluster. @throws KAFKA_UNAVAILABLE after `connectSecondsMax`, KAFKA_DENIED at once. */
export async function openCluster(connection: KafkaConnection, settings: ClusterSettings = {}): Promise<KafkaCluster> {
  const end = Date.now() + connectSecondsMax * 1000
  const to = `connect to Kafka at ${connection.brokers.join(', ')}`
  let reason: LinkedEventsError | null = null
  for (let pause = 100; ; pause = Math.min(pause * 2, 2000)) {
    const cluster = newCluster(connection, settings)
    try {
      await within(untilAborted(cluster.connect(), settings.signal), end - Date.now(), to)
      checkVersions((cluster.brokerPool as { versions: Broker['versions'] }).versions)
      return cluster
    } catch (error) {
      cluster.abandon()
      const known = kafkaError(error, to)
      if (known.code !== 'KAFKA_UNAVAILABLE' || isCertificateError(error)) throw known
      if (known !== error || reason === null) reason = known // our own "no answer in time" says less than what came before it
      if (Date.now() + pause >= end || settings.signal?.aborted === true) throw reason
    }
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const abort = () => reject(new LinkedEventsError('CANCELLED', 'stopped while connecting to Kafka'))
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

function checkVersions(versions: Broker['versions']): void {
  const newest = (key: number) => versions?.[key]?.maxVersion ?? 0
  if (newest(1) >= fetchVersion && newest(0) >= produceVersion) return
  throw new LinkedEventsError('KAFKA_FATAL', 'these brokers are older than Kafka 2.3, which is the oldest we speak', {
    hint: 'upgrade the brokers',
  })
}

/** The node id as text, as far as the cluster knows; `noLeader` where there is none. */
export function leaderOf(cluster: KafkaCluster, { topic, partition }: { topic: string; partition: number }): string {
  try {
    return Object.keys(cluster.findLeaderForPartitions(topic, [partition]))[0] ?? noLeader
  } catch {
    return noLeader
  }
}

/** Puts topics under the cluster's watch. @throws KAFKA_TOPIC_MISSING naming the topic, KAFKA_DENIED, KAFKA_UNAVAILABLE. */
export async function requireTopics(cluster: KafkaCluster, topics: readonly string[]): Promise<void> {
  const end = performance.now() + connectSecondsMax * 1000
  for (const topic of topics) {
    for (let tries = 1; ; tries++) {
      try {
        await cluster.addMultipleTargetTopics([topic])
        // A topic whose first look failed is watched already, and would not be looked at again.
        if (cluster.findTopicPartitionMetadata(topic).length === 0) await cluster.refreshMetadata()
        break
      } catch (error) {
        // A topic made a moment ago is not known to every broker yet; leaders and brokers may be away for seconds.
        const known = kafkaError(error, `use the topic "${topic}"`)
        const isUnknown = kafkaCode(error) === 3
        const isPatient = isUnknown ? tries < topicPatienceTries : known.code === 'KAFKA_UNAVAILABLE'
        if (!isPatient || performance.now() > end) throw isUnknown ? await missingTopic(cluster, topic) : known
        await new Promise((resolve) => setTimeout(resolve, Math.min(tries, topicPatienceTries) * 150))
      }
    }
  }
}

async function missingTopic(cluster: KafkaCluster, topic: string): Promise<LinkedEventsError> {
  const all = await stockAdmin(cluster)
    .listTopics()
    .catch(() => [])
  const near = nearest(topic, all)
  return new LinkedEventsError(
    'KAFKA_TOPIC_MISSING',
    `the topic "${topic}" does not exist`,
    near === null ? {} : { hint: `did you mean "${near}"? Otherwise create the topic: linked-events never does` },
  )
}

/** One request to one broker, which loses its connections when they turn out to be closed. */
export async function sendTo<T>(broker: Broker, protocol: Protocol<T>): Promise<T> {
  try {
    return await broker.connectionPool.send(protocol)
  } catch (error) {
    if ((error as Error).name === 'KafkaJSConnectionClosedError') await broker.disconnect()
    throw error
  }
}

/** The promise's result, or KAFKA_UNAVAILABLE after `milliseconds`; `doing` continues "cannot …". */
export async function within<T>(promise: Promise<T>, milliseconds: number, doing: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const after = Math.max(0, milliseconds)
    timer = setTimeout(
      () => reject(new LinkedEventsError('KAFKA_UNAVAILABLE', `cannot ${doing}: no answer in time`)),
      after,
    )
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
    promise.catch(() => {})
  }
}
