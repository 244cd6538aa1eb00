/** What we use of kafkajs 2.2.4's internal parts, as types: it publishes none for them. The values are in `internals.ts`. */
import type { Socket } from 'node:net'

export interface Logger {
  namespace(name: string): Logger
}

export interface Emitter {
  emit(name: string, payload?: unknown): void
}

export interface RetryOptions {
  readonly retries: number
  readonly initialRetryTime: number
  readonly maxRetryTime: number
}

/** A request as kafkajs writes it (`encode`), or as we do: buffers after a head, never copied together (`parts`). */
export interface Request {
  readonly apiKey: number
  readonly apiVersion: number
  readonly apiName: string
  encode?(): Promise<Encoder>
  parts?(head: Encoder): Buffer[]
}

/** `decode` may tell how long the broker wants us to wait (`clientSideThrottleTime`, quotas). */
export interface Protocol<T> {
  readonly request: Request
  readonly response: {
    decode(payload: Buffer): Promise<{ readonly clientSideThrottleTime?: number }>
    parse(decoded: never): Promise<T>
  }
  readonly requestTimeout?: number | null
}

export interface RequestQueueOptions {
  readonly instrumentationEmitter: Emitter | null
  readonly maxInFlightRequests: number | null
  readonly requestTimeout: number
  readonly enforceRequestTimeout: boolean
  readonly clientId: string
  readonly broker: string
  readonly logger: Logger
  readonly isConnected: () => boolean
}

export interface RequestQueue {
  readonly pending: readonly unknown[]
  readonly throttledUntil: number
  scheduleCheckPendingRequests(): void
  destroy(): void
  fulfillRequest(answer: { readonly correlationId: number; readonly payload: Buffer; readonly size: number }): void
  maybeThrottle(milliseconds: number | undefined): void
  push(request: {
    readonly entry: {
      readonly apiKey: number
      readonly apiName: string
      readonly apiVersion: number
      readonly correlationId: number
      readonly resolve: (answer: { payload: Buffer }) => void
      readonly reject: (error: unknown) => void
    }
    readonly expectResponse: boolean
    readonly requestTimeout: number | null
    readonly sendRequest: () => void
  }): void
}

export interface ConnectionOptions {
  readonly host: string
  readonly port: number
  readonly rack?: string | null
  readonly logger: Logger
  readonly clientId: string
  readonly requestTimeout: number
  readonly enforceRequestTimeout: boolean
  readonly connectionTimeout: number
  readonly maxInFlightRequests: number | null
  readonly instrumentationEmitter: Emitter | null
  readonly [option: string]: unknown
}

export interface Connection {
  readonly broker: string
  readonly clientId: string
  socket: Socket | undefined
  /** Set while an old-style login is under way. */
  readonly authHandlers: unknown
  connect(): Promise<boolean>
  processData(bytes: Buffer): void
  disconnect(): Promise<boolean>
  requestQueue: RequestQueue
  isConnected(): boolean
  isAuthenticated(): boolean
  authenticate(): Promise<void>
  failIfNotConnected(): void
  nextCorrelationId(): number
  rejectRequests(error: unknown): void
  send<T>(protocol: Protocol<T>): Promise<T>
}

export interface ConnectionPool {
  readonly host: string
  readonly port: number
  pool: Connection[]
  send<T>(protocol: Protocol<T>): Promise<T>
}

export type ApiVersions = Readonly<Record<string, { readonly minVersion: number; readonly maxVersion: number }>>

export interface TransactionalProducer {
  readonly transactionalId: string
  readonly producerId: string
  readonly producerEpoch: number
}

