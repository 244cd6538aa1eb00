import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parseDataGraph } from '../../../src/graph/graph.ts'

const fixture = (name: string) => readFileSync(`test/fixtures/graphs/${name}`, 'utf8')
const codes = (text: string) => parseDataGraph(text).problems.map(({ code }) => code)
const entity = (body: string, label = 'cart') =>
  `data_graph {\n version = "v1.0.0"\n entity "${label}" {\n${body}\n }\n}`
const complete = 'name = "Cart"\n table_ref = "A.B.CARTS"\n primary_key = "ID"'

test('every block of v1.0.0 is read', () => {
  const { ok, graph, problems } = parseDataGraph(fixture('every-block.hcl'))
  expect(problems).toEqual([])
  expect(ok).toBe(true)
  expect(graph?.entities.map(({ slug, enrichment_enabled }) => [slug, enrichment_enabled])).toEqual([
    ['store_order', false],
    ['order_line', false],
    ['sku', true],
  ])
  expect(graph?.entities[0]).toEqual({
    slug: 'store_order',
    name: 'order',
    description: 'one row per order, loaded nightly',
    table_ref: 'DWH.SALES.ORDERS',
    primary_key: 'ORDER_ID',
    enrichment_enabled: false,
  })
  expect(graph?.profile).toEqual({ profile_folder: 'DWH.SEGMENT', type: 'segment:materialized' })
  expect(graph?.relationships).toEqual([
    {
      path: ['customer-orders'],
      name: 'Orders',
      from: 'profile',
      to: 'store_order',
      join: { kind: 'external_id', type: 'email', join_key: 'CUSTOMER_EMAIL' },
    },
    {
      path: ['customer-orders', 'order-lines'],
      name: 'Lines',
      from: 'store_order',
      to: 'order_line',
      join: {
        kind: 'join_on',
        left: { entity: 'store_order', column: 'ORDER_ID' },
        right: { entity: 'order_line', column: 'ORDER_ID' },
      },
    },
    {
      path: ['customer-orders', 'order-skus'],
      name: 'Articles',
      from: 'store_order',
      to: 'sku',
      join: {
        kind: 'junction_table',
        table_ref: 'DWH.SALES.ORDER_SKU',
        primary_key: 'ID',
        left: { entity: 'store_order', column: 'ORDER_ID', junction_column: 'ORDER_ID' },
        right: { entity: 'sku', column: 'SKU', junction_column: 'SKU_ID' },
        inner: true,
      },
    },
    {
      path: ['vip'],
      name: 'VIP',
      from: 'profile',
      to: 'store_order',
      join: { kind: 'trait', name: 'cust_no', join_key: 'CUST_NO' },
    },
  ])
})

test('v0.0.6 has the profile first, labels for names, and materialization', () => {
  const { graph, problems } = parseDataGraph(`data_graph {
    version = "v0.0.6"
    profile { profile_folder = "segment" materialization = "none"
      relationship "Orders" { related_entity = "store_order" external_id { type = "email" join_key = "customer_email" } } }
    entity "store_order" { table_ref = "sales.orders" primary_key = "order_id" enrichment_enabled = true }
  }`)
  expect(problems).toEqual([])
  expect(graph?.entities[0]).toMatchObject({ slug: 'store_order', name: 'store_order', table_ref: 'sales.orders' })
  expect(graph?.profile).toEqual({ profile_folder: 'segment', type: 'none' })
  expect(graph?.relationships[0]).toMatchObject({ name: 'Orders', from: 'profile', to: 'store_order' })
})

test('a bare entity block needs no wrapper', () => {
  const { ok, graph } = parseDataGraph(
    'entity "account-entity" {\n name = "account"\n table_ref = "CUST.ACCOUNT"\n primary_key = "id"\n enrichment_enabled = true\n}',
  )
  expect(ok).toBe(true)
  expect(graph?.entities).toHaveLength(1)
})

