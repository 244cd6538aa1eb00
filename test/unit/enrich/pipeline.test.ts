import { describe, expect, test } from 'vitest'
import { noOutcomes } from '../../../src/enrich/outcome.ts'
import { run } from '../../../src/enrich/pipeline.ts'
import type { Plan } from '../../../src/enrich/plan.ts'
import { compilePayloadSchema } from '../../../src/mapping/payload.ts'
import type { Fact } from '../../../src/telemetry.ts'
import { type KeptSink, keptSink, snapshotsOf, sourceOf } from '../../support/pipeline.ts'
import { planOf, row } from '../../support/plan.ts'

const clock = { now: () => 0, sleep: async () => {} }
const products = { 'SKU-1': { SKU: 'SKU-1', NAME: 'Hat', PRICE: 9.5, NOTE: null }, '42': { SKU: '42', NAME: 'Answer' } }
const accounts = { '42': { PLAN: 'team' } }

async function enriched(
  plan: Plan,
  events: (string | Buffer | null)[],
  sink: KeptSink = keptSink(),
  entities: Parameters<typeof snapshotsOf>[0] = { product: products, account: accounts },
) {
  const facts: Fact[] = []
  const snapshots = snapshotsOf(entities)
  await run(
    {
      plan,
      source: sourceOf([events]),
      sink,
      snapshots,
      freshness: new Map(),
      clock,
      tell: (fact) => facts.push(fact),
    },
    new AbortController().signal,
  )
  expect(snapshots.held).toBe(0)
  const fact = facts.find(({ name }) => name === 'batch-enriched') as Extract<Fact, { name: 'batch-enriched' }>
  return { sink, fact, outcomes: fact.outcomes }
}

const track = (properties: object, more: object = {}) =>
  JSON.stringify({ type: 'track', event: 'Order Completed', properties, ...more })
const both = {
  name: 'Both',
  entities: { product: 'properties.sku', account: '$.properties.account' },
  mapping: { name: row('product', 'NAME'), plan: row('account', 'PLAN') },
}

describe('the outcome of a delivery', () => {
  test('full, partial and none by how many entities have a row; bypassed without an entity', async () => {
    const plan = planOf(
      { mappings: [both] },
      { slug: 'plain', mappings: [{ mapping: { who: { '@path': '$.userId' } } }] },
    )
    const { sink, outcomes, fact } = await enriched(plan, [
      track({ sku: 'SKU-1', account: 42 }),
      track({ sku: 'SKU-1', account: 'x' }),
      track({ sku: 'gone' }),
    ])
    expect(outcomes).toEqual({ ...noOutcomes(), full: 1, partial: 1, none: 1, bypassed: 3 })
    expect(fact.delivered).toBe(6)
    expect(
      sink.delivered
        .filter(({ target }) => target === 'crm')
        .map(({ value, headers }) => [value, headers['le.outcome'], headers['le.entities']]),
    ).toEqual([
      ['{"name":"Hat","plan":"team"}', 'full', 'product=hit@7 account=hit@7'],
      ['{"name":"Hat"}', 'partial', 'product=hit@7 account=no_match@7'],
      ['{}', 'none', 'product=no_match@7 account=key_missing@7'],
    ])
    expect(Object.fromEntries([...fact.lookups].map(([entity, counts]) => [entity, counts]))).toEqual({
      product: { hit: 2, no_match: 1 },
      account: { hit: 1, no_match: 1, key_missing: 1 },
    })
  })

  test('a null column is a hit', async () => {
    const plan = planOf({
      mappings: [{ entities: { product: 'properties.sku' }, mapping: { note: row('product', 'NOTE') } }],
    })
    const { sink, outcomes } = await enriched(plan, [track({ sku: 'SKU-1' })])
    expect(outcomes.full).toBe(1)
    expect(sink.delivered[0]?.value).toBe('{"note":null}')
  })

  test('an entity without a version never blocks', async () => {
    const plan = planOf({
      mappings: [{ entities: { product: 'properties.sku' }, mapping: { sku: { '@path': '$.properties.sku' } } }],
    })
    const { sink } = await enriched(plan, [track({ sku: 'SKU-1' })], keptSink(), {})
    expect(sink.delivered[0]?.headers['le.entities']).toBe('product=entity_not_ready@0')
  })

  test('two mappings match the same entity by different properties', async () => {
    const mapping = { name: row('product', 'NAME') }
    const plan = planOf({
      mappings: [
        { name: 'A', entities: { product: 'properties.sku' }, mapping },
        { name: 'B', entities: { product: 'properties.other' }, mapping },
      ],
    })
    const { sink } = await enriched(plan, [track({ sku: 'SKU-1', other: 42 })])
    expect(sink.delivered.map(({ value, headers }) => [headers['le.mapping'], value])).toEqual([
      ['A', '{"name":"Hat"}'],
      ['B', '{"name":"Answer"}'],
    ])
  })
})