export interface Broker {
  readonly nodeId: number
  readonly versions: ApiVersions | null
  readonly connectionPool: ConnectionPool
  disconnect(): Promise<void>
  isConnected(): boolean
  initProducerId(options: {
    transactionalId?: string | undefined
    transactionTimeout: number
  }): Promise<{ producerId: string; producerEpoch: number }>
  addPartitionsToTxn(
    options: TransactionalProducer & { topics: { topic: string; partitions: number[] }[] },
  ): Promise<unknown>
  addOffsetsToTxn(options: TransactionalProducer & { groupId: string }): Promise<unknown>
  endTxn(options: TransactionalProducer & { transactionResult: boolean }): Promise<unknown>
  offsetFetch(options: {
    groupId: string
    topics: { topic: string; partitions: { partition: number }[] }[]
  }): Promise<{ responses: { topic: string; partitions: { partition: number; offset: string }[] }[] }>
  offsetCommit(options: {
    groupId: string
    memberId: string
    groupGenerationId: number
    topics: { topic: string; partitions: { partition: number; offset: string }[] }[]
  }): Promise<unknown>
}

export interface PartitionMetadata {
  readonly partitionErrorCode: number
  readonly partitionId: number
  readonly leader: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
}

export interface ClusterOptions {
  readonly logger: Logger
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly ssl: unknown
  readonly sasl: unknown
  readonly socketFactory: unknown
  readonly connectionTimeout: number
  readonly authenticationTimeout: number
  readonly reauthenticationThreshold: number
  readonly requestTimeout: number
  readonly enforceRequestTimeout: boolean
  readonly metadataMaxAge: number
  readonly retry: RetryOptions
  readonly allowAutoTopicCreation: boolean
  readonly maxInFlightRequests: number | null
  readonly isolationLevel: number
  readonly instrumentationEmitter: Emitter | null
  readonly offsets: Map<string, unknown>
}

export interface PartitionOffset {
  readonly partition: number
  readonly offset: string
}

export interface BrokerPool {
  metadata: unknown
  metadataExpireAt: number | null
  refreshMetadata(topics: readonly string[]): Promise<void>
}

export interface Cluster {
  brokerPool: unknown
  connect(): Promise<void>
  disconnect(): Promise<void>
  isConnected(): boolean
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>
  refreshMetadata(): Promise<void>
  refreshMetadataIfNecessary(): Promise<void>
  getNodeIds(): string[]
  findTopicPartitionMetadata(topic: string): PartitionMetadata[]
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Record<string, number[]>
  findBroker(options: { nodeId: string }): Promise<Broker>
  findControllerBroker(): Promise<Broker>
  findGroupCoordinator(options: { groupId: string; coordinatorType?: number }): Promise<Broker>
  fetchTopicsOffset(
    topics: readonly {
      topic: string
      partitions: { partition: number }[]
      fromBeginning?: boolean
      fromTimestamp?: number
    }[],
  ): Promise<{ topic: string; partitions: PartitionOffset[] }[]>
  removeBroker(broker: { host: string; port: number }): void
}

export interface TopicPartitions {
  readonly topic: string
  readonly partitions: readonly number[]
}

export interface ConsumerGroupOptions {
  readonly retry: RetryOptions
  readonly cluster: Cluster
  readonly groupId: string
  readonly topics: readonly string[]
  readonly topicConfigurations: Readonly<Record<string, { readonly fromBeginning: boolean }>>
  readonly logger: Logger
  readonly instrumentationEmitter: Emitter
  readonly assigners: readonly unknown[]
  readonly sessionTimeout: number
  readonly rebalanceTimeout: number
  readonly maxBytesPerPartition: number
  readonly minBytes: number
  readonly maxBytes: number
  readonly maxWaitTimeInMs: number
  readonly autoCommit: boolean
  readonly autoCommitInterval: number | null
  readonly autoCommitThreshold: number | null
  readonly isolationLevel: number
  readonly rackId: string
  readonly metadataMaxAge: number
}

export interface CommitOffsets {
  readonly topics: readonly { readonly topic: string; readonly partitions: readonly PartitionOffset[] }[]
}

