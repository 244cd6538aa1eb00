/**
 * Law: the short way of an event through its bytes gives what parsing gives: the same entries, the same bytes, the same dead
 * letters. What it cannot do it must leave, and what is not JSON it must never let through.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Enrichment, enrich, isDelivery } from '../../src/enrich/enrich.ts'
import { compileFast } from '../../src/enrich/fast.ts'
import type { JsonObject } from '../../src/json.ts'
import { messageOf, snapshotsOf } from '../support/pipeline.ts'
import { type DestinationWords, planOf, row } from '../support/plan.ts'

const runs = Number(process.env.RUNS ?? 10_000)
const snapshots = snapshotsOf({
  product: {
    'SKU-1': { SKU: 'SKU-1', NAME: 'Hat "é" 😀', PRICE: 9.5, NOTE: null, DEEP: { a: [1, { b: 2 }] } },
    '42': { SKU: '42', NAME: 'Answer' },
    'a"b': { SKU: 'a"b' },
  },
  account: { '42': { '1': 'reordered?', PLAN: 'team' }, true: { PLAN: 'yes' } },
}).current()

const space = fc.constantFrom('', '', '', '', ' ', '\n  ', '\t', ' \r\n')
const names = ['type', 'event', 'properties', 'context', 'integrations', 'traits', 'consent', 'categoryPreferences']
const more = [
  'sku',
  'account',
  'product',
  'total',
  'crm',
  'All',
  'userId',
  '__segment_entities',
  'é',
  'a"b',
  '',
  '__proto__',
]
const name = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...names, ...more).map((text) => JSON.stringify(text)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('"\\u0074ype"', '"propert\\u0069es"', '"constructor"', '"length"', '"0"', '"\\/"'),
  },
)
const scalar = fc.constantFrom(
  '"SKU-1"',
  '"SKU-1"',
  '42',
  '42.0',
  '4.2e1',
  '"42"',
  '"track"',
  '"track"',
  '"Order Completed"',
  '"tr\\u0061ck"',
  '"SKU\\u002d1"',
  '"a\\"b"',
  '1.0',
  '-0',
  '-1',
  '0',
  '12345678901234567890',
  '1e400',
  '0.10',
  'true',
  'false',
  'null',
  '""',
  '"}\\"{"',
  '"\\\\"',
  '"😀 \\ud83d"',
  '"ü"',
  '[]',
  '[ 1,{"sku":"SKU-1"} , "]"]',
  '{}',
  '"{\\"properties\\":{\\"sku\\":\\"42\\"}}"',
  '"\\ud800"',
  '[[]]',
)
const { object } = fc.letrec<{ object: string; value: string }>((tie) => ({
  value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, scalar, tie('object'), scalar),
  object: fc
    .tuple(fc.array(fc.tuple(space, name, space, space, tie('value'), space), { maxLength: 6 }), space)
    .map(([members, inside]) => {
      const texts = members.map(([a, key, b, c, value, d]) => `${a}${key}${b}:${c}${value}${d}`)
      return `{${texts.length === 0 ? inside : texts.join(',')}}`
    }),
}))

/** Events that look like events, so that the triggers match and keys are found. */
const likely = fc
  .record({
    type: fc.constantFrom('"track"', '"track"', '"identify"', '"tr\\u0061ck"', 'null'),
    event: fc.constantFrom('"Order Completed"', '"Cart Viewed"', '7'),
    sku: scalar,
    account: scalar,
    extra: fc.oneof(scalar, object),
    product: fc.option(fc.oneof(scalar, object)),
    properties: fc.constantFrom('members', 'members', 'members', 'absent', 'null', 'list', 'text', 'twice'),
    integrations: fc.constantFrom(
      '',
      '',
      '"integrations":{"All":true},',
      '"integrations":{"All":false,"crm":true},',
      '"integrations":false,',
    ),
    consent: fc.constantFrom(
      '',
      '',
      '"context":{"consent":{"categoryPreferences":{"ads":true}}},',
      '"context":{"consent":{"x":1}},',
      '"context":{"consent":{}},',
      '"context":[],',
    ),
    gap: space,
  })
  .map(({ type, event, sku, account, extra, product, properties, integrations, consent, gap }) => {
    const members = `{"total":1.50,${gap}"sku":${gap}${sku},"account":${account}${product === null ? '' : `,"product":${product}`}${gap}}`
    const place = {
      members: `,"properties":${members}`,
      twice: `,"properties":{"sku":"42","product":{"x":1}},"properties":${members}`,
      absent: '',
      null: ',"properties":null',
      list: ',"properties":["SKU-1"]',
      text: ',"properties":"sku"',
    }[properties]
    return `${gap}{${integrations}${consent}"type":${type},"event":${event}${place},${gap}"extra":${extra}}${gap}`
  })

const document = fc.oneof({ weight: 4, arbitrary: likely }, { weight: 2, arbitrary: object })