describe('a destination that gets nothing has exactly one reason', () => {
  test.each([
    ['no trigger matches', { type: 'identify' }, 1],
    ['the integrations object says no', { type: 'track', integrations: { All: false } }, 1],
    ['consent is refused', { type: 'track', context: { consent: { categoryPreferences: { ads: false } } } }, 1],
  ])('%s', async (_name, event, filtered) => {
    const plan = planOf({ categories: ['ads'], mappings: [both, { ...both, name: 'Again' }] })
    const { outcomes, sink } = await enriched(plan, [JSON.stringify(event)])
    expect(outcomes).toEqual({ ...noOutcomes(), filtered })
    expect(sink.delivered).toEqual([])
  })

  test('a destination without an enabled mapping filters everything', async () => {
    expect((await enriched(planOf({ mappings: [] }), [track({}), track({})])).outcomes.filtered).toBe(2)
  })
})

describe('a missing row', () => {
  test('drop leaves out that mapping, the others are delivered', async () => {
    const plan = planOf({
      mappings: [
        { ...both, name: 'Strict', onMissing: 'drop' },
        { ...both, name: 'Lenient' },
      ],
    })
    const { outcomes, sink } = await enriched(plan, [track({ sku: 'gone', account: 42 })])
    expect(outcomes).toEqual({ ...noOutcomes(), dropped: 1, partial: 1 })
    expect(sink.delivered.map(({ headers }) => headers['le.mapping'])).toEqual(['Lenient'])
  })

  test('dead_letter sets the whole message aside: nothing of it is delivered', async () => {
    const plan = planOf(
      { slug: 'first', mappings: [both] },
      { slug: 'second', mappings: [{ ...both, onMissing: 'dead_letter' }] },
    )
    const { outcomes, sink } = await enriched(plan, [track({ sku: 'gone' }), track({ sku: 'SKU-1', account: 42 })])
    expect(outcomes).toEqual({ ...noOutcomes(), dead_letter: 1, full: 2 })
    expect(sink.deadLetters).toMatchObject([{ reason: 'entity_missing', offset: 0 }])
    expect(sink.delivered.map(({ offset }) => offset)).toEqual([1, 1])
  })
})

test('a broken message is one dead letter, and the rest of the batch goes on', async () => {
  const { outcomes, sink } = await enriched(planOf({ mappings: [both] }), [
    '{',
    track({ sku: 'SKU-1', account: 42 }),
    null,
    '[]',
  ])
  expect(outcomes).toEqual({ ...noOutcomes(), dead_letter: 3, full: 1 })
  expect(sink.deadLetters.map(({ reason, offset }) => [reason, offset])).toEqual([
    ['invalid_json', 0],
    ['empty_value', 2],
    ['not_an_object', 3],
  ])
})

test('a mapping that cannot be applied makes a dead letter, with the mapping named', async () => {
  const plan = planOf({ mappings: [{ name: 'Breaks', mapping: { a: { '@path': { '@path': '$.n' } } } }] })
  const { sink } = await enriched(plan, [JSON.stringify({ type: 'track', n: 5 })])
  expect(sink.deadLetters).toMatchObject([{ reason: 'mapping_failed' }])
  expect(sink.deadLetters[0]?.explanation).toContain('Breaks')
})

test('a mapping that gives no object makes a dead letter', async () => {
  for (const format of ['payload', 'event'] as const) {
    const plan = planOf({ format, mappings: [{ name: 'Scalar', mapping: { '@path': '$.nothing.here' } }] })
    const { sink, outcomes } = await enriched(plan, [track({})])
    expect(outcomes).toEqual({ ...noOutcomes(), dead_letter: 1 })
    expect(sink.deadLetters).toMatchObject([{ reason: 'mapping_failed' }])
  }
})

