import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { readProject } from '../../../src/config/project.ts'
import { folder } from '../../support/cli.ts'
import { shopGraph } from '../../support/shop.ts'

const base = `space: shop
data_graph: ./data-graph.hcl
warehouse: { type: duckdb, path: ./w.duckdb }
source: { file: ./events.ndjson }
destinations:
  - slug: crm
    output: { file: ./out/crm.ndjson }
    mappings:
      - name: Order
        action: send
        trigger: type = "track"
        entities: [{ entity: product, match: $.properties.sku }]
        mapping: { name: { "@path": $.__segment_entities.shop.product.NAME } }
`

function read(config: string, files: Record<string, string> = {}, env: Record<string, string> = {}) {
  const dir = folder({ 'linked-events.yaml': config, 'data-graph.hcl': shopGraph, ...files })
  const { project, problems } = readProject({ file: undefined, env, cwd: dir })
  const shown = problems.map(
    ({ file, line, column, code, hint }) =>
      `${file?.slice(dir.length + 1)}:${line}:${column} ${code}${hint === null ? '' : ` (${hint})`}`,
  )
  return { dir, project, problems, shown }
}

test('what is right is read, with defaults, and paths relative to the file', () => {
  const { dir, project, problems } = read(base)
  expect(problems).toEqual([])
  expect(project?.config.state_dir).toBe(`${dir}/.linked-events`)
  expect(project?.config.dead_letters).toEqual({ file: `${dir}/.linked-events/dead-letters.ndjson` })
  expect(project?.config.warehouse).toMatchObject({ path: `${dir}/w.duckdb`, state_schema: '_segment_reverse_etl' })
  expect(project?.plan.destinations[0]?.mappings[0]?.name).toBe('Order')
  expect(project?.entities).toMatchObject([
    {
      slug: 'product',
      tableRef: 'main.products',
      primaryKey: 'SKU',
      columns: ['NAME'],
      used: true,
      versions: 2,
      max_age: 10_800_000,
    },
    { slug: 'account', columns: null, used: false },
  ])
})

test('the configurations of the repository are read', () => {
  const env = { PG_URL: 'postgres://reader@db/x', KAFKA_PASSWORD: 'hidden' }
  for (const file of ['config/minimal.yaml', 'config/reference.yaml']) {
    const { project, problems } = readProject({ file, env, cwd: process.cwd() })
    expect(problems).toEqual([])
    expect(project).not.toBeNull()
  }
})

test('the reference names every option there is, with its default', async () => {
  const { schema } = await import('../../../src/config/config.ts')
  const { readFileSync } = await import('node:fs')
  const text = readFileSync('config/reference.yaml', 'utf8')
  const top = Object.keys(schema.shape)
  for (const option of top) expect(text).toMatch(new RegExp(`^${option}:`, 'm'))
})