/** One byte more, less or other: mostly no JSON any more, sometimes other JSON. */
const damaged = fc
  .tuple(
    document,
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.constantFrom('cut', 'drop', 'set', 'insert', 'append'),
    fc.oneof(
      fc.integer({ min: 0, max: 255 }),
      fc.constantFrom(...[...'{}[]",:\\0.e-+tfnu \n\u0000'].map((c) => c.charCodeAt(0))),
    ),
  )
  .map(([text, share, how, byte]) => {
    const bytes = Buffer.from(text)
    const at = Math.floor(share * bytes.length)
    if (how === 'cut') return bytes.subarray(0, at)
    if (how === 'append') return Buffer.concat([bytes, Buffer.from([byte])])
    const middle = how === 'drop' ? Buffer.alloc(0) : Buffer.from([byte])
    return Buffer.concat([bytes.subarray(0, at), middle, bytes.subarray(how === 'insert' ? at : at + 1)])
  })

const mapping = fc.constantFrom<JsonObject>(
  { properties: { product: row('product') } },
  { properties: { product: row('product'), account: row('account', 'PLAN') }, enriched: true },
  { product: row('product'), account: row('account') },
  {
    new: { deep: { product: row('product'), n: 1.5, none: row('product', 'NONE') }, list: [1, row('product', 'NAME')] },
  },
  { properties: { sku: null, total: { '@path': '$.properties.total' }, extra: { '@path': '$.extra' } } },
  { properties: { product: { name: row('product', 'NAME'), deep: row('product', 'DEEP') } }, context: {} },
  {
    name: row('product', 'NAME'),
    label: { '@template': '{{properties.sku}}/{{event}}' },
    who: { '@path': '$.userId' },
  },
  {
    all: { '@path': '$.properties' },
    sku: { '@path': '$.properties.sku' },
    missing: { '@path': '$.properties.product.x' },
  },
  { bad: { '@path': { '@path': '$.extra' } } },
  { whole: { '@path': '$.' } },
  { quoted: { '@path': '$.properties["a.b"]' } },
  { own: { '@path': '$.__segment_entities' }, two: { '@path': '$.constructor.name' } },
  { '1': 'a', '0': row('product') },
)
const trigger = fc.constantFrom(
  'type = "track"',
  'type = "track" and event = "Order Completed"',
  'properties.total >= 1 and type != "identify"',
  'properties.sku = "SKU-1" or event = "Cart Viewed"',
  'context.consent.x != null or extra = "x"',
  'match(event, "Order*")',
)
const destination: fc.Arbitrary<DestinationWords> = fc.record({
  slug: fc.constantFrom('crm', 'ads', 'All'),
  categories: fc.constantFrom([], [], ['ads']),
  format: fc.constantFrom('event', 'event', 'payload'),
  mappings: fc.array(
    fc.record({
      name: fc.constantFrom('One', 'Two'),
      trigger,
      entities: fc.constantFrom(
        { product: 'properties.sku' },
        { product: '$.properties.sku', account: 'properties.account' },
        {},
        { product: 'properties' },
        { product: 'properties.product.0' },
      ),
      onMissing: fc.constantFrom('pass', 'pass', 'drop', 'dead_letter'),
      mapping,
    }),
    { maxLength: 2 },
  ),
})

/** What a sink and the metrics see of it. */
function seen(enrichment: Enrichment) {
  if ('reason' in enrichment) return enrichment
  return enrichment.entries.map((entry) => ({
    ...entry,
    destination: entry.destination.slug,
    mapping: entry.mapping?.name,
    value: isDelivery(entry) ? entry.value.toString('latin1') : null,
  }))
}

/** Message bytes stand among others in what a fetch brings; what follows must not complete what is cut. */
function placed(value: Buffer, after: string) {
  const bytes = Buffer.concat([Buffer.from('{"x":"'), value, Buffer.from(after)])
  return messageOf(value, { bytes, valueStart: 6, valueEnd: 6 + value.length })
}

let fastCount = 0
const compared = (destinations: readonly DestinationWords[], values: readonly Buffer[], after: string) => {
  const plan = planOf(...destinations)
  const fast = compileFast(plan)
  if (fast === null) return
  for (const value of values) {
    const message = placed(value, after)
    const slow = seen(enrich(plan, snapshots, message))
    const quick = fast(snapshots, message)
    if (quick === null) continue
    fastCount++
    expect(seen(quick)).toEqual(slow)
  }
}
const after = fc.constantFrom('', '}', '"}', '":1}}', ' ', '0', ',"x":1}')

test('scanned and parsed give the same entries and the same bytes, over generated documents and mappings', () => {
  fastCount = 0
  fc.assert(
    fc.property(
      fc.array(destination, { minLength: 1, maxLength: 2 }),
      fc.array(document, { minLength: 1, maxLength: 6 }),
      after,
      (plan, texts, rest) =>
        compared(
          plan,
          texts.map((text) => Buffer.from(text)),
          rest,
        ),
    ),
    { numRuns: runs },
  )
  expect(fastCount).toBeGreaterThan(runs / 2) // else the law says little
})

test('what is damaged becomes what parsing makes of it: broken JSON is never delivered', () => {
  fc.assert(
    fc.property(
      fc.array(destination, { minLength: 1, maxLength: 2 }),
      fc.array(damaged, { minLength: 1, maxLength: 6 }),
      after,
      compared,
    ),
    { numRuns: runs },
  )
})
