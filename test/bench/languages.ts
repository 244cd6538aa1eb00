// biome-ignore-all lint/suspicious/noThenProperty: the mapping kit has a field of that name
/**
 * `npm run bench -- --only languages`: mappings and triggers of ours beside Segment's published packages, in one process, in
 * turns, so that both see the same machine and the same events. `@liquid` has no goal: it is the same LiquidJS. The package's
 * triggers are parsed ahead, and then as actions-core runs them: parsed again for every event.
 */
import { styleText } from 'node:util'
import type { JsonObject, JsonValue } from '../../src/json.ts'
import { compileMapping } from '../../src/mapping/mapping.ts'
import { compileTrigger } from '../../src/trigger/trigger.ts'
import { mappingOracle, triggerOracle } from '../support/oracle.ts'
import { languageEvents } from './language-events.ts'

const milliseconds = Number(process.argv[2] ?? 15)
const rounds = 11
const events = languageEvents(512)

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

interface Contender {
  /** Nanoseconds a call, of each turn. */
  readonly turns: number[]
  readonly loop: () => void
}

interface Pair {
  readonly name: string
  readonly goal: number
  readonly ours: Contender
  readonly theirs: Contender
}

type Call = (event: JsonObject) => unknown
const results: unknown[] = []
let loops = 0

/** A loop of its own, so that no contender is compiled with another in mind. What it gives is kept where it can be seen, or counted. */
function contender(call: Call): Contender {
  const use =
    typeof call(events[0]!) === 'boolean' ? 'if (call(events[at])) hits++' : 'results[at & 63] = call(events[at])'
  const code = `let hits = 0; for (let at = 0; at < events.length; at++) ${use}; results[64] = hits`
  const loop = new Function('call', 'events', 'results', `return () => { ${code} } // ${loops++}`)
  return { turns: [], loop: loop(call, events, results) as () => void }
}

function pair(name: string, goal: number, [ours, theirs]: readonly [Call, Call]): Pair {
  return { name, goal, ours: contender(ours), theirs: contender(theirs) }
}

/** In processor time: what waits for a busy machine costs nothing. The clock is asked ever more rarely: it is slow beside a trigger. */
function turn({ loop, turns }: Contender): void {
  const start = process.cpuUsage()
  let spent = 0
  let times = 0
  for (let repeats = 1; spent < 1000 * milliseconds; repeats *= 2) {
    for (let repeat = 0; repeat < repeats; repeat++) loop()
    times += repeats
    const { user, system } = process.cpuUsage(start)
    spent = user + system
  }
  turns.push((spent * 1000) / (times * events.length))
}

const { transform } = mappingOracle()
const { parseFql, validate } = triggerOracle()

function mappingPair(name: string, kit: JsonObject, goal: number): Pair {
  const compiled = compileMapping(kit)
  return pair(name, goal, [compiled.transform, (event) => transform(kit, event)])
}

function triggerPairs(name: string, text: string): Pair[] {
  const { matches } = compileTrigger(text)
  const ast = parseFql(text)
  return [
    pair(`trigger: ${name}`, 10, [matches, (event) => validate(ast, event)]),
    pair('  as actions-core runs it', 10, [matches, (event) => validate(parseFql(text), event)]),
  ]
}

const pairs = [
  mappingPair('mapping of 15 fields', fifteen, 20),
  ...Object.entries(single).map(([name, value]) => mappingPair(name, { x: value }, name === '@liquid' ? 0 : 10)),
  ...Object.entries(triggers).flatMap(([name, text]) => triggerPairs(name, text)),
]
for (let round = 0; round <= rounds; round++) {
  for (const { ours, theirs } of pairs) {
    turn(ours)
    turn(theirs)
  }
}

const bytes = events.reduce((sum, event) => sum + JSON.stringify(event).length, 0) / events.length
/** The first turn warms up. */
const median = (turns: readonly number[]) => turns.slice(1).sort((a, b) => a - b)[rounds >> 1]!
const figure = (value: number) => value.toFixed(value < 100 ? 1 : 0).padStart(12)
console.log(`${events.length} events of ${Math.round(bytes)} bytes`)
console.log(`${'nanoseconds a call'.padEnd(34)}${'ours'.padStart(12)}${'package'.padStart(12)}`)
for (const { name, goal, ours, theirs } of pairs) {
  const times = median(theirs.turns.map((turn, round) => turn / ours.turns[round]!)) // of neighbours in time
  const mark = goal === 0 ? '' : styleText(times >= goal ? 'green' : 'red', `  (goal ${goal})`)
  console.log(
    `${name.padEnd(34)}${figure(median(ours.turns))}${figure(median(theirs.turns))}${times.toFixed(1).padStart(9)} ×${mark}`,
  )
}
