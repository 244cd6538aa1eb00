/** Row events from a real warehouse to a real broker: every change once, whenever the process is killed. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { folder, json, start } from '../../support/cli.ts'
import { connectionTo, readAll, unique, until, withAdmin } from '../../support/kafka.ts'
import { random } from '../../support/random.ts'
import { followed } from '../../support/row-topic.ts'
import { duckdb, shopGraph } from '../../support/shop.ts'

const brokers = (process.env.KAFKA_BROKERS ?? '').split(',')
const connection = connectionTo(brokers)

async function shop(mode = 'mirror') {
  const topic = unique('rows')
  await withAdmin(connection, (admin) => admin.createTopics([{ topic, partitions: 3 }]))
  const config = (stateDir: string) => `space: shop
data_graph: ./data-graph.hcl
state_dir: ./${stateDir}
warehouse: { type: duckdb, path: ./warehouse.duckdb }
source: { kafka: { topics: [${topic}.in], group: ${topic} } }
kafka: { brokers: [${brokers.map((broker) => `"${broker}"`).join(', ')}] }
dead_letters: { file: ./dead-letters.ndjson }
http: { port: 0 }
entities: { product: { events: { topic: ${topic}, mode: ${mode} } } }
destinations:
  - slug: crm
    output: { file: ./out.ndjson }
    mappings:
      - name: All
        action: log
        trigger: type = "track"
        entities: [{ entity: product, match: $.properties.sku }]
        mapping: { name: { "@path": $.__segment_entities.shop.product.NAME }, price: { "@path": $.__segment_entities.shop.product.PRICE } }
`
  const cwd = folder({ 'one.yaml': config('one'), 'two.yaml': config('two'), 'data-graph.hcl': shopGraph })
  const warehouse = join(cwd, 'warehouse.duckdb')
  await duckdb(warehouse, [
    'CREATE TABLE products ("NOTE" VARCHAR, "SKU" VARCHAR, "NAME" VARCHAR, "PRICE" DECIMAL(10,2))',
    'CREATE TABLE accounts ("ACCOUNT_ID" BIGINT)',
  ])
  const sync = (config = 'one', ...args: string[]) => [
    '--config',
    join(cwd, `${config}.yaml`),
    'sync',
    'product',
    ...args,
  ]
  return {
    cwd,
    topic,
    change: (...statements: string[]) => duckdb(warehouse, statements),
    sync: (config?: string, ...args: string[]) =>
      json<{ runs: { result: string; epoch: number; row_events: object; error: object | null }[] }>(
        sync(config, ...args),
        { cwd },
      ),
    start: () => start([...sync(), '--json', '--quiet'], { cwd }),
    events: async () =>
      (await readAll(connection, topic)).map(({ key, value }) => ({ key, ...JSON.parse(value ?? '') })),
    /** The rows by key, as another program exports them. */
    async table(): Promise<Map<string, string>> {
      const file = join(cwd, 'table.ndjson')
      await duckdb(warehouse, [`COPY (SELECT "SKU", "NAME", "PRICE" FROM products) TO '${file}' (FORMAT json)`])
      const rows = readFileSync(file, 'utf8').trim().split('\n')
      return new Map(rows.map((text) => [JSON.parse(text).SKU, JSON.stringify(JSON.parse(text))]))
    },
    /** Where the topic ends, what is not committed included. */
    end: () =>
      withAdmin(connection, async (admin) => (await admin.offsets(topic)).reduce((sum, { high }) => sum + high, 0)),
  }
}

