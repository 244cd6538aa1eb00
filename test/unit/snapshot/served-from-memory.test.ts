/** Events while the rows of their entity go from the file into memory: every output as if nothing happened. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { enrich, isDelivery } from '../../../src/enrich/enrich.ts'
import { run } from '../../../src/enrich/pipeline.ts'
import { findBy, type SnapshotSet } from '../../../src/enrich/snapshots.ts'
import type { Source } from '../../../src/enrich/source.ts'
import { bytesOf } from '../../../src/memory.ts'
import { Row } from '../../../src/row-text.ts'
import { openSnapshots } from '../../../src/snapshot/snapshots.ts'
import { snapshotStore } from '../../../src/snapshot/store.ts'
import type { Fact } from '../../../src/telemetry.ts'
import { keptSink, messageOf, sourceOf } from '../../support/pipeline.ts'
import { planOf, row } from '../../support/plan.ts'
import { publishRows } from '../../support/rows.ts'

const keys = Array.from({ length: 900 }, (_, number) => [`SKU-${number}`, `${number}`, `ключ ${number}`]).flat()
const rows = Object.fromEntries(
  keys.map((key, number) => [
    key,
    `{"NAME":"${'ü'.repeat(number % 40)} \\"${number}\\"","PRICE":${number}.5,"META":{"a":[${number},null]},"NONE":null}`,
  ]),
)
const plan = planOf(
  {
    slug: 'whole',
    format: 'event',
    mappings: [{ entities: { product: 'sku' }, mapping: { product: row('product') } }],
  },
  {
    slug: 'columns',
    mappings: [
      {
        entities: { product: 'sku' },
        mapping: {
          name: row('product', 'NAME'),
          text: { '@template': '{{__segment_entities.shop.product.PRICE}} {{sku}}' },
        },
      },
    ],
  },
)
/** Keys as text, as numbers, with escapes, and some that no row has. */
const events = [...keys, 'SKU-900', '-1', ''].map((key, number) => {
  const sku = /^\d+$/.test(key) && number % 2 === 0 ? key : JSON.stringify(key)
  return `{"type":"track","n":${number},"sku":${number % 5 === 0 ? sku.replace('S', '\\u0053') : sku}}`
})

function expected(text: string): (string | false)[] {
  const get = (key: string) => (Object.hasOwn(rows, key) ? Row.of(rows[key]!) : undefined)
  const product = { entity: 'product', version: 1, epoch: 1, asOf: 0, rows: keys.length, get, find: findBy(get) }
  const snapshots: SnapshotSet = { of: () => product, release: () => {} }
  const enriched = enrich(plan, snapshots, messageOf(text))
  return 'reason' in enriched ? [] : enriched.entries.map((one) => isDelivery(one) && bytesOf(one.value).toString())
}

test('rows that go into memory under load change no output', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'le-memory-'))
  const facts: Fact[] = []
  const tell = (fact: Fact) => void facts.push(fact)
  await publishRows(snapshotStore({ dir }), rows, { rows: keys.length })
  const snapshots = openSnapshots({ dir, entities: ['product'], memoryBytesMax: 2 ** 24, tell })
  await snapshots.refresh()
  const batches = Array.from({ length: 300 }, (_, batch) =>
    Array.from({ length: 200 }, (_, at) => events[(batch * 200 + at) % events.length]!),
  )
  const given = sourceOf(batches)
  const source: Source = {
    ...given,
    consume: (handle, signal) =>
      given.consume(async (batch) => {
        await handle(batch)
        await new Promise((resolve) => setImmediate(resolve)) // as the network would
      }, signal),
  }
  const sink = keptSink()
  const inMemoryAt: number[] = []
  await run(
    {
      plan,
      source,
      sink,
      snapshots,
      freshness: new Map(),
      clock: { now: Date.now, sleep: async () => {} },
      tell: (fact) => {
        if (inMemoryAt.length === 0 && facts.some(({ name }) => name === 'rows-in-memory'))
          inMemoryAt.push(sink.delivered.length)
        tell(fact)
      },
    },
    new AbortController().signal,
  )
  snapshots.close()
  rmSync(dir, { recursive: true })
  const wanted = events.map(expected)
  const wrong = sink.delivered.filter(({ value, offset }, at) => value !== wanted[offset % events.length]![at % 2])
  expect(wrong.slice(0, 3)).toEqual([])
  expect(sink.delivered).toHaveLength(2 * 300 * 200)
  // Many from the file, and many from memory.
  expect(inMemoryAt[0]).toBeGreaterThan(65_000)
  expect(inMemoryAt[0]).toBeLessThan(100_000)
})