describe('row events', () => {
  const withEvents = (events: string, more = '') =>
    `${base}entities: { product: { events: ${events} } }\nkafka: { brokers: ["127.0.0.1:1"] }\n${more}`

  test('go to a topic, by default every change', () => {
    const { project, problems } = read(withEvents('{ topic: rows }'))
    expect(problems).toEqual([])
    expect(project?.entities.map(({ events }) => events)).toEqual([{ topic: 'rows', mode: 'mirror' }, undefined])
  })

  test.each([
    ['of an unknown mode', withEvents('{ topic: rows, mode: mirro }'), '14:53 CONFIG_INVALID (did you mean "mirror"?)'],
    [
      'to the dead-letter topic',
      withEvents('{ topic: linked-events.dlq }'),
      '14:41 CONFIG_INVALID (give the row events a topic of their own)',
    ],
    [
      'to the hold topic',
      withEvents('{ topic: waiting }', 'holds: { topic: waiting }\n'),
      '14:41 CONFIG_INVALID (give the row events a topic of their own)',
    ],
    [
      'to an output',
      withEvents('{ topic: out }').replace('file: ./out/crm.ndjson', 'topic: out'),
      '14:41 CONFIG_INVALID (give the row events a topic of their own)',
    ],
    [
      'to an input',
      withEvents('{ topic: in }').replace('file: ./events.ndjson', 'kafka: { topics: [in], group: g }'),
      '14:41 CONFIG_INVALID (give the row events a topic of their own)',
    ],
    [
      'where nothing may be written in the warehouse',
      withEvents('{ topic: rows }').replace('path: ./w.duckdb', 'path: ./w.duckdb, state: local'),
      '14:24 CONFIG_INVALID (leave out events, or warehouse.state)',
    ],
    [
      'without brokers',
      withEvents('{ topic: rows }').replace(/kafka: .*\n$/, ''),
      '1:1 CONFIG_INVALID (add kafka: { brokers: ["host:9092"] })',
    ],
  ])('%s are refused', (_, config, problem) => {
    expect(read(config).shown).toEqual([`linked-events.yaml:${problem}`])
  })

  test('of an entity that is not synced are refused', () => {
    const graph = shopGraph.replace(/enrichment_enabled = true(?=\s*}\s*}\s*$)/, 'enrichment_enabled = false')
    const { shown } = read(withEvents('{ topic: rows }').replace('{ product:', '{ account:'), {
      'data-graph.hcl': graph,
    })
    expect(shown).toEqual([
      'linked-events.yaml:14:24 ENTITY_NOT_ENABLED (set enrichment_enabled = true for it in ./data-graph.hcl)',
    ])
  })
})

