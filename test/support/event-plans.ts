// biome-ignore-all lint/suspicious/noThenProperty: the mapping kit has a field of that name
/** Generated destinations for the events of event-documents.ts: mappings over every directive, triggers, match properties, schemas. */
import fc from 'fast-check'
import type { JsonObject, JsonValue } from '../../src/json.ts'
import { compileMapping } from '../../src/mapping/mapping.ts'
import { columnNames, oddColumnNames } from './event-rows.ts'
import { type DestinationWords, type MappingWords, row } from './plan.ts'

const pick = <T>(...values: readonly T[]) => fc.constantFrom<T>(...values)

/** Mostly what operators write: one odd name sends a whole mapping the long way. */
const mostly = <T>(common: fc.Arbitrary<T>, odd: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 25, arbitrary: common }, { weight: 1, arbitrary: odd })

const eventPath = mostly(
  pick(
    ...['type', 'event', 'userId', 'extra', 'extra.a', 'context', 'context.consent', 'properties', 'properties.sku'],
    ...['properties.account', 'properties.total', 'properties.product', 'properties.product.x', 'missing.deep.down'],
    ...[
      'properties.é',
      'properties.search',
      'properties.constructor',
      'properties.sku.length',
      'extra.length',
      'properties.items',
      'properties.items[0].sku',
      'extra[0]',
      'extra[1].sku',
      'traits.plan',
      'properties.a"b',
    ],
  ),
  pick(
    ...['properties["a.b"]', "properties['x y']", 'constructor.name', 'properties.length', 'properties.sku.length'],
    ...['', '__proto__', '$.type', 'extra.__proto__.x', '__segment_entities', '__segment_entities.shop'],
  ),
)
const entity = pick('product', 'product', 'product', 'account', 'none')
const column = fc
  .tuple(entity, mostly(pick(...columnNames), pick(...oddColumnNames)), pick('', '', '', '.a', '[0]'))
  .map(([one, name, below]) => `__segment_entities.shop.${one}.${name}${below}`)
const wholeRow = mostly(
  entity.map((one) => `__segment_entities.shop.${one}`),
  fc.constant('__segment_entities.other.product'),
)
const path = fc
  .tuple(
    pick('$.', '$.', ''),
    fc.oneof({ weight: 2, arbitrary: eventPath }, { weight: 2, arbitrary: column }, wholeRow),
  )
  .map(([root, one]) => root + one)
const template = fc
  .array(
    fc.oneof(
      fc.oneof(eventPath, column).map((one) => `{{${one}}}`),
      pick('x', ' – ', '{{{type}}}', '{', '😀'),
    ),
    { maxLength: 3 },
  )
  .map((parts) => parts.join(''))

const constant = pick<JsonValue>(
  ...[
    null,
    true,
    false,
    0,
    -1,
    1.5,
    1e-9,
    1e21,
    2 ** 53,
    '',
    'text',
    'ü "quoted" \\ 😀',
    '\u2028',
    '\ud800',
    '1e400',
    '{"a":1}',
  ],
  ...[[], {}, [1, null, 'x'], { a: { b: null } }],
)
const outputKey = mostly(
  pick(
    ...['properties', 'properties', 'context', 'product', 'sku', 'total', 'account', 'extra', 'type', 'name'],
    ...['consent', 'search', 'constructor', 'length', 'é', 'a"b', '', 'x y', 'deep', '\ud800'],
  ),
  pick('0', '7', '__proto__', 'constructor', 'length', '__segment_entities'),
)

interface Ties {
  value: JsonValue
  object: JsonObject
  directive: JsonObject
}

/** An own member, whatever its name. */
const objectOf = (members: readonly (readonly [string, JsonValue])[]): JsonObject => Object.fromEntries(members)

const tied = fc.letrec<Ties>((tie) => {
  const value = tie('value') as fc.Arbitrary<JsonValue>
  const either = fc.oneof(tie('object'), tie('directive'))
  return {
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      constant,
      path.map((one) => ({ '@path': one })),
      wholeRow.map((one) => ({ '@path': `$.${one}` })),
      { weight: 2, arbitrary: tie('directive') },
      tie('object'),
      fc.array(value, { maxLength: 2 }),
    ) as fc.Arbitrary<JsonValue>,
    object: fc.array(fc.tuple(outputKey, value), { maxLength: 4 }).map(objectOf),
    directive: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      { weight: 4, arbitrary: path.map((one) => ({ '@path': one })) },
      wholeRow.map((one) => ({ '@path': `$.${one}` })),
      template.map((one) => ({ '@template': one })),
      tie('directive').map((one) => ({ '@path': one })),
      tie('directive').map((one) => ({ '@template': one })),
      value.map((one) => ({ '@literal': one })),
      value.map((one) => ({ '@excludeWhenNull': one })),
      fc
        .record({ exists: value, then: value, else: value }, { requiredKeys: ['exists'] })
        .map((one) => ({ '@if': one })),
      fc.record({ blank: value, then: value, else: value }, { requiredKeys: ['blank'] }).map((one) => ({ '@if': one })),
      fc.record({ operator: pick('upper', 'lower'), value: tie('directive') }).map((one) => ({ '@case': one })),
      fc
        .record({ pattern: pick('S', '-', '4', 'u', '"'), replacement: pick('', 'x', '$&$&'), value: tie('directive') })
        .map((one) => ({ '@replace': one })),
      fc.record({ mode: pick('encode', 'decode'), value: tie('directive') }).map((one) => ({ '@json': one })),
      fc
        .record(
          { separator: pick('_', '.'), value: either, omitArrays: fc.boolean() },
          { requiredKeys: ['separator', 'value'] },
        )
        .map((one) => ({ '@flatten': one })),
      fc
        .record({ direction: pick('left', 'right'), objects: fc.array(either, { maxLength: 3 }) })
        .map((one) => ({ '@merge': one })),
      fc.tuple(fc.oneof(path, tie('directive')), tie('object')).map((one) => ({ '@arrayPath': one })),
      fc.record({ apply: either, mapping: either }).map((one) => ({ '@transform': one })),
      pick(
        '{{ type }}',
        '{{ properties.sku | upcase }}',
        '{{ properties["sku"] }}{% if extra %}!{% endif %}',
        '{{ __segment_entities.shop.product.NAME }}',
      ).map((one) => ({ '@liquid': one })),
      fc.constant({ '@path': '$.' }),
    ) as fc.Arbitrary<JsonObject>,
  }
})

