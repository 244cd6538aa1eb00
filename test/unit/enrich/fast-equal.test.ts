import { expect, test } from 'vitest'
import { enrich, isDelivery } from '../../../src/enrich/enrich.ts'
import { compileEnricher, compileFast } from '../../../src/enrich/fast.ts'
import { run } from '../../../src/enrich/pipeline.ts'
import type { Plan } from '../../../src/enrich/plan.ts'
import { findBy, type SnapshotSet } from '../../../src/enrich/snapshots.ts'
import { bytesOf } from '../../../src/memory.ts'
import { Row } from '../../../src/row-text.ts'
import { jsonText } from '../../../src/sync/row.ts'
import { keptSink, messageOf, snapshotsOf, sourceOf } from '../../support/pipeline.ts'
import { planOf, row } from '../../support/plan.ts'

/** The event names a path in what was applied; a number is no path. */
const failing = {
  label: {
    '@transform': { apply: { n: { '@path': '$.properties.from' } }, mapping: { '@path': { '@path': '$.n' } } },
  },
}

test('a mapping that fails on one event makes a dead letter of it, and the next event goes on', async () => {
  const sink = keptSink()
  await run(
    {
      plan: planOf({ format: 'event', mappings: [{ mapping: failing }] }),
      source: sourceOf([['{"type":"track","properties":{"from":5}}', '{"type":"track","properties":{"from":"n"}}']]),
      sink,
      snapshots: snapshotsOf({}),
      freshness: new Map(),
      clock: { now: () => 0, sleep: async () => {} },
      tell: () => {},
    },
    new AbortController().signal,
  )
  expect(sink.deadLetters.map(({ reason }) => reason)).toEqual(['mapping_failed'])
  expect(sink.delivered.map(({ value }) => value)).toEqual(['{"type":"track","properties":{"from":"n"},"label":"n"}'])
})

/** Rows as the sync writes them, by the text of a decimal in the warehouse. */
function decimals(...texts: string[]): SnapshotSet {
  const get = (key: string) => (texts.includes(key) ? Row.of(`{"P":${jsonText('decimal', key)}}`) : undefined)
  const snapshot = { entity: 'product', version: 1, epoch: 1, asOf: 0, rows: texts.length, get, find: findBy(get) }
  return { of: () => snapshot, release: () => {} }
}

function output(plan: Plan, snapshots: SnapshotSet, key: string, way = compileEnricher(plan).enrich) {
  const enrichment = way(snapshots, messageOf(`{"type":"track","sku":"${key}"}`))
  return 'reason' in enrichment
    ? null
    : enrichment.entries.map((one) => isDelivery(one) && bytesOf(one.value).toString())
}

test('very small and very large decimals of a row are written alike, whichever row came first', () => {
  const plan = planOf({
    format: 'event',
    mappings: [{ entities: { product: 'sku' }, mapping: { row: row('product') } }],
  })
  const keys = ['1.50', '0.0000001', '-0.00000012', '1000000000000000000000', '0.000001', '123456789012345678901234.5']
  for (const first of keys) {
    const snapshots = decimals(...keys)
    const way = compileEnricher(plan).enrich
    for (const key of [first, ...keys]) {
      const slow = output(plan, snapshots, key, (set, message) => enrich(plan, set, message))
      expect(output(plan, snapshots, key, way)).toEqual(slow)
    }
  }
  expect(compileFast(plan)?.enrich(decimals('2'), messageOf('{"type":"track","sku":"2"}'))).not.toBeNull()
})