test('the places of an entity and its attributes are kept', () => {
  const { places } = parseDataGraph(fixture('every-block.hcl'))
  expect(places.get('entity.sku')).toMatchObject({ line: 15, column: 10 })
  expect(places.get('entity.sku.primary_key')).toEqual({ line: 18, column: 19 })
})

describe('each mistake has a code, a place and a hint', () => {
  test.each([
    ['an unknown version', 'data_graph { version = "v2" }', 'unsupported_version', 1, 24],
    ['no version', 'data_graph { }', 'missing_attribute', 1, 1],
    ['a quoted flag', entity(`${complete}\n enrichment_enabled = "true"`), 'bad_type', 7, 23],
    ['a missing table', entity('name = "Cart"\n primary_key = "ID"'), 'missing_attribute', 3, 2],
    ['a slug with capitals', entity(complete, 'Cart'), 'invalid_slug', 3, 9],
    ['a table of four parts', entity('name = "C"\n table_ref = "a.b.c.d"\n primary_key = "ID"'), 'bad_type', 5, 14],
    ['an attribute that is nearly right', entity(`${complete}\n enrichment_enabld = true`), 'unknown_attribute', 7, 2],
    ['a value without quotes', entity('name = Cart\n table_ref = "a"\n primary_key = "ID"'), 'syntax', 4, 8],
    ['a colon behind an attribute', entity('name: "Cart"\n table_ref = "a"\n primary_key = "ID"'), 'syntax', 4, 5],
    ['a quote that is not closed', entity('name = "Cart\n table_ref = "a"\n primary_key = "ID"'), 'syntax', 4, 8],
    ['a block that is not closed', 'data_graph {\n version = "v1.0.0"', 'syntax', 1, 1],
    ['a brace too many', `${entity(complete)}\n}`, 'syntax', 9, 1],
    ['nothing at all', '', 'syntax', 1, 1],
  ])('%s', (_name, text, code, line, column) => {
    const [problem] = parseDataGraph(text).problems
    expect(problem).toMatchObject({ code, line, column })
    expect(problem?.message).toBeTruthy()
  })

  test('an entity twice, a profile twice', () => {
    expect(
      codes(
        `data_graph {\n version = "v1.0.0"\n entity "a" { ${complete.replaceAll('\n', ' ')} }\n entity "a" { ${complete.replaceAll('\n', ' ')} }\n profile { profile_folder = "x" type = "segment:dbt" }\n profile { profile_folder = "x" type = "segment:dbt" }\n}`,
      ),
    ).toEqual(['duplicate_slug', 'duplicate_profile'])
  })

  const relation = (body: string) =>
    `data_graph {\n version = "v1.0.0"\n entity "cart-entity" { ${complete.replaceAll('\n', ' ')} }\n entity "item" { ${complete.replaceAll('\n', ' ')} }\n profile { profile_folder = "x" type = "segment:materialized"\n${body}\n }\n}`
  test('seven levels are too deep, six are not', () => {
    const nested = (depth: number): string =>
      depth === 0
        ? ''
        : `relationship "level-${depth}" { name = "L" related_entity = "item" join_on = "item.A = item.B"\n${nested(depth - 1)} }`
    const at = (levels: number) =>
      relation(
        `relationship "top" { name = "T" related_entity = "item" external_id { type = "email" join_key = "E" }\n${nested(levels)} }`,
      )
    expect(codes(at(4))).toEqual([])
    expect(codes(at(5))).toEqual(['too_deep'])
  })
})

test('all mistakes are found in one reading', () => {
  const { problems } = parseDataGraph(
    'data_graph {\n version = "v9"\n entity "A B" {\n  nme = "x"\n  table_ref = 5\n }\n',
  )
  expect(problems.map(({ code }) => code)).toEqual([
    'syntax',
    'unsupported_version',
    'missing_attribute',
    'missing_attribute',
    'invalid_slug',
    'unknown_attribute',
    'syntax',
  ])
  expect(problems.every(({ line, column }) => line !== null && column !== null)).toBe(true)
})