function compiles(kit: JsonObject): boolean {
  try {
    compileMapping(kit)
    return true
  } catch {
    return false
  }
}

/** What operators write, and what is hard for the short way. */
const wellKnown = pick<JsonObject>(
  { properties: { product: row('product') } },
  { properties: { product: row('product'), account: row('account', 'PLAN') }, enriched: true },
  {
    new: { deep: { product: row('product'), n: 1.5, none: row('product', 'NONE') }, list: [1, row('product', 'NAME')] },
  },
  { properties: { sku: null, total: { '@path': '$.properties.total' }, extra: { '@path': '$.extra' } } },
  { properties: { product: { name: row('product', 'NAME'), deep: row('product', 'META') } }, context: {} },
  {
    all: { '@path': '$.properties' },
    sku: { '@path': '$.properties.sku' },
    missing: { '@path': '$.properties.product.x' },
  },
)
const rooted = fc.tuple(pick('$.', '$.properties', '$.__segment_entities.shop.product'), tied.object).map(
  ([apply, object]): JsonObject => ({
    __segment_internal_directive: { '@transform': { apply: { '@path': apply } } },
    ...object,
  }),
)

const mapping = fc
  .oneof(
    { weight: 2, arbitrary: wellKnown },
    { weight: 8, arbitrary: fc.array(fc.tuple(outputKey, tied.value), { minLength: 1, maxLength: 5 }).map(objectOf) },
    { weight: 1, arbitrary: tied.directive },
    { weight: 1, arbitrary: rooted },
  )
  .filter(compiles)

const condition = pick(
  ...[
    'type = "track"',
    'event = "Order Completed"',
    'event != "x"',
    'properties.sku = "SKU-1"',
    'properties.total >= 1',
  ],
  ...['properties.extra = null', 'match(event, "Order*")', 'contains(properties.sku, "K")', 'userId = null'],
  ...[
    'context.consent.x != null',
    'traits.plan = true',
    'properties.constructor = null',
    'properties.sku.length > 2',
    'name = "a"',
  ],
)
const trigger = fc
  .tuple(fc.array(condition, { minLength: 1, maxLength: 3 }), pick(' and ', ' or '))
  .map(([conditions, joint]) => ({ trigger: conditions.join(joint) }))
const strict = pick(
  'length(properties.sku) > 2 or !(type = "identify")',
  'properties.sku in ["SKU-1", "42"] and typeof(event) = "string"',
  'properties.total = 1.5',
).map((one) => ({ trigger: one, strict: true }))

const schema = fc.oneof(
  { weight: 12, arbitrary: fc.constant(null) },
  pick<JsonObject>(
    { type: 'object', properties: { name: { type: 'string' }, sku: { type: 'string' }, total: { type: 'number' } } },
    { type: 'object', required: ['sku'], additionalProperties: true, properties: { sku: { type: 'string' } } },
  ),
)

type Words = Readonly<Record<string, string>>

const mappingWords: fc.Arbitrary<MappingWords> = fc
  .record({
    name: pick('One', 'Two'),
    condition: fc.oneof(
      { weight: 6, arbitrary: fc.constant({ trigger: 'type = "track"' }) },
      { weight: 3, arbitrary: trigger },
      { weight: 1, arbitrary: strict },
    ),
    entities: fc.oneof(
      {
        weight: 8,
        arbitrary: pick<Words>(
          { product: 'properties.sku' },
          { product: '$.properties.sku', account: 'properties.account' },
        ),
      },
      pick<Words>(
        { product: "properties['sku']", none: 'userId' },
        { product: '$.properties.items[*].sku' },
        { product: 'properties.items[*].sku', account: 'properties.account' },
        { product: 'properties' },
        { product: 'properties.product.0', account: 'extra[1].sku' },
        { product: 'constructor.name' },
        {},
      ),
    ),
    onMissing: pick<NonNullable<MappingWords['onMissing']>>(
      'pass',
      'pass',
      'pass',
      'pass',
      'pass',
      'hold',
      'drop',
      'dead_letter',
    ),
    mapping,
    schema,
  })
  .map(({ condition, ...words }) => ({ ...words, ...condition }))

export const destination: fc.Arbitrary<DestinationWords> = fc.record({
  slug: pick('crm', 'ads', 'All'),
  categories: pick<readonly string[]>([], [], ['ads']),
  format: pick('event', 'event', 'event', 'payload'),
  mappings: fc.oneof({ weight: 9, arbitrary: fc.array(mappingWords, { minLength: 1, maxLength: 2 }) }, fc.constant([])),
})