test('a result that does not fit its schema makes a dead letter; one that fits is cleaned', async () => {
  const plan = planOf({ mappings: [{ mapping: { n: { '@path': '$.properties.n' }, extra: 1 } }] })
  const schema = compilePayloadSchema({ type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] })
  const [destination] = plan.destinations
  const checked = {
    ...plan,
    destinations: [{ ...destination!, mappings: destination!.mappings.map((mapping) => ({ ...mapping, schema })) }],
  }
  const { sink } = await enriched(checked, [track({ n: '5' }), track({ n: 'x' })])
  expect(sink.delivered.map(({ value }) => value)).toEqual(['{"n":5}'])
  expect(sink.deadLetters).toMatchObject([
    { reason: 'payload_invalid', explanation: expect.stringContaining('n must be integer') },
  ])
})

test('an output that its topic would refuse makes a dead letter, and no part of the message is delivered', async () => {
  const sink = keptSink([], 3000)
  const plan = planOf(
    { slug: 'small', mappings: [{ mapping: { a: 1 } }] },
    { slug: 'large', format: 'event', mappings: [{ mapping: { a: 1 } }] },
  )
  const { outcomes } = await enriched(plan, [track({ text: 'x'.repeat(3000) }), track({})], sink)
  expect(outcomes).toEqual({ ...noOutcomes(), dead_letter: 1, bypassed: 2 })
  expect(sink.deadLetters).toMatchObject([{ reason: 'output_too_large', offset: 0 }])
})

test('format event merges the result into the bytes that came', async () => {
  const plan = planOf({
    format: 'event',
    mappings: [{ entities: { product: 'properties.sku' }, mapping: { properties: { product: row('product') } } }],
  })
  const { sink } = await enriched(plan, [
    '{ "type":"track",\n "properties": { "sku":"SKU-1", "n": 1.0, "big":12345678901234567890 } , "type" : "track" }',
  ])
  expect(sink.delivered[0]?.value).toBe(
    '{ "type":"track",\n "properties": { "sku":"SKU-1", "n": 1.0, "big":12345678901234567890,"product":{"SKU":"SKU-1","NAME":"Hat","PRICE":9.5,"NOTE":null} } , "type" : "track" }',
  )
})

test('a payload keeps the digits of a value that is passed on', async () => {
  const plan = planOf({ mappings: [{ mapping: { id: { '@path': '$.properties.id' } } }] })
  const { sink } = await enriched(plan, ['{"type":"track","properties":{"id":12345678901234567890}}'])
  expect(sink.delivered[0]?.value).toBe('{"id":12345678901234567890}')
})

test('an event cannot bring its own rows', async () => {
  const plan = planOf({ mappings: [both] })
  const { sink } = await enriched(plan, [
    track({ sku: 'gone' }, { __segment_entities: { shop: { product: { NAME: 'forged' } } } }),
  ])
  expect(sink.delivered[0]?.value).toBe('{}')
})

test('the same record, destination and mapping give the same event id; another gives another', async () => {
  const plan = planOf(
    {
      mappings: [
        { name: 'A', mapping: {} },
        { name: 'B', mapping: {} },
      ],
    },
    { slug: 'other', mappings: [{ name: 'A', mapping: {} }] },
  )
  const ids = async () =>
    (await enriched(plan, [track({}), track({})])).sink.delivered.map(({ headers }) => headers['le.event_id'])
  const first = await ids()
  expect(new Set(first).size).toBe(6)
  expect(await ids()).toEqual(first)
})

test('delivered first, acknowledged second', async () => {
  const happened: string[] = []
  const source = sourceOf([[track({})], [track({})]], happened)
  await run(
    {
      plan: planOf({ mappings: [{ mapping: {} }] }),
      source,
      sink: keptSink(happened),
      snapshots: snapshotsOf({}),
      freshness: new Map(),
      clock,
      tell: () => {},
    },
    new AbortController().signal,
  )
  expect(happened).toEqual(['deliver', 'flush', 'acknowledge', 'deliver', 'flush', 'acknowledge'])
})

test('what is not delivered is not acknowledged', async () => {
  const happened: string[] = []
  const source = sourceOf([[track({})]], happened)
  const sink = keptSink(happened, Number.POSITIVE_INFINITY, true)
  const running = run(
    {
      plan: planOf({ mappings: [{ mapping: {} }] }),
      source,
      sink,
      snapshots: snapshotsOf({}),
      freshness: new Map(),
      clock,
      tell: () => {},
    },
    new AbortController().signal,
  )
  await expect(running).rejects.toThrow('the sink is away')
  expect(happened).toEqual(['deliver', 'flush'])
})