test('no text makes it throw', () => {
  const pieces = [
    'data_graph',
    '{',
    '}',
    '=',
    '"',
    'entity "a"',
    '\n',
    '#',
    '/*',
    ':',
    '\\',
    '\u0000',
    'profile',
    'relationship "x"',
    'join_on',
    '"a.b=c.d"',
    'true',
  ]
  for (let n = 0; n < 3000; n++) {
    let text = ''
    for (let k = 0; k < 12; k++) text += `${pieces[(n * 7 + k * k * 13 + n * k) % pieces.length]} `
    expect(() => parseDataGraph(text)).not.toThrow()
  }
})

describe('what a paste brings along', () => {
  test('a byte order mark and carriage returns are no mistakes', () => {
    expect(codes(`\uFEFF${entity(complete).replaceAll('\n', '\r\n')}`)).toEqual([])
  })

  test.each([
    ['single quotes', "entity 'a' { name = 'x' table_ref = 't' primary_key = 'k' }", 8],
    ['commas', 'entity "a" { name = "x", table_ref = "t", primary_key = "k" }', 24],
    ['semicolons', 'entity "a" { name = "x"; table_ref = "t"; primary_key = "k" }', 24],
    ['a second label', 'entity "a" "b" { name = "x" table_ref = "t" primary_key = "k" }', 12],
  ])('%s are named at their place, and nothing else is', (_name, text, column) => {
    const { problems } = parseDataGraph(text)
    expect(problems[0]).toMatchObject({ code: 'syntax', line: 1, column })
    expect(new Set(problems.map(({ code }) => code))).toEqual(new Set(['syntax']))
  })

  test('a brace missing at the end of an entity is told where the next one begins', () => {
    const text =
      'data_graph {\n version = "v1.0.0"\n entity "a" {\n  name = "a"\n  table_ref = "x"\n  primary_key = "y"\n\n entity "b" {\n  name = "b"\n  table_ref = "x"\n  primary_key = "y"\n }\n}\n'
    expect(parseDataGraph(text).problems).toMatchObject([
      { code: 'syntax', line: 8, column: 2, message: 'entity "a" is not closed before entity' },
    ])
  })

  test('a composite key is refused: the language has none', () => {
    expect(codes(entity('name = "C"\n table_ref = "t"\n primary_key = "A, B"'))).toEqual(['bad_type'])
  })

  test('a join of unlike keys is a warning', () => {
    const { ok, problems } = parseDataGraph(`data_graph { version = "v1.0.0"
      entity "household-entity" { name = "H" table_ref = "h" primary_key = "ID" }
      entity "subscription-entity" { name = "S" table_ref = "s" primary_key = "SUB_ID" }
      profile { profile_folder = "x" type = "segment:materialized"
        relationship "households" { name = "H" related_entity = "household-entity" external_id { type = "email" join_key = "E" }
          relationship "subscriptions" { name = "S" related_entity = "subscription-entity" join_on = "household-entity.SUB_ID = subscription-entity.HOUSEHOLD_ID" } } } }`)
    expect(ok).toBe(true)
    expect(problems).toMatchObject([{ code: 'unlike_keys', severity: 'warning', line: 6 }])
  })

  test('a hundred thousand open blocks, quotes or signs are answered, not followed', () => {
    for (const text of ['a {', 'relationship "x" {', '"', '=', '\\', '/*', 'a:', '}', 'a = ']) {
      const { ok, problems } = parseDataGraph(text.repeat(100_000))
      expect(ok).toBe(false)
      expect(problems.length).toBeLessThanOrEqual(100)
      for (const { message, hint } of problems) expect(message.length + (hint?.length ?? 0)).toBeLessThan(600)
    }
  })
})

test('a comment may follow a value or a brace without a space', () => {
  for (const comment of ['# yes', '// yes', '/* yes */']) {
    const { problems, graph } = parseDataGraph(entity(`${complete}\n enrichment_enabled = true${comment}`))
    expect(problems).toEqual([])
    expect(graph?.entities[0]?.enrichment_enabled).toBe(true)
  }
})

test('a label of white space names nothing', () => {
  expect(codes(entity(complete, ' '))).toEqual(['missing_attribute'])
})
