/** The commands as a user runs them, on files and DuckDB: nothing else is needed. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { constants, getPriority } from 'node:os'
import { basename, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Problem } from '../../src/errors.ts'
import { lockStateDir } from '../../src/snapshot/lock.ts'
import { folder, json, linkedEvents, start } from '../support/cli.ts'
import { freePort } from '../support/ports.ts'
import { duckdb, shopGraph, shopTables } from '../support/shop.ts'

const config = `space: shop
data_graph: ./data-graph.hcl
warehouse: { type: duckdb, path: ./warehouse.duckdb }
source: { file: ./events.ndjson }
dead_letters: { file: ./out/dead-letters.ndjson }
http: { port: 0 }
destinations:
  - slug: events
    output: { file: ./out/events.ndjson, format: event }
    mappings:
      - name: All
        action: log
        trigger: type = "track"
        entities: [{ entity: product, match: $.properties.sku }, { entity: account, match: properties.account }]
        mapping: { properties: { product: { "@path": $.__segment_entities.shop.product }, plan: { "@path": $.__segment_entities.shop.account.PLAN } } }
  - slug: payloads
    output: { file: ./out/payloads.ndjson, record: envelope }
    mappings:
      - name: Price
        action: send
        trigger: type = "track" and event = "Order"
        entities: [{ entity: product, match: properties.sku, on_missing: drop }]
        mapping: { big: { "@path": $.__segment_entities.shop.product.BIG }, price: { "@path": $.__segment_entities.shop.product.PRICE } }
`

const events = [
  '{"type":"track","event":"Order","properties":{"sku":"SKU-1","account":42,"n":1.0,"big":12345678901234567890}}',
  '',
  '{ "type" : "track", "event":"View", "properties":{ "sku":"gone", "account":"9007199254740993" } }',
  '{"type":"track","event":"Order","properties":{}}',
  '{"type":"page"}',
  'not json',
  '{"type":"track","event":"Order","properties":{"sku":"SKU-2","account":9007199254740993}}',
].join('\n')

async function shop(more: Record<string, string> = {}): Promise<string> {
  const dir = folder({ 'linked-events.yaml': config, 'data-graph.hcl': shopGraph, 'events.ndjson': events, ...more })
  await duckdb(join(dir, 'warehouse.duckdb'), shopTables)
  return dir
}

const lines = (dir: string, name: string) =>
  readFileSync(join(dir, 'out', name), 'utf8')
    .split('\n')
    .filter((line) => line !== '')

interface Summary {
  ok: boolean
  consumed: number
  delivered: number
  outcomes: Record<string, number>
  schema_version: number
}

describe('from a warehouse table to an enriched event', () => {
  let cwd: string
  let summary: Summary & { exit: number | null }

  beforeAll(async () => {
    cwd = await shop()
    summary = await json<Summary>(['run', '--until-end'], { cwd })
  })

  test('the summary closes exactly', () => {
    expect(summary).toMatchObject({ schema_version: 1, ok: true, exit: 0, consumed: 6, delivered: 6 })
    expect(summary.outcomes).toEqual({
      full: 4,
      partial: 1,
      none: 1,
      bypassed: 0,
      filtered: 3,
      dropped: 1,
      held: 0,
      dead_letter: 1,
    })
    expect(Object.values(summary.outcomes).reduce((sum, count) => sum + count)).toBe(5 * 2 + 1)
  })

  test('an event output is the input with the result merged in', () => {
    expect(lines(cwd, 'events.ndjson')).toEqual([
      '{"type":"track","event":"Order","properties":{"sku":"SKU-1","account":42,"n":1.0,"big":12345678901234567890,"product":{"SKU":"SKU-1","NAME":"Hat","PRICE":9.5,"BIG":9007199254740993,"NOTE":null,"ATTRIBUTES":{"vegan":true,"sizes":[1,2]}},"plan":"team"}}',
      '{ "type" : "track", "event":"View", "properties":{ "sku":"gone", "account":"9007199254740993","plan":"enterprise" } }',
      '{"type":"track","event":"Order","properties":{}}',
      '{"type":"track","event":"Order","properties":{"sku":"SKU-2","account":9007199254740993,"product":{"SKU":"SKU-2","NAME":"Größe \\"M\\" 😀","PRICE":100,"BIG":42,"NOTE":"","ATTRIBUTES":null},"plan":"enterprise"}}',
    ])
  })

  test('an envelope has key, value, headers, partition and time', () => {
    const [first, second] = lines(cwd, 'payloads.ndjson')
    expect(first).toContain('"value":{"big":9007199254740993,"price":9.5}}')
    expect(JSON.parse(second!)).toMatchObject({
      key: null,
      partition: 0,
      value: { big: 42, price: 100 },
      headers: {
        'le.destination': 'payloads',
        'le.action': 'send',
        'le.mapping': 'Price',
        'le.outcome': 'full',
        'le.entities': 'product=hit@1',
        'le.source': 'events.ndjson/0/6',
      },
    })
  })

  test('a dead letter has its bytes, its reason and its line', () => {
    expect(lines(cwd, 'dead-letters.ndjson').map((line) => JSON.parse(line) as object)).toMatchObject([
      { reason: 'invalid_json', source: 'events.ndjson/0/5', value: 'not json', key: null },
    ])
  })

  test('the same input and versions give the same bytes', async () => {
    const before = ['events.ndjson', 'payloads.ndjson'].map((name) =>
      lines(cwd, name).map((line) => line.replace(/"time":"[^"]*"/, '')),
    )
    await json(['run', '--until-end'], { cwd })
    expect(
      ['events.ndjson', 'payloads.ndjson'].map((name) =>
        lines(cwd, name).map((line) => line.replace(/"time":"[^"]*"/, '')),
      ),
    ).toEqual(before)
  })

  test('--fail-on-dead-letter makes it exit 1', async () => {
    expect(await json(['run', '--until-end', '--fail-on-dead-letter'], { cwd })).toMatchObject({ exit: 1, ok: false })
  })

  test('dlq list and show name what was set aside', async () => {
    const { stdout } = await linkedEvents(['dlq', 'list', '--json'], { cwd })
    expect(JSON.parse(stdout)).toMatchObject({
      schema_version: 1,
      reason: 'invalid_json',
      topic: 'events.ndjson',
      partition: 0,
      offset: 5,
      size: 8,
    })
    expect(await json(['dlq', 'show', '1'], { cwd })).toMatchObject({ value: 'not json', exit: 0 })
    expect(await json(['dlq', 'show', '9'], { cwd })).toMatchObject({ ok: false, exit: 65 })
  })

  test('lookup finds a row, and exits 1 without one', async () => {
    const { stdout } = await linkedEvents(['lookup', 'account', '9007199254740993', '--json'], { cwd })
    expect(stdout).toContain('"row":{"ACCOUNT_ID":9007199254740993,"PLAN":"enterprise"}')
    expect(await json(['lookup', 'product', 'SKU-1'], { cwd })).toMatchObject({
      entity: 'product',
      key: 'SKU-1',
      status: 'hit',
      version: 1,
      exit: 0,
    })
    expect(await json(['lookup', 'product', ''], { cwd })).toMatchObject({ status: 'hit' })
    expect(await json(['lookup', 'product', 'x'], { cwd })).toMatchObject({ status: 'no_match', row: null, exit: 1 })
    expect(await json(['lookup', 'product', 'SKU-1', '--version', '99'], { cwd })).toMatchObject({
      status: 'entity_not_ready',
      exit: 1,
    })
    expect(await json(['lookup', 'prodcut', 'x'], { cwd })).toMatchObject({
      ok: false,
      exit: 2,
      error: { code: 'ENTITY_UNKNOWN', hint: 'did you mean "product"?' },
    })
  })

  test('preview says what would happen and why a field is empty', async () => {
    const input =
      '{"type":"track","event":"Order","messageId":"m-1","properties":{"sku":"SKU-1"}}\nbroken\n{"type":"page"}\n'
    const { stdout, code } = await linkedEvents(['preview', '--event', '-', '--json'], { cwd, input })
    const [order, broken, page] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(code).toBe(0)
    expect(order).toMatchObject({
      event_id: 'm-1',
      deliveries: [
        {
          destination: 'events',
          action: 'log',
          mapping: 'All',
          outcome: 'partial',
          entities: [
            { entity: 'product', match: '$.properties.sku', key: 'SKU-1', status: 'hit', version: 1 },
            { entity: 'account', match: 'properties.account', key: null, status: 'key_missing', version: 1 },
          ],
          reasons: [{ path: 'properties.plan', reason: 'account: key_missing (properties.account)' }],
        },
        { destination: 'payloads', outcome: 'full', reasons: [] },
      ],
    })
    expect(broken).toMatchObject({ deliveries: [], dead_letter: { reason: 'invalid_json' } })
    expect(page).toMatchObject({
      deliveries: [{ outcome: 'filtered', reason: 'FILTERED_AT_MAPPING' }, { outcome: 'filtered' }],
    })
    const one = await linkedEvents(['preview', '--event', '-', '--destination', 'payloads', '--json'], {
      cwd,
      input: '{\n "type": "page"\n}',
    })
    expect((JSON.parse(one.stdout) as { deliveries: unknown[] }).deliveries).toHaveLength(1)
  })

  test('snapshot list, info, verify and diff; a changed table gives version 2', async () => {
    await duckdb(join(cwd, 'warehouse.duckdb'), [
      `UPDATE products SET "PRICE" = 10 WHERE "SKU" = 'SKU-1'`,
      `DELETE FROM products WHERE "SKU" = 'SKU-2'`,
      `INSERT INTO products ("SKU") VALUES ('SKU-9')`,
    ])
    const synced = await json<{ ok: boolean; runs: object[] }>(['sync', 'product'], { cwd })
    expect(synced).toMatchObject({
      ok: true,
      exit: 0,
      runs: [
        {
          entity: 'product',
          result: 'success',
          version: 2,
          epoch: 1,
          added: 1,
          updated: 1,
          deleted: 1,
          rows: 3,
          error: null,
        },
      ],
    })
    const listed = await json<{ snapshots: { entity: string; version: number; current: boolean; path: string }[] }>(
      ['snapshot', 'list'],
      { cwd },
    )
    expect(
      listed.snapshots.filter(({ entity }) => entity === 'product').map(({ version, current }) => [version, current]),
    ).toEqual([
      [2, true],
      [1, false],
    ])
    expect(await json(['snapshot', 'diff', 'product', '1', '2'], { cwd })).toMatchObject({
      added: ['SKU-9'],
      updated: ['SKU-1'],
      deleted: ['SKU-2'],
    })
    expect(await json(['lookup', 'product', 'SKU-2', '--version', '1'], { cwd })).toMatchObject({ status: 'hit' })
    expect(await json(['snapshot', 'info', 'product'], { cwd })).toMatchObject({ snapshots: [{ version: 2, rows: 3 }] })
    expect(await json(['sync', 'product'], { cwd })).toMatchObject({ runs: [{ result: 'unchanged', added: 0 }] })
    expect(await json<{ runs: unknown[] }>(['sync', 'history', 'product'], { cwd })).toMatchObject({
      runs: [{ result: 'success', version: 1 }, { result: 'success', version: 2 }, { result: 'unchanged' }],
    })

    const { path } = listed.snapshots.find(({ version }) => version === 2)!
    const bytes = readFileSync(path)
    bytes[5000] = (bytes[5000] ?? 0) ^ 1
    writeFileSync(path, bytes)
    expect(await json(['snapshot', 'verify'], { cwd })).toMatchObject({ ok: false, exit: 1 })
    const run = await json<Summary>(['run', '--until-end'], { cwd })
    expect(run.ok).toBe(true) // the good version before it is served
  })

  test('status tells how old everything is', async () => {
    const status = await json<{ entities: { entity: string; state: string; version: number; age_seconds: number }[] }>(
      ['status'],
      { cwd },
    )
    expect(status.entities.find(({ entity }) => entity === 'account')).toMatchObject({ state: 'ok', version: 1 })
  })

  test('doctor looks at machine, disk and warehouse', async () => {
    const doctor = await json<{ ok: boolean; checks: { name: string; ok: boolean }[] }>(['doctor'], { cwd })
    expect(doctor.ok).toBe(true)
    expect(doctor.checks.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['node', 'state_dir', 'entity product']),
    )
    expect(await json(['validate', '--deep'], { cwd })).toMatchObject({ ok: true, exit: 0 })
  })

  test('what the warehouse says of a table or a key points into the data graph', async () => {
    const wrong = shopGraph.replace('"main.products"', '"main.product"').replace('"ACCOUNT_ID"', '"ACOUNT_ID"')
    const cwd = await shop({ 'data-graph.hcl': wrong })
    const { problems, exit } = await json<{ problems: Problem[] }>(['validate', '--deep'], { cwd })
    expect(exit).toBe(78)
    const inGraph = problems.filter(({ file }) => basename(file ?? '') === 'data-graph.hcl')
    expect(inGraph.map(({ line, column, hint }) => [line, column, hint])).toEqual([
      [5, 17, 'did you mean "main.products"?'],
      [12, 19, 'did you mean "ACCOUNT_ID"?'],
    ])
  })

  test('sync audit proves that the snapshot is the table, or names the keys that differ, while another process owns the state', async () => {
    expect(await json(['sync'], { cwd })).toMatchObject({ exit: 0 })
    const lock = lockStateDir(join(cwd, '.linked-events'))
    try {
      expect(await json(['sync', 'audit', 'account'], { cwd })).toMatchObject({
        ok: true,
        exit: 0,
        entity: 'account',
        rows: { table: 3, snapshot: 3 },
        buckets: { compared: 1, differing: 0 },
        changed_since: null,
        hint: null,
      })
      await duckdb(join(cwd, 'warehouse.duckdb'), [`UPDATE accounts SET "PLAN" = 'other' WHERE "ACCOUNT_ID" = 42`])
      expect(await json(['sync', 'audit', 'account'], { cwd })).toMatchObject({
        ok: false,
        exit: 1,
        different: { count: 1, keys: ['42'] },
        changed_since: true,
        hint: 'the table has changed since the snapshot was made: run `linked-events sync account`, then audit again',
      })
      const said = await linkedEvents(['sync', 'audit', 'account'], { cwd })
      expect(said.stdout).toMatch(/^1 different: 42$/m)
    } finally {
      lock.release()
    }
  })

  test('with state: local the warehouse file is only read', async () => {
    const dir = await shop({ 'linked-events.yaml': config.replace('type: duckdb,', 'type: duckdb, state: local,') })
    const file = join(dir, 'warehouse.duckdb')
    const before = readFileSync(file)
    expect(await json(['run', '--until-end'], { cwd: dir })).toMatchObject({ ok: true, exit: 0, consumed: 6 })
    const { checks } = await json<{ checks: { name: string }[] }>(['doctor'], { cwd: dir })
    expect(checks.map(({ name }) => name).filter((name) => /schema/.test(name))).toEqual([])
    expect(await json(['sync', 'reset', 'product'], { cwd: dir })).toMatchObject({ ok: true, exit: 0 })
    expect(await json(['sync', 'audit', 'product'], { cwd: dir })).toMatchObject({ ok: true, exit: 0 })
    expect(readFileSync(file).equals(before)).toBe(true)
    expect(await json(['sync', '--full', 'product'], { cwd: dir })).toMatchObject({ runs: [{ epoch: 2, version: 2 }] })
  })

  test('sync reset forgets, and the next sync reads everything in a new epoch', async () => {
    expect(await json(['sync', 'reset', 'account'], { cwd })).toMatchObject({ ok: true, exit: 0 })
    expect(await json(['sync', 'account'], { cwd })).toMatchObject({ runs: [{ result: 'success', epoch: 2, rows: 3 }] })
  })
})

test('rows that are asked for often come into memory, but not beyond limits.row_memory; the outputs are the same', async () => {
  const order = '{"type":"track","event":"Order","properties":{"sku":"SKU-2","account":42}}\n'
  const outputs = await Promise.all(
    ['', 'limits: { row_memory: 0 }\n'].map(async (limits) => {
      const cwd = await shop({ 'linked-events.yaml': config + limits, 'events.ndjson': order.repeat(60_000) })
      await json(['sync'], { cwd })
      const { stderr, code } = await linkedEvents(['run', '--until-end', '--verbose'], { cwd })
      expect(code).toBe(0)
      expect(stderr.includes('the rows of a snapshot are in memory now')).toBe(limits === '')
      const payloads = lines(cwd, 'payloads.ndjson').map((line) => (JSON.parse(line) as { value: unknown }).value)
      return [lines(cwd, 'events.ndjson'), payloads]
    }),
  )
  const [held, read] = outputs
  expect(held!.map(({ length }) => length)).toEqual([60_000, 60_000])
  expect(held).toEqual(read)
})

describe('pipes', () => {
  const piped = config
    .replace('file: ./events.ndjson', 'file: "-"')
    .replace('file: ./out/events.ndjson, format: event', 'file: "-", format: event')

  test('events in by stdin, out by stdout; the summary does not mix in', async () => {
    const cwd = await shop({ 'linked-events.yaml': piped })
    const { stdout, stderr, code } = await linkedEvents(['run', '--until-end'], { cwd, input: `${events}\r\n` })
    expect(code).toBe(0)
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { type: string }).type),
    ).toEqual(['track', 'track', 'track', 'track'])
    expect(stderr).toContain('6 messages in')
  })
})

describe('bad surroundings: a clear error, a code, a hint, the right exit code', () => {
  test('no configuration', async () => {
    expect(await json(['run'], { cwd: folder() })).toMatchObject({
      schema_version: 1,
      ok: false,
      exit: 78,
      error: { code: 'CONFIG_NOT_FOUND' },
    })
  })

  test('an invalid configuration, with every problem', async () => {
    const cwd = folder({
      'linked-events.yaml': config.replace('space: shop', 'spce: shop'),
      'data-graph.hcl': shopGraph,
    })
    const result = await json<{ ok: boolean; problems: { code: string; line: number; column: number }[] }>(
      ['validate'],
      { cwd },
    )
    expect(result).toMatchObject({ ok: false, exit: 78 })
    expect(result.problems.map(({ code }) => code).sort()).toEqual(['CONFIG_INVALID', 'CONFIG_UNKNOWN_KEY'])
    const run = await linkedEvents(['run', '--until-end'], { cwd })
    expect(run.code).toBe(78)
    expect(run.stderr).toMatch(/linked-events\.yaml:1:1: error CONFIG_UNKNOWN_KEY: .*\n {2}Try: did you mean "space"\?/)
  })

  test('an unknown command or option: usage, exit 2', async () => {
    expect((await linkedEvents(['snyc'])).code).toBe(2)
    expect((await linkedEvents(['run', '--untl-end'])).stderr).toContain('--until-end')
    expect(await json(['lookup', 'product'], { cwd: await shop() })).toMatchObject({
      exit: 2,
      error: { code: 'USAGE' },
    })
    expect(
      await json(['replay', '--from', 'earliest', '--to', 'latest', '--yes'], { cwd: await shop() }),
    ).toMatchObject({ exit: 2, error: { code: 'USAGE', message: expect.stringContaining('is a file') } })
  })

  test('a table that is nearly right', async () => {
    const cwd = await shop({ 'data-graph.hcl': shopGraph.replace('main.products', 'main.product') })
    const sync = await json<{ runs: { error: { code: string; hint: string } }[] }>(['sync', 'product'], { cwd })
    expect(sync).toMatchObject({
      ok: false,
      exit: 1,
      runs: [{ result: 'failed', version: null, error: { code: 'TABLE_MISSING' } }],
    })
    expect(sync.runs[0]?.error.hint).toContain('products')
  })

  test('a key column that is nearly right', async () => {
    const cwd = await shop({ 'data-graph.hcl': shopGraph.replace('"SKU"', '"SKV"') })
    expect(await json(['sync', 'product'], { cwd })).toMatchObject({
      exit: 1,
      runs: [{ error: { code: 'COLUMN_MISSING' } }],
    })
  })

  test('a warehouse file that is not there', async () => {
    const cwd = folder({ 'linked-events.yaml': config, 'data-graph.hcl': shopGraph, 'events.ndjson': events })
    expect(await json(['sync', 'product'], { cwd })).toMatchObject({
      exit: 1,
      runs: [{ error: { code: 'WAREHOUSE_UNAVAILABLE' } }],
    })
    expect(await json(['run', '--until-end'], { cwd })).toMatchObject({ ok: false, exit: 69 })
    expect(existsSync(join(cwd, 'warehouse.duckdb'))).toBe(false)
  })

  test('sync reads the columns that mappings read, and says which', async () => {
    const cwd = await shop({
      'linked-events.yaml': config.replace(
        '"@path": $.__segment_entities.shop.product }',
        '"@path": $.__segment_entities.shop.product.NAME }',
      ),
    })
    expect(await json(['sync', 'product'], { cwd })).toMatchObject({
      runs: [{ columns: ['SKU', 'NAME', 'PRICE', 'BIG'] }],
    })
    const { stderr } = await linkedEvents(['sync', 'product'], { cwd })
    expect(stderr).toContain('product: reads SKU, NAME, PRICE, BIG')
    const { stdout } = await linkedEvents(['lookup', 'product', 'SKU-1', '--json'], { cwd })
    expect(stdout).toContain('"row":{"SKU":"SKU-1","NAME":"Hat","PRICE":9.5,"BIG":9007199254740993}')
  })

  test('duplicate and null primary keys fail the run with counts and examples, and the old version stays', async () => {
    const cwd = await shop()
    await json(['sync', 'product'], { cwd })
    await duckdb(join(cwd, 'warehouse.duckdb'), [`INSERT INTO products ("SKU") VALUES ('SKU-1')`])
    const duplicate = await json<{ runs: { error: { message: string } }[] }>(['sync', 'product'], { cwd })
    expect(duplicate).toMatchObject({
      exit: 1,
      runs: [{ result: 'failed', version: 1, duplicate_keys: 1, error: { code: 'KEYS_DUPLICATE' } }],
    })
    expect(duplicate.runs[0]?.error.message).toContain('SKU-1')
    await duckdb(join(cwd, 'warehouse.duckdb'), [
      `DELETE FROM products WHERE "NAME" IS NULL`,
      `INSERT INTO products ("SKU") VALUES (NULL)`,
    ])
    expect(await json(['sync', 'product'], { cwd })).toMatchObject({
      runs: [{ null_keys: 1, error: { code: 'KEYS_NULL' } }],
    })
    expect(await json(['lookup', 'product', 'SKU-1'], { cwd })).toMatchObject({ status: 'hit', version: 1 })
  })

  test('an input file that is not there', async () => {
    const cwd = await shop({ 'linked-events.yaml': config.replace('./events.ndjson', './missing.ndjson') })
    expect(await json(['run', '--until-end'], { cwd })).toMatchObject({
      ok: false,
      exit: 78,
      error: { code: 'FILE_NOT_FOUND' },
    })
  })

  test('an output that cannot be written', async () => {
    const cwd = await shop({ 'linked-events.yaml': config.replace('./out/events.ndjson', './events.ndjson/x') })
    expect(await json(['run', '--until-end'], { cwd })).toMatchObject({
      ok: false,
      exit: 73,
      error: { code: 'FILE_UNWRITABLE' },
    })
  })

  test('a state_dir that cannot be written', async () => {
    const cwd = await shop({ 'linked-events.yaml': `${config}state_dir: ./events.ndjson\n` })
    expect(await json(['sync'], { cwd })).toMatchObject({
      ok: false,
      exit: 73,
      error: { code: 'STATE_DIR_UNWRITABLE' },
    })
  })

  test('a full disk', async () => {
    const cwd = await shop({ 'linked-events.yaml': config.replace('./out/events.ndjson', '/dev/full') })
    expect(await json(['run', '--until-end'], { cwd })).toMatchObject({
      ok: false,
      exit: 73,
      error: { code: 'DISK_FULL' },
    })
  })

  test('a second process on the same state_dir: exit 75, and the first goes on', async () => {
    const cwd = await shop({ 'linked-events.yaml': config.replace('./events.ndjson', '"-"') })
    const first = start(['run'], { cwd, open: true })
    await waitFor(() => first.output.stderr.includes('"ready'))
    expect(await json(['sync'], { cwd })).toMatchObject({ ok: false, exit: 75, error: { code: 'STATE_DIR_BUSY' } })
    expect(await json(['lookup', 'product', 'SKU-1'], { cwd })).toMatchObject({ status: 'hit' })
    first.child.stdin?.end(`${events}\n`)
    expect((await first.ended).code).toBe(0)
    expect(lines(cwd, 'events.ndjson')).toHaveLength(4)
  })

  test('sync cancel stops the running one, which says so; the next repeats what it did not finish', async () => {
    const cwd = await shop()
    await duckdb(join(cwd, 'warehouse.duckdb'), [
      `INSERT INTO products SELECT 'many-' || i, 'Product ' || i, i % 100, i, md5(i::VARCHAR), NULL FROM range(1500000) r(i)`,
    ])
    expect(await json(['sync', 'cancel', 'product'], { cwd })).toMatchObject({ ok: false, exit: 1 })
    const running = start(['sync', 'product', '--json'], { cwd })
    await waitFor(() => existsSync(join(cwd, '.linked-events', 'syncs', 'product.pid')))
    expect(await json(['sync', 'cancel', 'product'], { cwd })).toMatchObject({ ok: true, exit: 0 })
    const { code, stdout } = await running.ended
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      runs: [{ result: 'cancelled', version: null, error: { code: 'SYNC_CANCELLED' } }],
    })
    await duckdb(join(cwd, 'warehouse.duckdb'), [`DELETE FROM products WHERE "SKU" LIKE 'many-%'`])
    expect(await json(['sync', 'product'], { cwd })).toMatchObject({ ok: true, runs: [{ result: 'success', rows: 3 }] })
    expect(await json(['sync', 'history', 'product'], { cwd })).toMatchObject({
      runs: [{ result: 'cancelled' }, { result: 'success' }],
    })
  })

  test('--approve lets through the change that was stopped, and no other', async () => {
    const cwd = await shop()
    const change = (...statements: string[]) => duckdb(join(cwd, 'warehouse.duckdb'), statements)
    const runs = async (...options: string[]) =>
      (await json<{ runs: Record<string, unknown>[] }>(['sync', 'product', ...options], { cwd })).runs[0]
    await change(`INSERT INTO products SELECT 'many-' || i, NULL, i, i, NULL, NULL FROM range(5000) r(i)`)
    expect(await runs()).toMatchObject({ result: 'success', rows: 5003 })

    await change(`DELETE FROM products WHERE "PRICE" BETWEEN 1000 AND 2999`)
    // Nothing was stopped before: --approve alone does not say what it approves.
    expect(await runs('--approve')).toMatchObject({ result: 'guarded', rows: 5003, deleted: 2000 })
    await change(`DELETE FROM products WHERE "PRICE" >= 3000`)
    expect(await runs('--approve')).toMatchObject({ result: 'guarded', rows: 5003, deleted: 4000 })
    // Rows that come or change meanwhile do not matter: the deleted ones are the same.
    await change(
      `INSERT INTO products ("SKU") VALUES ('new')`,
      `UPDATE products SET "NOTE" = 'x' WHERE "SKU" = 'SKU-1'`,
    )
    expect(await runs()).toMatchObject({ result: 'guarded', rows: 5003, error: { code: 'SYNC_GUARDED' } })
    expect(await runs('--approve')).toMatchObject({
      result: 'success',
      added: 1,
      updated: 1,
      deleted: 4000,
      rows: 1004,
    })

    // It was let through once: the same change later is stopped again.
    await change(`INSERT INTO products SELECT 'many-' || i, NULL, i, i, NULL, NULL FROM range(1000, 5000) r(i)`)
    expect(await runs()).toMatchObject({ result: 'success', rows: 5004 })
    await change(`DELETE FROM products WHERE "PRICE" >= 1000`)
    expect(await runs('--approve')).toMatchObject({ result: 'guarded', rows: 5004 })

    // The whole table anew, and most of it missing: approved by the keys that are left.
    expect(await runs('--full')).toMatchObject({ result: 'guarded', version: 3 })
    expect(await runs('--full', '--approve')).toMatchObject({ result: 'success', epoch: 2, rows: 1004 })
  })

  test('a run that takes longer than warehouse.run_time_max is ended, also inside a statement', async () => {
    const cwd = await shop({
      'linked-events.yaml': config.replace('type: duckdb,', 'type: duckdb, run_time_max: 300ms,'),
    })
    await duckdb(join(cwd, 'warehouse.duckdb'), [
      'ALTER TABLE products RENAME TO kept',
      'CREATE VIEW products AS SELECT *, (SELECT sum(a.i * b.i) FROM range(10000000) a(i), range(1000000) b(i)) AS "SLOW" FROM kept',
    ])
    const message = 'the sync of entity "product" took longer than warehouse.run_time_max, 0.3 seconds'
    expect(await json(['sync', 'product'], { cwd })).toMatchObject({
      exit: 1,
      runs: [{ result: 'failed', version: null, error: { code: 'WAREHOUSE_LIMIT', message } }],
    })
  })

  test('a sync that is killed leaves nothing half done', async () => {
    const cwd = await shop()
    const first = start(['sync'], { cwd })
    setTimeout(() => first.child.kill('SIGKILL'), 250)
    await first.ended
    expect(await json(['sync'], { cwd })).toMatchObject({ ok: true, exit: 0 })
    expect(await json(['snapshot', 'verify'], { cwd })).toMatchObject({ ok: true })
  })
})

test('the probes answer from the first second, and readiness waits for the first version', async () => {
  const port = await freePort()
  const cwd = await shop({
    'linked-events.yaml': config
      .replace('./events.ndjson', '"-"')
      .replace('port: 0', `port: ${port}`)
      .replace('./warehouse.duckdb', './later.duckdb'),
  })
  const running = start(['run'], { cwd, open: true })
  await waitFor(() => reachable(port))
  expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200)
  const notReady = await fetch(`http://127.0.0.1:${port}/readyz`)
  expect(notReady.status).toBe(503)
  expect(await notReady.json()).toMatchObject({
    ok: false,
    reasons: ['account has no verified version yet', 'product has no verified version yet'],
  })
  await duckdb(join(cwd, 'later.duckdb'), shopTables)
  await waitFor(async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).status === 200, 30)
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  expect(metrics).toMatch(/linked_events_snapshot_rows\{entity="product",pipeline="file"\} 3/)
  expect((await fetch(`http://127.0.0.1:${port}/metrics`, { method: 'POST' })).status).toBe(405)
  running.child.kill('SIGTERM')
  expect((await running.ended).code).toBe(0)
})

test('a sync that run starts has a low priority: events go first', async () => {
  const cwd = await shop({ 'linked-events.yaml': config.replace('./events.ndjson', '"-"') })
  await duckdb(join(cwd, 'warehouse.duckdb'), [
    `INSERT INTO products SELECT 'many-' || i, 'Product ' || i, i % 100, i, md5(i::VARCHAR), NULL FROM range(1000000) r(i)`,
  ])
  const running = start(['run'], { cwd, open: true })
  const file = join(cwd, '.linked-events', 'syncs', 'product.pid')
  await waitFor(() => existsSync(file) && readFileSync(file, 'utf8') !== '')
  expect(getPriority(Number(readFileSync(file, 'utf8')))).toBe(constants.priority.PRIORITY_LOW)
  expect(getPriority(running.child.pid)).toBe(getPriority())
  running.child.kill('SIGTERM')
  expect((await running.ended).code).toBe(0)
})

async function waitFor(condition: () => boolean | Promise<boolean>, seconds = 20): Promise<void> {
  for (let left = seconds * 20; left > 0; left--) {
    if (await condition()) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`not within ${seconds} s`)
}

function reachable(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port }, () => {
      socket.destroy()
      resolve(true)
    }).on('error', () => resolve(false))
  })
}
