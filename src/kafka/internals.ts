/**
 * The only file that imports kafkajs. It takes the internal parts that the other files here compose, with our own types for
 * them, and refuses any version but the one those types were read from.
 */
import { createRequire } from 'node:module'
import { LinkedEventsError } from '../errors.ts'
import type * as stock from './kafkajs-types.ts'

export type {
  ApiVersions,
  BatchPayload,
  Broker,
  ClusterOptions,
  CommitOffsets,
  ConnectionOptions,
  ConsumerGroupOptions,
  Logger,
  PartitionMetadata,
  PartitionOffset,
  ProduceAnswer,
  Protocol,
  ProtocolError,
  Request,
  RequestQueueOptions,
  RetryOptions,
  RunnerOptions,
  TopicPartitions,
} from './kafkajs-types.ts'
export type Cluster = stock.Cluster
export type ConnectionPool = stock.ConnectionPool
export type Connection = stock.Connection
export type RequestQueue = stock.RequestQueue
export type ConsumerGroup = stock.ConsumerGroup
export type Runner = stock.Runner
export type Emitter = stock.Emitter
export type Encoder = stock.Encoder
export type Decoder = stock.Decoder

export const clientVersion = '2.2.4'

/** @throws KAFKA_CLIENT_VERSION: our subclasses reach into files that another version may have changed. */
export function checkClientVersion(found: string): void {
  if (found === clientVersion) return
  throw new LinkedEventsError('KAFKA_CLIENT_VERSION', `kafkajs is ${found}, but it must be exactly ${clientVersion}`)
}

const require = createRequire(import.meta.url)
checkClientVersion((require('kafkajs/package.json') as { version: string }).version)
const part = <T>(path: string): T => require(`kafkajs/src/${path}`) as T

export const Cluster = part<new (options: stock.ClusterOptions) => stock.Cluster>('cluster/index.js')
export const BrokerPool = part<new (options: object) => stock.BrokerPool>('cluster/brokerPool.js')
export const ConnectionPool =
  part<new (options: stock.ConnectionOptions) => stock.ConnectionPool>('network/connectionPool.js')
export const Connection = part<new (options: stock.ConnectionOptions) => stock.Connection>('network/connection.js')
export const RequestQueue = part<new (options: stock.RequestQueueOptions) => stock.RequestQueue>(
  'network/requestQueue/index.js',
)
export const ConsumerGroup =
  part<new (options: stock.ConsumerGroupOptions) => stock.ConsumerGroup>('consumer/consumerGroup.js')
export const Runner = part<new <B>(options: stock.RunnerOptions<B>) => stock.Runner>('consumer/runner.js')
export const Emitter = part<new () => stock.Emitter>('instrumentation/emitter.js')
export const Encoder = part<new (size?: number) => stock.Encoder>('protocol/encoder.js')
export const Decoder = part<new (payload: Buffer) => stock.Decoder>('protocol/decoder.js')
/** Loaded when it is used: it is large, and an event path needs none. */
export const createAdmin = (options: object): unknown => part<(options: object) => unknown>('admin/index.js')(options)
export const socketFactory = part<() => (options: object) => unknown>('network/socketFactory.js')
export const { roundRobin } = part<{ roundRobin: (options: object) => unknown }>('consumer/assigners/index.js')
export const { createErrorFromCode } = part<{ createErrorFromCode: (code: number) => stock.ProtocolError }>(
  'protocol/error.js',
)
export const {
  KafkaJSOffsetOutOfRange: OffsetOutOfRangeError,
  KafkaJSNonRetriableError: NonRetriableError,
  KafkaJSConnectionClosedError: ConnectionClosedError,
} = part<{
  KafkaJSOffsetOutOfRange: new (error: Error, place: { topic: string; partition: number }) => Error
  KafkaJSNonRetriableError: new (error: unknown) => Error
  KafkaJSConnectionClosedError: new (message: string, place: { host: string; port: number }) => Error
}>('errors.js')
export const fetchRequest = part<(options: object) => stock.Request>('protocol/requests/fetch/v11/request.js')
export const produceResponse = part<{ decode(payload: Buffer): Promise<stock.ProduceAnswer> }>(
  'protocol/requests/produce/v7/response.js',
)

const loggers = part<{
  createLogger(options: { level: number; logCreator: () => () => void }): stock.Logger
  LEVELS: { NOTHING: number }
}>('loggers/index.js')

/** kafkajs does not speak: what is worth telling goes through facts and errors. */
export const silentLogger = loggers.createLogger({ level: loggers.LEVELS.NOTHING, logCreator: () => () => {} })