describe('a sync', () => {
  test('tells new, changed and deleted rows with the columns that are read', async () => {
    const { change, sync, events, cwd } = await shop()
    await change(`INSERT INTO products VALUES ('not read', 'S1', 'Hat', 9.50), (NULL, 'S2', NULL, 1)`)
    expect(await sync('one', '--dry-run')).toMatchObject({ runs: [{ result: 'dry_run', row_events: { sent: 0 } }] })
    expect(await events()).toEqual([])
    expect(await sync()).toMatchObject({ exit: 0, runs: [{ row_events: { sent: 2, elsewhere: null } }] })
    await change(`UPDATE products SET "PRICE" = 10 WHERE "SKU" = 'S1'`, `DELETE FROM products WHERE "SKU" = 'S2'`)
    expect(await sync()).toMatchObject({ exit: 0, runs: [{ row_events: { sent: 2 } }] })
    const found = await events()
    const of = (key: string) => found.filter((event) => event.key === key)
    const row = (event: string, key: string, properties: object) => ({
      key,
      type: 'track',
      event,
      __segment_id: key,
      properties,
    })
    expect(of('S1')).toEqual([
      row('new', 'S1', { SKU: 'S1', NAME: 'Hat', PRICE: 9.5 }),
      row('updated', 'S1', { SKU: 'S1', NAME: 'Hat', PRICE: 10 }),
    ])
    expect(of('S2')).toEqual([
      row('new', 'S2', { SKU: 'S2', NAME: null, PRICE: 1 }),
      row('deleted', 'S2', { SKU: null, NAME: null, PRICE: null }),
    ])

    expect(await sync('two')).toMatchObject({ exit: 0, runs: [{ result: 'success', row_events: { sent: 0 } }] })
    const doctor = await json<{ checks: { name: string; ok: boolean; fix: string | null }[] }>(
      ['doctor', '--config', join(cwd, 'two.yaml')],
      { cwd },
    )
    expect(doctor.checks.find(({ name }) => name === 'row events of product')).toMatchObject({
      ok: false,
      severity: 'warning',
      fix: expect.stringContaining('linked-events sync release product'),
    })
    expect(doctor.checks.find(({ name }) => name === 'transactions')).toMatchObject({ ok: true })
    expect(await json(['--config', join(cwd, 'two.yaml'), 'sync', 'release', 'product'], { cwd })).toMatchObject({
      ok: true,
    })
    expect(await sync('two')).toMatchObject({ exit: 0, runs: [{ row_events: { sent: 1, elsewhere: null } }] })
    expect((await events()).filter(({ key }) => key === 'S1').at(-1)).toEqual(
      row('new', 'S1', { SKU: 'S1', NAME: 'Hat', PRICE: 10 }),
    )
  })

  test('tells only what its mode says', async () => {
    const { change, sync, events } = await shop('delete')
    await change(`INSERT INTO products VALUES (NULL, 'S1', 'Hat', 1), (NULL, 'S2', 'Cap', 1)`)
    expect(await sync()).toMatchObject({ runs: [{ result: 'success', row_events: { sent: 0 } }] })
    await change(`DELETE FROM products WHERE "SKU" = 'S2'`)
    expect(await sync()).toMatchObject({ runs: [{ row_events: { sent: 1 } }] })
    expect(await events()).toMatchObject([{ key: 'S2', event: 'deleted' }])
  })
})

test('run syncs an entity for its events alone, and waits for nothing of it', async () => {
  const { cwd, topic, change } = await shop()
  await withAdmin(connection, (admin) => admin.createTopics([{ topic: `${topic}.in`, partitions: 1 }]))
  const text = readFileSync(join(cwd, 'one.yaml'), 'utf8')
  writeFileSync(join(cwd, 'one.yaml'), text.replace('product: { events', 'account: { events'))
  await change(`INSERT INTO products VALUES (NULL, 'S1', 'Hat', 1)`, 'INSERT INTO accounts VALUES (9007199254740993)')
  const { child, output, ended } = start(['--config', join(cwd, 'one.yaml'), 'run'], { cwd })
  await until(async () => (await readAll(connection, topic)).length > 0, 'its row is told')
  child.kill('SIGTERM')
  expect(await ended).toMatchObject({ code: 0 })
  expect((await readAll(connection, topic)).map(({ value }) => value)).toEqual([
    '{"type":"track","event":"new","__segment_id":"9007199254740993","properties":{"ACCOUNT_ID":9007199254740993}}',
  ])
  expect(output.stderr).toContain('ready')
})

test('killed with its events on the way, and at any moment: each is there once', async () => {
  const seed = Number(process.env.KILL_SEED ?? Math.floor(Math.random() * 2 ** 31))
  console.info(`row events, kills: KILL_SEED=${seed}`)
  const next = random(seed)
  const { topic, change, sync, start, end, table } = await shop()
  await change(`INSERT INTO products SELECT NULL, 'S' || i, 'name ' || i, i FROM range(20000) r(i)`)
  for (let round = 0; round < 6; round++) {
    const before = await end()
    const { child, ended } = start()
    let over = false
    void ended.then(() => (over = true))
    // Every other time as soon as something is on its way.
    if (round % 2 === 0) await until(async () => over || (await end()) > before, 'it sends')
    else await pause(400 + next() * 1200)
    child.kill('SIGKILL')
    await ended
    const some = `hash("SKU") % 50 = ${round}`
    await change(
      `DELETE FROM products WHERE ${some} AND "PRICE" % 2 = 0`,
      `UPDATE products SET "NAME" = "NAME" || '${round}' WHERE ${some}`,
      `INSERT INTO products SELECT NULL, 'R${round}-' || i, NULL, i FROM range(3000) r(i)`,
    )
  }
  expect(await sync()).toMatchObject({ exit: 0, runs: [{ error: null }] })
  const records = await readAll(connection, topic)
  expect(records.length).toBeGreaterThan(20_000)
  const { rows, wrong } = followed(records.map(({ value }) => value ?? ''))
  expect(wrong).toEqual([])
  expect(rows).toEqual(await table())
  // Rolled forward, not begun anew.
  expect(new Set(records.map(({ headers }) => new Map(headers).get('le.epoch'))).size).toBe(1)
})
