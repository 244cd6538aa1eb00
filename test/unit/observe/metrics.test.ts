import { expect, test } from 'vitest'
import { metrics } from '../../../src/observe/metrics.ts'
import { nothingFound, type SyncRun } from '../../../src/sync/sync-run.ts'

test('transactions are counted by their result, and the committed ones are timed', async () => {
  const { registry, tell } = metrics({ pipeline: 'p', version: '1', entities: [] })
  tell({ name: 'transaction-ended', committed: true, batches: 4, seconds: 0.02, reason: null })
  tell({ name: 'transaction-ended', committed: true, batches: 1, seconds: 0.01, reason: null })
  tell({ name: 'transaction-ended', committed: false, batches: 2, seconds: 9, reason: 'another generation' })
  const text = await registry.metrics()
  expect(text).toContain('linked_events_transactions_total{result="committed",pipeline="p"} 2')
  expect(text).toContain('linked_events_transactions_total{result="aborted",pipeline="p"} 1')
  expect(text).toContain('linked_events_transaction_duration_seconds_count{pipeline="p"} 2')
})

test('a wait for Kafka shows how long it lasts, and is 0 when it is over; transactions that hung are counted', async () => {
  const { registry, tell } = metrics({ pipeline: 'p', version: '1', entities: [] })
  const waiting = { name: 'waiting', for: 'stable offsets', what: 'in/0' } as const
  const seconds = async () => /kafka_wait_seconds\{for="stable offsets".*\} (\S+)/.exec(await registry.metrics())?.[1]
  expect(await seconds()).toBe('0')
  tell({ ...waiting, seconds: 35.5, why: 'a transaction is about to move the offset' })
  expect(await seconds()).toBe('35.5')
  tell({ ...waiting, seconds: 40, why: null })
  expect(await seconds()).toBe('0')
  tell({ name: 'transaction-hung', partitions: [{ topic: 'out', partition: 0 }], decision: 'commit' })
  expect(await registry.metrics()).toContain('linked_events_transactions_hung_total{decision="commit",pipeline="p"} 1')
})

test('row events are counted by entity, also those of a run that failed after them', async () => {
  const { registry, tell } = metrics({ pipeline: 'p', version: '1', entities: ['product', 'account'] })
  tell({ name: 'sync-finished', run: run({ row_events: { sent: 7, elsewhere: null } }) })
  tell({ name: 'sync-finished', run: run({ result: 'failed', row_events: { sent: 5, elsewhere: null } }) })
  tell({ name: 'sync-finished', run: run({ row_events: { sent: 0, elsewhere: 'host/1' } }) })
  tell({ name: 'sync-finished', run: run({ entity: 'account' }) })
  const text = await registry.metrics()
  expect(text).toContain('linked_events_row_events_total{entity="product",pipeline="p"} 12')
  expect(text).not.toContain('linked_events_row_events_total{entity="account"')
})

test('the bytes of rows in memory are those of the version that is served', async () => {
  const { registry, tell } = metrics({ pipeline: 'p', version: '1', entities: ['product'] })
  const bytes = async () => /row_memory_bytes\{.*\} (\d+)/.exec(await registry.metrics())?.[1]
  const serving = { name: 'snapshot-serving', entity: 'product', rows: 9, bytes: 99, asOf: 0 } as const
  expect(await bytes()).toBe('0')
  tell({ ...serving, version: 1 })
  tell({ name: 'row-cache', entity: 'product', active: true, hitRatio: 0.5 })
  tell({ name: 'rows-in-memory', entity: 'product', version: 1, bytes: 77 })
  expect(await bytes()).toBe('77')
  expect(await registry.metrics()).toContain('linked_events_row_cache_active{entity="product",pipeline="p"} 0')
  tell({ ...serving, version: 2 })
  expect(await bytes()).toBe('0')
})

function run(more: Partial<SyncRun>): SyncRun {
  const times = { started_at: '2026-01-01T00:00:00.000Z', duration_seconds: 1 }
  const version = { version: 1, epoch: 1, rows: 0 }
  return { entity: 'product', result: 'success', ...nothingFound, ...version, ...times, error: null, ...more }
}
