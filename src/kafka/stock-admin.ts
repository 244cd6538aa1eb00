/** kafkajs's admin part on a cluster of ours. It opens nothing by itself: the cluster is connected and closed by its owner. */
import { type Cluster, createAdmin, Emitter, type RetryOptions, type StockAdmin, silentLogger } from './internals.ts'

const retry: RetryOptions = { retries: 5, initialRetryTime: 100, maxRetryTime: 2000 }

export function stockAdmin(cluster: Cluster): StockAdmin {
  return createAdmin({ logger: silentLogger, cluster, retry, instrumentationEmitter: new Emitter() })
}
