/** kafkajs's admin part on a cluster of ours. It opens nothing by itself: the cluster is connected and closed by its owner. */
import {
  type Cluster,
  createAdmin,
  Emitter,
  type PartitionMetadata,
  type PartitionOffset,
  type RetryOptions,
  silentLogger,
} from './internals.ts'

export interface StockAdmin {
  connect(): Promise<void>
  disconnect(): Promise<void>
  listTopics(): Promise<string[]>
  fetchTopicMetadata(options: {
    topics: string[]
  }): Promise<{ topics: { name: string; partitions: PartitionMetadata[] }[] }>
  createTopics(options: {
    waitForLeaders: boolean
    timeout?: number
    topics: {
      topic: string
      numPartitions: number
      replicationFactor: number
      configEntries: { name: string; value: string }[]
    }[]
  }): Promise<boolean>
  deleteTopics(options: { topics: string[] }): Promise<void>
  deleteTopicRecords(options: { topic: string; partitions: { partition: number; offset: string }[] }): Promise<void>
  deleteGroups(groupIds: string[]): Promise<unknown>
  fetchTopicOffsets(topic: string): Promise<{ partition: number; offset: string; high: string; low: string }[]>
  fetchTopicOffsetsByTimestamp(topic: string, timestamp: number): Promise<PartitionOffset[]>
  fetchOffsets(options: {
    groupId: string
    topics: string[]
  }): Promise<{ topic: string; partitions: PartitionOffset[] }[]>
  describeCluster(): Promise<{
    clusterId: string
    controller: number
    brokers: { nodeId: number; host: string; port: number }[]
  }>
  describeConfigs(options: {
    includeSynonyms: boolean
    resources: { type: number; name: string; configNames?: string[] }[]
  }): Promise<{
    resources: {
      errorCode: number
      resourceName: string
      configEntries: { configName: string; configValue: string }[]
    }[]
  }>
  alterPartitionReassignments(options: {
    topics: { topic: string; partitionAssignment: { partition: number; replicas: number[] }[] }[]
  }): Promise<void>
}

const retry: RetryOptions = { retries: 5, initialRetryTime: 100, maxRetryTime: 2000 }

export function stockAdmin(cluster: Cluster): StockAdmin {
  return createAdmin({ logger: silentLogger, cluster, retry, instrumentationEmitter: new Emitter() }) as StockAdmin
}