describe('a problem has its place and a hint', () => {
  test.each([
    [
      'an unknown key',
      base.replace('space: shop', 'space: shop\nstate_dri: x'),
      ['linked-events.yaml:2:1 CONFIG_UNKNOWN_KEY (did you mean "state_dir"?)'],
    ],
    [
      'an unknown key inside',
      base.replace('output: { file', 'output: { formt: event, file'),
      ['linked-events.yaml:7:15 CONFIG_UNKNOWN_KEY (did you mean "format"?)'],
    ],
    [
      'an unknown key of a mapping',
      base.replace('action: send', 'action: send\n        triger: x'),
      ['linked-events.yaml:11:9 CONFIG_UNKNOWN_KEY (did you mean "trigger"?)'],
    ],
    [
      'a value that is nearly right',
      base.replace('file: ./out/crm.ndjson', 'file: x, format: evnt'),
      ['linked-events.yaml:7:32 CONFIG_INVALID (did you mean "event"?)'],
    ],
    [
      'a space that every object has',
      base.replace('space: shop', 'space: __proto__'),
      ['linked-events.yaml:1:8 CONFIG_INVALID'],
    ],
    [
      'a destination that every object has',
      base.replace('slug: crm', 'slug: toString'),
      ['linked-events.yaml:6:11 CONFIG_INVALID'],
    ],
    ['a missing key', base.replace('space: shop\n', ''), ['linked-events.yaml:1:1 CONFIG_INVALID']],
    ['a wrong type', base.replace('space: shop', 'space: [shop]'), ['linked-events.yaml:1:8 CONFIG_INVALID']],
    [
      'both topic and file',
      base.replace('output: { file', 'output: { topic: t, file'),
      ['linked-events.yaml:7:31 CONFIG_INVALID'],
    ],
    [
      'topics without brokers',
      base.replace('file: ./out/crm.ndjson', 'topic: t'),
      ['linked-events.yaml:1:1 CONFIG_INVALID (add kafka: { brokers: ["host:9092"] })'],
    ],
    [
      'a data graph that is not there',
      base.replace('./data-graph.hcl', './graph.hcl'),
      ['linked-events.yaml:2:13 FILE_NOT_FOUND (paths are relative to the configuration file)'],
    ],
    [
      'a mapping file that is not there',
      base.replace(/ {6}- name: Order[\s\S]*/, '      - ./missing.json\n'),
      ['linked-events.yaml:9:9 FILE_NOT_FOUND (paths are relative to the configuration file)'],
    ],
    [
      'an entity that is nearly right',
      base.replace('entity: product', 'entity: prodcut'),
      [
        'linked-events.yaml:12:30 CONFIG_UNKNOWN_ENTITY (did you mean "product"?)',
        'linked-events.yaml:13:18 ENTITY_NOT_BOUND (did you mean "prodcut"?)',
      ],
    ],
    [
      'an enrichment that nothing fills',
      base.replace('shop.product.NAME', 'shop.account.NAME'),
      ['linked-events.yaml:13:18 ENTITY_NOT_BOUND (add it to entities: - { entity: account, match: … })'],
    ],
    [
      'an enrichment of another space',
      base.replace('entities.shop.product', 'entities.store.product'),
      ['linked-events.yaml:13:18 CONFIG_INVALID (write __segment_entities.shop)'],
    ],
    [
      'a trigger that is cut short',
      base.replace('trigger: type = "track"', 'trigger: type = "track" and ('),
      ['linked-events.yaml:11:'],
    ],
    ['a directive that does not exist', base.replace('"@path": $', '"@pth": $'), ['linked-events.yaml:13:']],
    [
      'consent from the warehouse, hidden in a merge',
      base.replace(
        'mapping: { name:',
        'mapping: { context: { "@merge": { direction: right, objects: [{ "@path": $.context }, { consent: { "@path": $.__segment_entities.shop.product.NAME } }] } }, name:',
      ),
      ['linked-events.yaml:13:29 CONSENT_FROM_WAREHOUSE (consent comes from the event alone; take this field out)'],
    ],
    [
      'a row as the whole context',
      base.replace('mapping: { name:', 'mapping: { context: { "@path": $.__segment_entities.shop.product }, name:'),
      [
        'linked-events.yaml:13:29 CONSENT_FROM_WAREHOUSE (consent comes from the event alone; write the fields below context one by one)',
      ],
    ],
    [
      'consent from the warehouse',
      base.replace(
        'mapping: { name:',
        'mapping: { context: { consent: { a: { "@path": $.__segment_entities.shop.product.NAME } } }, name:',
      ),
      ['linked-events.yaml:13:'],
    ],
    [
      'an entity option for nothing',
      base.replace('destinations:', 'entities: { prodct: { versions: 3 } }\ndestinations:'),
      ['linked-events.yaml:5:13 CONFIG_UNKNOWN_ENTITY (did you mean "product"?)'],
    ],
    [
      'a schedule that is too frequent',
      base.replace(
        'destinations:',
        'entities: { product: { schedule: { strategy: PERIODIC, config: { interval: 1m } } } }\ndestinations:',
      ),
      ['linked-events.yaml:5:34 schedule_too_frequent (at least 15 minutes apart)'],
    ],
    [
      'a duration that is none',
      base.replace('destinations:', 'entities: { product: { max_age: soon } }\ndestinations:'),
      ['linked-events.yaml:5:33 CONFIG_INVALID'],
    ],
    [
      'a destination twice',
      `${base}  - slug: crm\n    output: { file: x }\n`,
      ['linked-events.yaml:14:11 CONFIG_INVALID (give each destination its own slug)'],
    ],
    [
      'lists in lists to match',
      base.replace('$.properties.sku', '"$.orders[*].lines[*].sku"'),
      ['linked-events.yaml:12:46 CONFIG_INVALID (write [*] once, for the list whose lines have rows)'],
    ],
    [
      'events that wait, without Kafka',
      base.replace('$.properties.sku }', '$.properties.sku, on_missing: hold }'),
      ['linked-events.yaml:12:76 CONFIG_INVALID (use pass, drop or dead_letter with a file)'],
    ],
    [
      'a variable that is not set',
      base.replace('./w.duckdb', '"${env:NO_SUCH_VARIABLE}"'),
      ['linked-events.yaml:3:34 CONFIG_SECRET_MISSING'],
    ],
    [
      'exactly once with files',
      `${base}kafka: { brokers: ["b:1"], delivery: exactly_once }\ndead_letters: { file: x }\n`,
      [
        'linked-events.yaml:4:9 CONFIG_INVALID (exactly_once needs Kafka on both ends: use topics, or delivery: at_least_once)',
        'linked-events.yaml:7:21 CONFIG_INVALID',
        'linked-events.yaml:15:23 CONFIG_INVALID',
      ],
    ],
    ['YAML that is none', `${base}  - : [`, ['linked-events.yaml:']],
  ])('%s', (_name, config, expected) => {
    const { shown, project } = read(config)
    expect(project).toBeNull()
    expect(shown).toHaveLength(Math.max(expected.length, 1))
    for (const [index, text] of expected.entries()) expect(shown[index]).toContain(text)
  })

  test('in the data graph', () => {
    const { shown } = read(base, { 'data-graph.hcl': shopGraph.replace('primary_key = "SKU"', 'primary_kye = "SKU"') })
    expect(shown[0]).toContain('data-graph.hcl:')
    expect(shown.join()).toContain('did you mean "primary_key"?')
  })

  test('in a mapping file, at the line of the directive', () => {
    const config = base.replace(/ {6}- name: Order[\s\S]*/, '      - ./m.json\n')
    const mapping =
      '{\n  "name": "Order",\n  "actionSlug": "send",\n  "trigger": "type = \\"track\\"",\n  "settings": {\n    "a": { "@path": 5 }\n  }\n}'
    const { shown } = read(config, { 'm.json': mapping })
    expect(shown[0]).toMatch(/^m\.json:6:/)
  })
})

