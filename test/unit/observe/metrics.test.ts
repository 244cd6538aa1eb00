import { expect, test } from 'vitest'
import { metrics } from '../../../src/observe/metrics.ts'

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
