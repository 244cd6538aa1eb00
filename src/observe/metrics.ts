/** Facts to Prometheus metrics. Names, types and labels are documented in docs/metrics.md, and a test compares the two. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { entityStatuses, holdResults, outcomes } from '../enrich/outcome.ts'
import { codes } from '../errors.ts'
import { type Fact, waits } from '../telemetry.ts'

const prefix = 'linked_events_'
const batchSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 10]
const syncSeconds = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600]
const batchEvents = [1, 10, 50, 100, 250, 500, 1000, 2500, 5000, 10_000]

export interface Metrics {
  readonly registry: Registry
  tell(fact: Fact): void
}

export function metrics(options: {
  readonly pipeline: string
  readonly version: string
  readonly entities: readonly string[]
}): Metrics {
  const registry = new Registry()
  registry.setDefaultLabels({ pipeline: options.pipeline })
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const counter = <T extends string>(name: string, help: string, labelNames: readonly T[] = []) =>
    new Counter<T>({ name: prefix + name, help, labelNames: [...labelNames], registers })
  const gauge = <T extends string>(name: string, help: string, labelNames: readonly T[] = []) =>
    new Gauge<T>({ name: prefix + name, help, labelNames: [...labelNames], registers })
  const histogram = <T extends string>(name: string, help: string, buckets: number[], labelNames: readonly T[] = []) =>
    new Histogram<T>({ name: prefix + name, help, buckets, labelNames: [...labelNames], registers })

  const m = {
    build: gauge('build_info', 'Always 1; the labels say what runs', ['version', 'node']),
    consumed: counter('events_consumed_total', 'Messages taken from the source', ['topic']),
    consumedBytes: counter('bytes_consumed_total', 'Bytes of those messages', ['topic']),
    produced: counter('events_produced_total', 'Output records acknowledged', ['topic']),
    enriched: counter(
      'events_enriched_total',
      'Entries by outcome: one or more for each message and destination, or one dead letter',
      ['outcome'],
    ),
    lookups: counter('lookups_total', 'Entity lookups by what they found', ['entity', 'outcome']),
    deadLetters: counter('dead_letters_total', 'Messages set aside, by reason', ['reason']),
    errors: counter('errors_total', 'Errors by code', ['stage', 'code']),
    batchDuration: histogram('batch_duration_seconds', 'Time of one batch by stage', batchSeconds, ['stage']),
    batchSize: histogram('batch_size_events', 'Messages in a batch', batchEvents),
    lastTimestamp: gauge('event_last_timestamp_seconds', 'Timestamp of the newest message enriched'),
    lag: gauge('consumer_lag_records', 'Messages of the partition not yet consumed', ['topic', 'partition']),
    progress: gauge(
      'partition_last_progress_timestamp_seconds',
      'When a batch of the partition was last acknowledged',
      ['topic', 'partition'],
    ),
    assigned: gauge('partitions_assigned', 'Partitions this process reads'),
    rebalances: counter('rebalances_total', 'Assignments and revocations', ['kind']),
    rebalanceDuration: histogram('rebalance_duration_seconds', 'Time to join and get partitions', syncSeconds),
    jumps: counter('offset_jumps_total', 'Times that messages expired before they were read', ['topic']),
    retries: counter('produce_retries_total', 'Produce requests that had to be sent again'),
    holds: counter('holds_retried_total', 'Held events tried again after a new snapshot version', ['result']),
    transactions: counter('transactions_total', 'Transactions ended, committed or aborted', ['result']),
    transactionDuration: histogram(
      'transaction_duration_seconds',
      'Time from the first output of a transaction to its commit',
      batchSeconds,
    ),
    transactionsHung: counter(
      'transactions_hung_total',
      'Transactions that brokers had not ended in every partition, ended there as well',
      ['decision'],
    ),
    kafkaWait: gauge(
      'kafka_wait_seconds',
      'How long Kafka is waited for, where that is longer than five seconds; 0 when the wait is over',
      ['for'],
    ),
    connected: gauge('kafka_connected', '1 while connected', ['role']),
    snapshotSynced: gauge(
      'snapshot_synced_timestamp_seconds',
      'When the warehouse was read for the snapshot that is served',
      ['entity'],
    ),
    snapshotRows: gauge('snapshot_rows', 'Rows of the snapshot that is served', ['entity']),
    snapshotBytes: gauge('snapshot_bytes', 'Bytes of the snapshot that is served', ['entity']),
    snapshotVersion: gauge('snapshot_version', 'Version of the snapshot that is served; 0 for none', ['entity']),
    snapshotStale: gauge('snapshot_stale', '1 while the snapshot that is served is older than its max_age', ['entity']),
    rowMemory: gauge(
      'row_memory_bytes',
      'Bytes of memory that hold the rows of the snapshot; 0 while they are read from its file',
      ['entity'],
    ),
    cacheActive: gauge(
      'row_cache_active',
      '1 while rows that were read lately are kept, because enough lookups hit them',
      ['entity'],
    ),
    cacheHitRatio: gauge('row_cache_hit_ratio', 'Share of lookups that hit, when the cache was last in use', [
      'entity',
    ]),
    verifyFailures: counter('snapshot_verify_failures_total', 'Snapshot files found damaged', ['entity']),
    syncRuns: counter('sync_runs_total', 'Syncs by result', ['entity', 'result']),
    syncDuration: histogram('sync_duration_seconds', 'Time of a sync', syncSeconds, ['entity']),
    syncRows: counter('sync_rows_total', 'Rows changed by syncs', ['entity', 'op']),
    rowEvents: counter('row_events_total', 'Row events written', ['entity']),
    syncSuccess: gauge('sync_last_success_timestamp_seconds', 'When a sync last succeeded', ['entity']),
    syncAttempt: gauge('sync_last_attempt_timestamp_seconds', 'When a sync was last tried', ['entity']),
    scanned: counter('warehouse_bytes_scanned_total', 'Bytes the warehouse says it scanned', ['entity']),
  }
  m.build.set({ version: options.version, node: process.version }, 1)
  for (const outcome of outcomes) m.enriched.inc({ outcome }, 0)
  for (const reason of waits) m.kafkaWait.set({ for: reason }, 0)
  for (const entity of options.entities) {
    for (const outcome of entityStatuses) m.lookups.inc({ entity, outcome }, 0)
    for (const result of ['success', 'unchanged', 'guarded', 'failed', 'cancelled'])
      m.syncRuns.inc({ entity, result }, 0)
    m.snapshotVersion.set({ entity }, 0)
    m.rowMemory.set({ entity }, 0)
    m.verifyFailures.inc({ entity }, 0)
    m.snapshotStale.set({ entity }, 0)
  }

  function tell(fact: Fact): void {
    switch (fact.name) {
      case 'batch-enriched': {
        const { topic } = fact
        const partition = String(fact.partition)
        m.consumed.inc({ topic }, fact.messages)
        m.consumedBytes.inc({ topic }, fact.bytes)
        for (const [target, count] of fact.deliveredTo) m.produced.inc({ topic: target }, count)
        for (const outcome of outcomes)
          if (fact.outcomes[outcome] > 0) m.enriched.inc({ outcome }, fact.outcomes[outcome])
        for (const [reason, count] of Object.entries(fact.deadLetters)) m.deadLetters.inc({ reason }, count)
        for (const [entity, counts] of fact.lookups) {
          for (const [outcome, count] of Object.entries(counts)) m.lookups.inc({ entity, outcome }, count)
        }
        for (const [stage, seconds] of Object.entries(fact.seconds)) m.batchDuration.observe({ stage }, seconds)
        m.batchSize.observe(fact.messages)
        m.lastTimestamp.set(fact.lastTimestamp / 1000)
        if (fact.lag !== null) m.lag.set({ topic, partition }, fact.lag)
        m.progress.set({ topic, partition }, Date.now() / 1000)
        break
      }
      case 'holds-retried':
        for (const result of holdResults) if (fact.results[result] > 0) m.holds.inc({ result }, fact.results[result])
        break
      case 'holds-failed':
        m.errors.inc({ stage: 'holds', code: fact.code in codes ? fact.code : 'INTERNAL' })
        break
      case 'partitions-assigned':
        m.assigned.set(fact.partitions.length)
        m.rebalances.inc({ kind: 'assign' })
        m.rebalanceDuration.observe(fact.seconds)
        break
      case 'partitions-revoked':
        m.assigned.set(0)
        m.rebalances.inc({ kind: 'revoke' })
        for (const { topic, partition } of fact.partitions) m.lag.remove({ topic, partition: String(partition) })
        break
      case 'offset-jumped':
        m.jumps.inc({ topic: fact.topic })
        break
      case 'produce-retried':
        m.retries.inc()
        break
      case 'transaction-ended':
        m.transactions.inc({ result: fact.committed ? 'committed' : 'aborted' })
        if (fact.committed) m.transactionDuration.observe(fact.seconds)
        break
      case 'transaction-hung':
        m.transactionsHung.inc({ decision: fact.decision })
        break
      case 'waiting':
        m.kafkaWait.set({ for: fact.for }, fact.why === null ? 0 : fact.seconds)
        break
      case 'kafka-connected':
        m.connected.set({ role: fact.role }, fact.connected ? 1 : 0)
        break
      case 'sync-finished': {
        const { run } = fact
        const { entity } = run
        m.syncRuns.inc({ entity, result: run.result })
        m.syncDuration.observe({ entity }, run.duration_seconds)
        m.syncAttempt.set({ entity }, Date.parse(run.started_at) / 1000)
        if (run.result === 'success' || run.result === 'unchanged') {
          m.syncSuccess.set({ entity }, Date.parse(run.started_at) / 1000 + run.duration_seconds)
        }
        if (run.result === 'success') {
          m.syncRows.inc({ entity, op: 'insert' }, run.added)
          m.syncRows.inc({ entity, op: 'update' }, run.updated)
          m.syncRows.inc({ entity, op: 'delete' }, run.deleted)
        }
        if (run.row_events !== null) m.rowEvents.inc({ entity }, run.row_events.sent)
        if (run.bytes_scanned !== null) m.scanned.inc({ entity }, run.bytes_scanned)
        if (run.error !== null) m.errors.inc({ stage: 'sync', code: run.error.code })
        break
      }
      case 'snapshot-serving': {
        const { entity } = fact
        m.snapshotSynced.set({ entity }, fact.asOf / 1000)
        m.snapshotRows.set({ entity }, fact.rows)
        m.snapshotBytes.set({ entity }, fact.bytes)
        m.snapshotVersion.set({ entity }, fact.version)
        m.rowMemory.set({ entity }, 0)
        break
      }
      case 'snapshot-stale':
        m.snapshotStale.set({ entity: fact.entity }, fact.stale ? 1 : 0)
        break
      case 'rows-in-memory':
        m.rowMemory.set({ entity: fact.entity }, fact.bytes)
        m.cacheActive.set({ entity: fact.entity }, 0) // of no use then
        break
      case 'row-cache':
        m.cacheActive.set({ entity: fact.entity }, fact.active ? 1 : 0)
        m.cacheHitRatio.set({ entity: fact.entity }, fact.hitRatio)
        break
      case 'snapshot-rejected':
        m.verifyFailures.inc({ entity: fact.entity })
        break
      case 'failed':
        m.errors.inc({ stage: 'control', code: fact.code in codes ? fact.code : 'INTERNAL' })
        break
      case 'sync-started':
      case 'started':
      case 'ready':
      case 'stopping':
        break
    }
  }
  return { registry, tell }
}