test('all problems of all files are reported at once', () => {
  const { shown } = read(
    base.replace('space: shop', 'space: shop\nstate_dri: x').replace('type = "track"', 'type = ('),
    { 'data-graph.hcl': shopGraph.replace('version = "v1.0.0"', 'version = "v9"') },
  )
  expect(shown.map((line) => line.split(' ')[0])).toEqual([
    'data-graph.hcl:2:13',
    'linked-events.yaml:2:1',
    expect.stringContaining('linked-events.yaml:12:'),
  ])
})

test("Segment's own subscription object is read as it is", () => {
  const config = base.replace(/ {6}- name: Order[\s\S]*/, '      - ./m.json\n')
  const subscription = {
    id: 'sub-1',
    name: 'Order to CRM',
    actionId: 'a-1',
    actionSlug: 'send',
    destinationId: 'd-1',
    enabled: true,
    trigger: 'type = "track" and event = "Order Completed"',
    settings: { price: { '@path': '$.__segment_entities.shop.product.PRICE' } },
    entities: [{ space: 'shop', entity: 'product', match: '$.properties.product_id' }],
    modelId: null,
  }
  const { project, problems } = read(config, { 'm.json': JSON.stringify(subscription) })
  expect(problems).toEqual([])
  expect(project?.plan.destinations[0]?.mappings[0]).toMatchObject({ name: 'Order to CRM', action: 'send' })
})

test('a JSON schema of the action is inline or in a file; a wrong one is a problem at its place', () => {
  const schema = '{ type: object, properties: { name: { type: string } } }'
  expect(
    read(base.replace('action: send', `action: send\n        schema: ${schema}`)).project?.plan.destinations[0]
      ?.mappings[0]?.schema,
  ).not.toBeNull()
  const file = read(base.replace('action: send', 'action: send\n        schema: ./s.json'), {
    's.json': '{"type":"object"}',
  })
  expect(file.project?.plan.destinations[0]?.mappings[0]?.schema).not.toBeNull()
  expect(read(base.replace('action: send', 'action: send\n        schema: ./none.json')).shown[0]).toContain(
    'linked-events.yaml:11:17 FILE_NOT_FOUND',
  )
  expect(read(base.replace('action: send', 'action: send\n        schema: { type: nonsense }')).shown[0]).toContain(
    'linked-events.yaml:11:17 MAPPING_INVALID',
  )
})

test('a destination may have another name in the integrations object', () => {
  expect(
    read(base.replace('slug: crm', 'slug: crm\n    integration: Actions CRM')).project?.plan.destinations[0]
      ?.integration,
  ).toBe('Actions CRM')
  expect(read(base).project?.plan.destinations[0]?.integration).toBe('crm')
})

