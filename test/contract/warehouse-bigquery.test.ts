/** The warehouse contract through BigQuery's own package, on goccy's emulator; and what is BigQuery's alone. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BigQueryDriver } from '../../src/warehouse/bigquery-driver.ts'
import { openWarehouse } from '../../src/warehouse/open.ts'
import { bigQueryEmulator, startBigQuery } from '../support/bigquery.ts'
import { type BigQueryFront, bytesOfStatement } from '../support/bigquery-front.ts'
import { stateSchema } from '../support/peer.ts'
import { bigQueryConfig, startBigQueryPeer } from '../support/peers/bigquery.ts'
import { onEngine, type Spelling, warehouseContract } from './warehouse-suite.ts'

const bigquery: Spelling = {
  start: startBigQueryPeer,
  types: [
    ['INT64', '-9223372036854775808', '-9223372036854775808'],
    ['NUMERIC', `NUMERIC '12345678901234567890.123456789'`, '12345678901234567890.123456789'],
    ['NUMERIC', `NUMERIC '1.10'`, '1.1'],
    ['NUMERIC', `NUMERIC '-0.00'`, '0'],
    ['BIGNUMERIC', `BIGNUMERIC '0.00000000000000000000000000000000000001'`, '0.00000000000000000000000000000000000001'],
    ['FLOAT64', '0.1 + 0.2', '0.30000000000000004'],
    ['FLOAT64', '1e300', '1e+300'],
    ['BOOL', 'TRUE', 'true'],
    ['BOOL', 'FALSE', 'false'],
    ['STRING', `''`, '""'],
    ['STRING', `'null'`, '"null"'],
    ['STRING', `'it''s "a" \\ | é 🎉'`, '"it\'s \\"a\\" \\\\ | é 🎉"'],
    ['STRING', 'CHR(10) || CHR(9)', '"\\n\\t"'],
    ['DATE', `DATE '2026-02-28'`, '"2026-02-28"'],
    ['DATETIME', `DATETIME '2026-01-01 12:00:00'`, '"2026-01-01T12:00:00.000"'],
    ['DATETIME', `DATETIME '0044-03-15 01:02:03.123456'`, '"0044-03-15T01:02:03.123456"'],
    ['TIMESTAMP', `TIMESTAMP '2026-01-01 12:00:00.5+02:00'`, '"2026-01-01T10:00:00.500Z"'],
    ['TIMESTAMP', `TIMESTAMP '2026-01-01 12:00:00.123456+00'`, '"2026-01-01T12:00:00.123456Z"'],
    ['TIME', `TIME '12:34:56'`, '"12:34:56"'],
    ['BYTES', `FROM_HEX('cafe')`, '"yv4="'],
    ['JSON', `JSON '{"a": [1, 9007199254740993, null]}'`, '{"a":[1,9007199254740993,null]}'],
    ['JSON', `JSON 'null'`, 'null'],
    ['ARRAY<INT64>', '[1, 2]', '[1,2]'],
    ['STRUCT<a INT64, b STRING>', `STRUCT(1, 'x')`, '{"a":1,"b":"x"}'],
  ],
  names: ['op', 'record_id', 'checksum', 'c0', 'select', 'at', 'with space', 'ünï', 'x'.repeat(60)],
  caseless: `STRING COLLATE 'und:ci'`,
  longStatement: 'SELECT SUM(a * b) FROM UNNEST(GENERATE_ARRAY(1, 3000)) a, UNNEST(GENERATE_ARRAY(1, 3000)) b',
}

const never = new AbortController().signal

await onEngine('BigQuery', bigQueryEmulator, () => {
  warehouseContract('bigquery', bigquery)
  describe('bigquery, by itself', ownPromises)
})

function ownPromises(): void {
  let front: BigQueryFront
  let driver: BigQueryDriver
  beforeAll(async () => {
    front = await startBigQuery()
    driver = await BigQueryDriver.open(bigQueryConfig(front), never)
    await driver.rows('CREATE TABLE main.products AS SELECT 1 AS id, CHR(65) AS name')
  })
  afterAll(async () => {
    await driver.close()
    await front.stop()
  })
  const entity = {
    slug: 'a',
    primaryKey: 'id',
    columns: null,
    duplicates: 'fail',
    versions: 2,
    installId: 'x',
  } as const
  const soon = () => new Promise((resolve) => setTimeout(resolve, 10))

  test('bytes are counted, and a limit holds for all statements of a run together', async () => {
    const warehouse = await openWarehouse({ ...bigQueryConfig(front), bytesBilledMax: 1.5 * bytesOfStatement })
    const session = await warehouse.session(never)
    const table = await session.table('products')
    const source = { table, key: table.columns[0]!, columns: [], duplicates: 'fail' as const }
    expect(await session.checkKeys(source)).toMatchObject({ rows: 1 })
    expect(session.bytesScanned()).toBe(bytesOfStatement)
    await expect(session.checkKeys(source)).rejects.toMatchObject({ code: 'WAREHOUSE_LIMIT' })
    const limits = front.statements.map(({ maximumBytesBilled }) => maximumBytesBilled)
    expect(limits.filter(Boolean)).toEqual([String(1.5 * bytesOfStatement)])
    await session.close()
  })

  test('what a run would read is known before anything is read', async () => {
    const session = await (await openWarehouse({ ...bigQueryConfig(front), bytesBilledMax: 1 })).session(never)
    const table = await session.table('products')
    const source = { table, key: table.columns[0]!, columns: table.columns.slice(1), duplicates: 'fail' as const }
    expect(await session.estimate(source)).toBe(2 * bytesOfStatement)
    expect(session.bytesScanned()).toBe(0)
    expect(front.statements.slice(-2).every(({ dryRun }) => dryRun)).toBe(true)
    await expect(session.checkKeys(source)).rejects.toMatchObject({ code: 'WAREHOUSE_LIMIT' })
    await session.close()
  })

  test('a statement whose answer is lost is asked for again, and not run again', async () => {
    front.loseNextAnswer()
    await driver.rows(`INSERT INTO main.products VALUES (2, 'B')`)
    expect(await driver.rows('SELECT COUNT(*) FROM main.products')).toEqual([['2']])
  })

  test('a statement that takes long is waited for; one that is cancelled ends on the server', async () => {
    const long = bigquery.longStatement.replaceAll('3000', '700')
    const before = front.statements.length
    expect(await driver.rows(long)).toEqual([[String((700 * 701 * 700 * 701) / 4)]])
    expect(front.statements.length).toBe(before + 1)

    const abort = new AbortController()
    const own = await BigQueryDriver.open(bigQueryConfig(front), abort.signal)
    const ended = own.rows(bigquery.longStatement).catch((error: unknown) => error)
    while (front.running() === 0) await soon()
    abort.abort()
    expect(await ended).toMatchObject({ code: 'SYNC_CANCELLED' })
    while (front.running() !== 0) await soon()
    await own.close()
  })

  test('a long table is read page by page, whole', async () => {
    await driver.rows('CREATE TABLE main.long AS SELECT CAST(n AS STRING) AS n FROM UNNEST(GENERATE_ARRAY(1, 12000)) n')
    const sizes: number[] = []
    const found = new Set<unknown>()
    for await (const page of driver.table('datasets/main/tables/long')) {
      sizes.push(page.length)
      for (const [cell] of page) found.add(cell)
    }
    expect(sizes).toEqual([5000, 5000, 2000])
    expect(found.size).toBe(12_000)
  })

  test('names: one part needs a dataset, three parts name a project, none ends a literal', async () => {
    const { dataset: _, ...config } = bigQueryConfig(front)
    const session = await (await openWarehouse(config)).session(never)
    await expect(session.table('products')).rejects.toMatchObject({ code: 'TABLE_MISSING', hint: /warehouse\.dataset/ })
    expect((await session.table('main.products')).ref).toBe('`shop`.`main`.`products`')
    expect((await session.table('shop.main.products')).view).toBe(false)
    await expect(session.table('mian.products')).rejects.toMatchObject({ hint: 'did you mean "main.products"?' })
    await expect(session.table('main."`; DROP TABLE main.products; --"')).rejects.toMatchObject({
      code: 'TABLE_MISSING',
    })
    await session.close()
  })

  test('a right that is missing is denied with the line that grants it', async () => {
    const warehouse = await openWarehouse(bigQueryConfig(front))
    const fixes = async () => (await warehouse.checks([{ ...entity, tableRef: 'products' }])).map(({ fix }) => fix)
    front.deny(/tables\/products/)
    expect(await fixes()).toEqual([
      null,
      'GRANT `roles/bigquery.dataViewer` ON TABLE `shop`.`main`.`products` TO "user:dummy";',
      null,
    ])
    front.deny(/POST .* {"query":"CREATE TABLE/)
    expect((await fixes())[2]).toBe(
      'GRANT `roles/bigquery.dataEditor` ON SCHEMA `shop`.`_segment_reverse_etl` TO "user:dummy";',
    )
    await driver.request({ method: 'DELETE', path: `datasets/${stateSchema}` })
    front.deny(/POST .*\/datasets /)
    expect((await fixes())[2]).toBe(
      'gcloud projects add-iam-policy-binding shop --member=user:dummy --role=roles/bigquery.user',
    )
    front.deny(/queries/)
    expect((await warehouse.checks([])).map(({ ok, fix }) => [ok, fix])).toEqual([
      [false, 'gcloud projects add-iam-policy-binding shop --member=… --role=roles/bigquery.jobUser'],
    ])
    front.deny(null)
  })

  test('no credentials are sent over plain HTTP; a server that is not there is unavailable', async () => {
    const credentials = JSON.stringify({ type: 'service_account', client_email: 'a@b', private_key: 'none' })
    const own = await BigQueryDriver.open({ ...bigQueryConfig(front), credentials }, never)
    expect(await own.rows('SELECT 1')).toEqual([['1']])
    expect(front.authorization()).toBeUndefined()
    const gone = await BigQueryDriver.open({ ...bigQueryConfig(front), apiEndpoint: 'http://127.0.0.1:9' }, never)
    await expect(gone.rows('SELECT 1')).rejects.toMatchObject({ code: 'WAREHOUSE_UNAVAILABLE' })
  })
}