export interface ConsumerGroup {
  readonly cluster: Cluster
  readonly groupId: string
  readonly memberId: string | null
  readonly generationId: number | null
  readonly maxBytesPerPartition: number
  readonly maxBytes: number
  readonly minBytes: number
  readonly maxWaitTime: number
  readonly rackId: string
  readonly isolationLevel: number
  readonly seekOffset: {
    has(topic: string, partition: number): boolean
    pop(topic: string, partition: number): { topic: string; partition: number; offset: string } | undefined
  }
  readonly subscriptionState: {
    assigned(): TopicPartitions[]
    isPaused(topic: string, partition: number): boolean
  }
  coordinator: Broker
  readonly offsetManager: {
    coordinator: Broker
    committedOffsets(): Record<string, Record<number, string | undefined>>
    nextOffset(topic: string, partition: number): { toString(): string }
    resetOffset(partition: { topic: string; partition: number }): void
    clearOffsets(partition: { topic: string; partition: number }): void
    seek(position: { topic: string; partition: number; offset: string }): Promise<void>
    getCoordinator(): Promise<Broker>
  }
  assigned(): TopicPartitions[]
  joinAndSync(): Promise<void>
  fetch(nodeId: string): Promise<unknown[]>
  recoverFromFetch(error: unknown): Promise<void>
  recoverFromOffsetOutOfRange(error: { topic: string; partition: number }): Promise<void>
  checkForStaleAssignment(): void
  filterPartitionsByNode(nodeId: string, partitions: TopicPartitions[]): TopicPartitions[]
  seekOffsets(partitions: TopicPartitions[]): Promise<void>
  getActiveTopicPartitions(): Record<string, Set<number>>
  commitOffsets(offsets: CommitOffsets): Promise<void>
  heartbeat(options: { interval: number }): Promise<void>
  seek(position: { topic: string; partition: number; offset: string }): void
  pause(partitions: TopicPartitions[]): void
  resetOffset(partition: { topic: string; partition: number }): void
}

/** What the runner hands to `eachBatch`. */
export interface BatchPayload<B> {
  readonly batch: B
  resolveOffset(offset: string): void
  heartbeat(): Promise<void>
  commitOffsetsIfNecessary(offsets: CommitOffsets): Promise<void>
  isRunning(): boolean
}

export interface RunnerOptions<B> {
  readonly logger: Logger
  readonly consumerGroup: ConsumerGroup
  readonly instrumentationEmitter: Emitter
  readonly eachBatch: (payload: BatchPayload<B>) => Promise<void>
  readonly eachBatchAutoResolve: boolean
  readonly autoCommit: boolean
  readonly concurrency: number
  readonly heartbeatInterval: number
  readonly retry: RetryOptions
  readonly onCrash: (error: unknown) => void
}

export interface Runner {
  start(): Promise<void>
  stop(): Promise<void>
}

export interface Encoder {
  readonly buffer: Buffer
  size(): number
  writeInt8(value: number): Encoder
  writeInt16(value: number): Encoder
  writeInt32(value: number): Encoder
  writeInt64(value: string): Encoder
  writeString(value: string | null): Encoder
  writeBytes(value: Buffer): Encoder
  writeUVarInt(value: number): Encoder
  writeUVarIntString(value: string | null): Encoder
}

export interface Decoder {
  readInt16(): number
  readInt32(): number
  readInt64(): { toString(): string }
  readString(): string
  readUVarInt(): number
  readUVarIntString(): string | null
  readTaggedFields(): unknown
  readBytes(length: number): Buffer
  canReadBytes(length: number): boolean
}

export interface ProtocolError extends Error {
  readonly type: string
  readonly code: number
}

export interface ProduceAnswer {
  readonly clientSideThrottleTime?: number
  readonly topics: readonly {
    readonly topicName: string
    readonly partitions: readonly { readonly partition: number; readonly errorCode: number }[]
  }[]
}
