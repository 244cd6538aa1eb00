// biome-ignore-all lint/suspicious/noThenProperty: the mapping kit has a field of that name
/**
 * `tsx test/bench/languages.ts [MILLISECONDS]`: mappings and triggers of ours beside Segment's published packages, in one
 * process, in turns, so that both see the same machine. Prints events a second and how many times faster. Two have no goal:
 * `@json` is JSON.stringify on both sides, `@liquid` the same LiquidJS. The package's triggers are parsed ahead, and then as
 * actions-core runs them: parsed again for every event.
 */
import { styleText } from 'node:util'
import type { JsonObject, JsonValue } from '../../src/json.ts'
import { compileMapping } from '../../src/mapping/mapping.ts'
import { compileTrigger } from '../../src/trigger/trigger.ts'
import { mappingOracle, triggerOracle } from '../support/oracle.ts'

const milliseconds = Number(process.argv[2] ?? 300)
const rounds = 3

const event: JsonObject = {
  type: 'track',
  event: 'Order Completed',
  messageId: 'ajs-next-2b0ad6e2c1d14f0d9a3f',
  userId: 'user-000000000000042',
  anonymousId: '4d7c8a3e-2f1b-4a3c-9b0e-6f5d4c3b2a10',
  timestamp: '2026-01-02T03:04:05.678Z',
  context: {
    ip: '203.0.113.7',
    locale: 'de-DE',
    userAgent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36',
    page: {
      url: 'https://shop.example/checkout/done',
      path: '/checkout/done',
      referrer: 'https://shop.example/cart',
      title: 'Thank you',
    },
    campaign: { name: 'winter', source: 'newsletter', medium: 'email' },
    traits: { email: 'user42@example.com', plan: 'pro' },
  },
  properties: {
    order_id: 'o-1000042',
    product_id: 'SKU-1',
    total: 129.9,
    currency: 'EUR',
    coupon: null,
    products: [
      { product_id: 'SKU-1', name: 'Hat', price: 19.9, quantity: 1 },
      { product_id: 'SKU-2', name: 'Coat', price: 110, quantity: 1 },
    ],
    shipping: { city: 'Ulm', method: { name: 'express', days: 1 } },
  },
  __segment_entities: {
    'my-space': { 'product-entity': { SKU: 'SKU-1', NAME: 'Hat', PRICE_USD: 21.5, CATEGORY: 'accessories' } },
  },
}
const row = '__segment_entities.my-space.product-entity'

const fifteen: JsonObject = {
  user_id: { '@path': '$.userId' },
  anonymous_id: { '@path': '$.anonymousId' },
  email: {
    '@if': {
      exists: { '@path': '$.context.traits.email' },
      then: { '@path': '$.context.traits.email' },
      else: { '@path': '$.properties.email' },
    },
  },
  event_name: { '@path': '$.event' },
  time: { '@path': '$.timestamp' },
  insert_id: { '@template': '{{messageId}}-{{type}}' },
  currency: { '@case': { operator: 'lower', value: { '@path': '$.properties.currency' } } },
  revenue: { '@path': '$.properties.total' },
  order: { '@replace': { pattern: 'o-', replacement: '', value: { '@path': '$.properties.order_id' } } },
  items: {
    '@arrayPath': ['$.properties.products', { id: { '@path': '$.product_id' }, price: { '@path': '$.price' } }],
  },
  page: { url: { '@path': '$.context.page.url' }, title: { '@path': '$.context.page.title' } },
  product_name: { '@path': `$.${row}.NAME` },
  product_label: { '@template': `{{${row}.NAME}} ({{${row}.CATEGORY}})` },
  price_usd: { '@path': `$.${row}.PRICE_USD` },
  source: 'web',
}