test('secrets are references, and print as *** everywhere', () => {
  const config = base
    .replace('{ type: duckdb, path: ./w.duckdb }', '{ type: postgres, url: "${env:PG_URL}" }')
    .replace(
      'destinations:',
      'kafka: { brokers: [b:9092], sasl: { mechanism: plain, username: u, password: "${file:pw}" } }\ndestinations:',
    )
  const { project } = read(config, { pw: 'planted-password\n' }, { PG_URL: 'postgres://reader:planted-secret@db/x' })
  for (const text of [
    JSON.stringify(project?.config),
    inspect(project, { depth: 10 }),
    String(project?.config.kafka?.sasl?.password),
  ]) {
    expect(text).not.toContain('planted')
    expect(text).toContain('***')
  }
  expect(project?.config.kafka?.sasl?.password.reveal()).toBe('planted-password')
})

test('a secret that is written out is a warning', () => {
  const { project, shown } = read(
    base.replace('{ type: duckdb, path: ./w.duckdb }', '{ type: postgres, url: "postgres://reader:secret@db/x" }'),
  )
  expect(project).not.toBeNull()
  expect(shown).toEqual(['linked-events.yaml:3:35 CONFIG_SECRET_LITERAL (write it as a reference, e.g. ${env:URL})'])
})

describe('a warehouse', () => {
  const of = (text: string) =>
    read(base.replace('{ type: duckdb, path: ./w.duckdb }', text), { key: 'PEM' }, { PW: 'hidden' })

  test.each([
    '{ type: postgres, host: db, user: u, password: "${env:PW}", database: d, tls: true }',
    '{ type: redshift, host: cluster, port: 5439, user: u, password: "${env:PW}", database: d }',
    '{ type: bigquery, project: my-project }',
    '{ type: bigquery, project: p, credentials: "${file:key}", dataset: d, location: EU, bytes_billed_max: 1000000000 }',
    '{ type: databricks, host: h, http_path: /sql/1.0/warehouses/x, token: "${env:PW}", catalog: main }',
    '{ type: databricks, host: h, http_path: /x, client_id: c, client_secret: "${env:PW}", catalog: main, schema: s, ca: "${file:key}" }',
    '{ type: snowflake, account: o-a, user: u, password: "${env:PW}", database: D }',
    '{ type: snowflake, account: o-a, user: u, private_key: "${file:key}", role: R, warehouse: W, database: D, schema: S }',
  ])('%s', (text) => {
    const { project, shown } = of(text)
    expect(shown).toEqual([])
    expect(JSON.stringify(project?.config)).not.toMatch(/hidden|PEM/)
  })

  test.each([
    ['{ type: redshift }', 'CONFIG_INVALID'],
    ['{ type: redshift, ulr: x }', 'did you mean "url"?'],
    ['{ type: bigquery, dataset: d }', 'project'],
    ['{ type: databricks, host: h, http_path: /x, catalog: main }', 'needs token or client_secret'],
    ['{ type: oracle, host: h }', 'warehouse'],
    ['{ type: snowflake, account: o-a, user: u, database: D }', 'needs password or private_key'],
    [
      '{ type: snowflake, account: o-a, user: u, password: "${env:PW}", private_key: "${file:key}", database: D }',
      'only one of',
    ],
    ['{ type: snowflake, account: o-a, user: u, password: "${env:PW}" }', 'database'],
  ])('%s is refused', (text, why) => {
    const { project, problems, shown } = of(text)
    expect(project).toBeNull()
    expect(`${shown} ${problems.map(({ message }) => message)}`).toContain(why)
  })
})

test('consent that comes from the event may be written beside what comes from a row', () => {
  const kept = '{ context: { consent: { "@path": $.context.consent }, locale: { "@path": $.context.locale } }, name:'
  expect(read(base.replace('mapping: { name:', `mapping: ${kept}`)).problems).toEqual([])
})
