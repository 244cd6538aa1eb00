/** The commands about the languages alone: graph, try, test. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { folder, json, linkedEvents } from '../support/cli.ts'
import { shopGraph } from '../support/shop.ts'

const event = JSON.stringify({ type: 'track', event: 'Order', properties: { total: 99.5, coupon: null } })

describe('try mapping', () => {
  const mapping = JSON.stringify({
    settings: {
      a: { '@path': '$.properties.total' },
      deep: {
        b: {
          '@if': { exists: { '@path': '$.properties.coupon' }, then: 'x', else: { '@template': 'none for {{event}}' } },
        },
      },
      c: { '@path': '$.nope' },
      fixed: 5,
    },
  })

  test('shows the output, and for each field what it read and which branch it took', async () => {
    const cwd = folder({ 'mapping.json': mapping, 'event.json': event })
    const result = await json<{
      output: object
      fields: { path: string; directive: string; given: boolean; steps: string[] }[]
    }>(['try', 'mapping', '--mapping', 'mapping.json', '--event', 'event.json'], { cwd })
    expect(result).toMatchObject({
      schema_version: 1,
      exit: 0,
      output: { a: 99.5, deep: { b: 'none for Order' }, fixed: 5 },
    })
    expect(result.fields).toMatchObject([
      { path: 'a', directive: '@path', value: 99.5, steps: ['properties.total is 99.5'] },
      {
        path: 'deep.b',
        directive: '@if',
        steps: ['@if exists: is null, so it takes else', 'event is "Order"', 'properties.coupon is null'],
      },
      { path: 'c', directive: '@path', given: false, steps: ['nope is not in the event'] },
      { path: 'fixed', directive: 'literal', value: 5 },
    ])
  })

  test('a mapping that cannot be compiled, an event that is none', async () => {
    const cwd = folder({ 'mapping.json': '{"a":{"@nope":1}}', 'event.json': event, 'list.json': '[]' })
    expect(await json(['try', 'mapping', '--mapping', 'mapping.json', '--event', 'event.json'], { cwd })).toMatchObject(
      { ok: false, exit: 78, error: { code: 'MAPPING_INVALID' } },
    )
    expect(await json(['try', 'mapping', '--mapping', 'event.json', '--event', 'list.json'], { cwd })).toMatchObject({
      ok: false,
      exit: 65,
    })
    expect(await json(['try', 'mapping', '--mapping', 'none.json', '--event', 'list.json'], { cwd })).toMatchObject({
      ok: false,
      error: { code: 'FILE_NOT_FOUND' },
    })
  })
})

describe('try trigger', () => {
  test('says what each condition says, and exits 1 without a match', async () => {
    const cwd = folder({ 'event.json': event })
    const trigger = 'type = "track" and (event = "Order" or properties.total > 100)'
    expect(await json(['try', 'trigger', trigger, '--event', 'event.json'], { cwd })).toMatchObject({
      matches: true,
      exit: 0,
      conditions: [
        { depth: 0, text: 'type = "track"', matches: true, value: '"track"' },
        { depth: 0, matches: true },
        { depth: 1, text: 'event = "Order"', matches: true },
        { depth: 1, text: 'properties.total > 100', matches: false, value: '99.5' },
      ],
    })
    expect(await json(['try', 'trigger', 'type = "page"', '--event', 'event.json'], { cwd })).toMatchObject({
      matches: false,
      exit: 1,
    })
    expect(
      await json(['try', 'trigger', 'type in ["track"]', '--strict', '--event', 'event.json'], { cwd }),
    ).toMatchObject({ matches: true, exit: 0 })
  })

  test('a syntax error points at its column; a silent trap is told', async () => {
    const cwd = folder({ 'event.json': event })
    const broken = await json<{ error: { code: string; problems: { column: number }[] } }>(
      ['try', 'trigger', 'type = "track" and (', '--event', 'event.json'],
      { cwd },
    )
    expect(broken).toMatchObject({ exit: 78, error: { code: 'TRIGGER_INVALID' } })
    expect(broken.error.problems[0]?.column).toBeGreaterThan(1)
    const trap = await json<{ warnings: { code: string }[] }>(
      ['try', 'trigger', 'type = "track" and anonymousId = "x"', '--event', 'event.json'],
      { cwd },
    )
    expect(trap.warnings.length).toBeGreaterThan(0)
  })
})

describe('graph', () => {
  test('prints a tree, a diagram, and JSON', async () => {
    const cwd = folder({ 'g.hcl': shopGraph, 'bad.hcl': shopGraph.replace('primary_key', 'primary_kee') })
    expect((await linkedEvents(['graph', 'g.hcl'], { cwd })).stdout).toContain('product')
    expect((await linkedEvents(['graph', 'g.hcl', '--mermaid'], { cwd })).stdout).toMatch(/^flowchart/)
    expect(await json(['graph', 'g.hcl'], { cwd })).toMatchObject({
      graph: { version: 'v1.0.0', entities: [{ slug: 'product' }, { slug: 'account' }] },
    })
    expect(await json(['graph', 'bad.hcl'], { cwd })).toMatchObject({
      ok: false,
      exit: 78,
      error: { code: 'DATA_GRAPH_INVALID' },
    })
  })
})

describe('graph --upgrade', () => {
  const old = `# ours
data_graph {
  version = "v0.0.6" # the first
  entity "Product of the shop" { # articles
    table_ref = "shop.products"
    primary_key = "sku"
  }
}
`
  const upgraded = old
    .replace('v0.0.6', 'v1.0.0')
    .replace(
      '"Product of the shop" { # articles',
      'product-of-the-shop" { # articles\n    name = "Product of the shop"',
    )
    .replace('entity product', 'entity "product')

  test('prints the file as v1.0.0, its comments in place, and says which slugs changed', async () => {
    const cwd = folder({ 'g.hcl': old })
    const { stdout, stderr, code } = await linkedEvents(['graph', 'g.hcl', '--upgrade'], { cwd })
    expect({ stdout, code }).toEqual({ stdout: upgraded, code: 0 })
    expect(stderr).toContain('"Product of the shop" is now "product-of-the-shop"')
    expect(readFileSync(join(cwd, 'g.hcl'), 'utf8')).toBe(old)
  })

  test('--write changes the file itself, once', async () => {
    const cwd = folder({ 'g.hcl': old })
    const args = ['graph', 'g.hcl', '--upgrade', '--write']
    expect(await json(args, { cwd })).toMatchObject({ changed: true, written: true, text: upgraded, exit: 0 })
    expect(readFileSync(join(cwd, 'g.hcl'), 'utf8')).toBe(upgraded)
    expect(await json(args, { cwd })).toMatchObject({ changed: false, written: false, exit: 0 })
    expect((await linkedEvents(['graph', 'g.hcl', '--write'], { cwd })).code).toBe(2)
  })
})

describe('test: cases that users write for their mappings', () => {
  const config = `space: shop
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
        mapping: { name: { "@path": $.__segment_entities.shop.product.NAME }, total: { "@path": $.properties.total } }
`
  const cases = `tests:
  - name: a known product has its name
    event: { type: track, properties: { sku: A, total: 5 } }
    rows: { product: { A: { NAME: Hat } } }
    expect: { destination: crm, mapping: Order, outcome: full, output: { name: Hat, total: 5 } }
  - name: an unknown one goes on without
    event: '{"type":"track","properties":{"sku":"B","total":12345678901234567890}}'
    expect: { outcome: none, output: { total: 12345678901234567890 } }
  - name: a page view is filtered
    event: { type: page }
    expect: { outcome: filtered, reason: FILTERED_AT_MAPPING }
  - name: what is no event is set aside
    event: 'broken'
    dead_letter: invalid_json
`

  test('all pass', async () => {
    const cwd = folder({
      'linked-events.yaml': config,
      'data-graph.hcl': shopGraph,
      'tests/orders.yaml': cases.replace(/ {2}- name: an unknown[\s\S]*?(?= {2}- name: a page)/, ''),
    })
    expect(await json(['test'], { cwd })).toMatchObject({ schema_version: 1, ok: true, passed: 3, failed: 0, exit: 0 })
  })

  test('a failure shows what differs, and exits 1', async () => {
    const cwd = folder({
      'linked-events.yaml': config,
      'data-graph.hcl': shopGraph,
      'c.yaml': cases.replace('{ name: Hat, total: 5 }', '{ name: Cap, total: 5, extra: 1 }'),
    })
    const { code, stdout } = await linkedEvents(['test', 'c.yaml'], { cwd })
    expect(code).toBe(1)
    expect(stdout).toContain('FAIL c.yaml: a known product has its name')
    expect(stdout).toContain('- output.name: "Cap"')
    expect(stdout).toContain('+ output.name: "Hat"')
    expect(stdout).toContain('- output.extra: 1')
    expect(stdout).toContain('ok   c.yaml: a page view is filtered')
  })

  test('a test file with mistakes names them; no tests at all say so', async () => {
    const cwd = folder({
      'linked-events.yaml': config,
      'data-graph.hcl': shopGraph,
      'c.yaml': 'tests:\n  - nme: x\n    event: {}\n',
    })
    expect(await json(['test', 'c.yaml'], { cwd })).toMatchObject({
      ok: false,
      exit: 65,
      error: { code: 'BAD_INPUT', problems: [{ line: 2 }, { line: 2, hint: 'did you mean "name"?' }] },
    })
    expect(await json(['test'], { cwd })).toMatchObject({ ok: false, error: { code: 'FILE_NOT_FOUND' } })
  })
})

test('the library has the exports that the documentation names, and importing it does nothing', async () => {
  const script = `
    import { compileMapping } from 'linked-events/mapping'
    import { compileTrigger } from 'linked-events/trigger'
    import { parseDataGraph } from 'linked-events/graph'
    import { allowedDestinations } from 'linked-events/consent'
    import { audienceMembership } from 'linked-events/membership'
    import { nextRun } from 'linked-events/schedule'
    const { transform, reads } = compileMapping({ a: { '@path': '$.properties.x' } })
    console.log(JSON.stringify([
      transform({ properties: { x: 1 } }), reads, compileTrigger('type = "track"').matches({ type: 'track' }), compileTrigger('type = "track"').toString(),
      parseDataGraph('entity "a" { name = "A" table_ref = "t" primary_key = "k" }').graph.entities.length,
      allowedDestinations({ context: { consent: { categoryPreferences: { ads: false } } } }, { destinations: ['x', 'y'], categories: { ads: ['x'] } }),
      audienceMembership({ type: 'track', event: 'new' }, 'add'), nextRun({ strategy: 'PERIODIC', config: { interval: '1h' } }, new Date(0)),
    ]))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
  expect(JSON.parse(stdout)).toEqual([
    { a: 1 },
    ['properties.x'],
    true,
    'type = "track"',
    1,
    ['y'],
    true,
    '1970-01-01T01:00:00.000Z',
  ])
})