const single: Record<string, JsonValue> = {
  '@path': { '@path': '$.properties.shipping.city' },
  '@template': { '@template': '{{event}} by {{userId}}' },
  '@literal': { '@literal': 'web' },
  '@if': {
    '@if': { exists: { '@path': '$.userId' }, then: { '@path': '$.userId' }, else: { '@path': '$.anonymousId' } },
  },
  '@case': { '@case': { operator: 'upper', value: { '@path': '$.type' } } },
  '@arrayPath': { '@arrayPath': ['$.properties.products', { id: { '@path': '$.product_id' } }] },
  '@replace': { '@replace': { pattern: '-', replacement: '_', value: { '@path': '$.properties.order_id' } } },
  '@merge': { '@merge': { direction: 'right', objects: [{ '@path': '$.context.campaign' }, { name: 'x' }] } },
  '@json': { '@json': { mode: 'encode', value: { '@path': '$.context.campaign' } } },
  '@flatten': { '@flatten': { separator: '_', value: { '@path': '$.properties.shipping' } } },
  '@transform': {
    '@transform': { apply: { a: { '@path': '$.properties.total' } }, mapping: { b: { '@path': '$.a' } } },
  },
  '@excludeWhenNull': { '@excludeWhenNull': { '@path': '$.properties.coupon' } },
  '@liquid': { '@liquid': '{{ event | upcase }} {{ userId }}' },
}

const triggers = {
  'type and event': 'type = "track" and event = "Order Completed"',
  'with a group': 'type = "track" and (event = "Cart Viewed" or event = "Order Completed")',
  'properties and context':
    'type = "track" and properties.total >= 100 and context.traits.plan = "pro" and properties.coupon = null',
  functions: 'match(event, "Order*") and contains(context.page.path, "checkout")',
}

/** Calls a second, the best of a few turns: the disturbances of a shared machine only ever slow down. */
function rate(work: () => unknown): number {
  let calls = 0
  const start = performance.now()
  let now = start
  do {
    for (let n = 0; n < 200; n++) sink = work()
    calls += 200
    now = performance.now()
  } while (now - start < milliseconds / rounds)
  return (calls / (now - start)) * 1000
}
let sink: unknown

function compare(name: string, ours: () => unknown, theirs: () => unknown, goal: number): void {
  let [best, other] = [0, 0]
  for (let round = 0; round <= rounds; round++) {
    const [one, two] = [rate(ours), rate(theirs)]
    if (round > 0) [best, other] = [Math.max(best, one), Math.max(other, two)] // the first turn warms up
  }
  const times = best / other
  const mark =
    goal === 0 ? '' : times >= goal ? styleText('green', `  (goal ${goal})`) : styleText('red', `  (goal ${goal})`)
  const figure = (value: number) => Math.round(value).toLocaleString('en').padStart(12)
  console.log(`${name.padEnd(28)}${figure(best)}${figure(other)}${times.toFixed(1).padStart(9)} ×${mark}`)
}

const { transform } = mappingOracle()
const { parseFql, validate } = triggerOracle()
console.log(
  `event of ${JSON.stringify(event).length} bytes\n${'a second'.padEnd(28)}${'ours'.padStart(12)}${'package'.padStart(12)}`,
)

const mapping = compileMapping(fifteen)
compare(
  'mapping of 15 fields',
  () => mapping.transform(event),
  () => transform(fifteen, event as never),
  20,
)
for (const [name, value] of Object.entries(single)) {
  const one = { x: value }
  const compiled = compileMapping(one)
  compare(
    name,
    () => compiled.transform(event),
    () => transform(one, event as never),
    name === '@liquid' || name === '@json' ? 0 : 10,
  )
}
for (const [name, text] of Object.entries(triggers)) {
  const compiled = compileTrigger(text)
  const ast = parseFql(text)
  compare(
    `trigger: ${name}`,
    () => compiled.matches(event),
    () => validate(ast, event),
    10,
  )
  compare(
    '  as actions-core runs it',
    () => compiled.matches(event),
    () => validate(parseFql(text), event),
    10,
  )
}
if (sink === rounds) console.log(sink)
