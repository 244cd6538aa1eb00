/** The warehouse contract through Databricks' own driver, on Spark's Thrift server with Delta; and what is Databricks' alone. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type DatabricksConfig, DatabricksDriver } from '../../src/warehouse/databricks-driver.ts'
import { openWarehouse } from '../../src/warehouse/open.ts'
import { sparkWithDelta, startDatabricks } from '../support/databricks.ts'
import type { Server } from '../support/engine.ts'
import { databricksConfig, startDatabricksPeer } from '../support/peers/databricks.ts'
import { onEngine, type Spelling, warehouseContract } from './warehouse-suite.ts'

const databricks: Spelling = {
  start: startDatabricksPeer,
  types: [
    ['INT', '42', '42'],
    ['TINYINT', '-3', '-3'],
    ['BIGINT', '-9223372036854775808', '-9223372036854775808'],
    ['DECIMAL(38,9)', 'CAST(12345678901234567890.123456789 AS DECIMAL(38,9))', '12345678901234567890.123456789'],
    ['DECIMAL(10,2)', '1.10', '1.1'],
    ['DECIMAL(10,2)', '-0.00', '0'],
    [
      'DECIMAL(38,38)',
      `CAST('0.00000000000000000000000000000000000001' AS DECIMAL(38,38))`,
      '0.00000000000000000000000000000000000001',
    ],
    ['FLOAT', 'CAST(0.1 AS FLOAT)', '0.1'],
    ['DOUBLE', '0.1D + 0.2D', '0.30000000000000004'],
    ['DOUBLE', '1e300D', '1e+300'],
    ['DOUBLE', `CAST('NaN' AS DOUBLE)`, 'null'],
    ['DOUBLE', `CAST('-Infinity' AS DOUBLE)`, 'null'],
    ['BOOLEAN', 'true', 'true'],
    ['BOOLEAN', 'false', 'false'],
    ['STRING', `''`, '""'],
    ['STRING', `'null'`, '"null"'],
    ['STRING', `'it''s "a" \\ | é 🎉'`, String.raw`"it's \"a\" \\ | é 🎉"`],
    ['STRING', 'chr(10) || chr(9)', String.raw`"\n\t"`],
    ['DATE', `DATE '2026-02-28'`, '"2026-02-28"'],
    ['TIMESTAMP_NTZ', `TIMESTAMP_NTZ '2026-01-01 12:00:00'`, '"2026-01-01T12:00:00.000"'],
    ['TIMESTAMP', `TIMESTAMP '2026-01-01 12:00:00.5+02:00'`, '"2026-01-01T10:00:00.500Z"'],
    ['TIMESTAMP', `TIMESTAMP '2026-01-01 12:00:00.123456Z'`, '"2026-01-01T12:00:00.123456Z"'],
    ['BINARY', `X'CAFE'`, '"yv4="'],
    ['ARRAY<BIGINT>', 'array(1, 9007199254740993, NULL)', '[1,9007199254740993,null]'],
    ['STRUCT<a: INT, b: STRING>', `named_struct('a', 1, 'b', 'x"y')`, String.raw`{"a":1,"b":"x\"y"}`],
    ['MAP<STRING, DOUBLE>', `map('k', 1.5D)`, '{"k":1.5}'],
  ],
  // Delta takes no blank and none of ,;{}()= in a column's name.
  names: ['op', 'record_id', 'checksum', 'c0', 'select', 'a.b', "it's", 'say"x"', '🎉', 'x'.repeat(60)],
  caseless: 'STRING COLLATE UTF8_LCASE',
  slow: true,
  longStatement: 'SELECT sum(a.id * b.id) FROM range(10000000) a CROSS JOIN range(1000000) b',
}

const never = new AbortController().signal

await onEngine('Databricks', sparkWithDelta, () => {
  warehouseContract('databricks', databricks)
  describe('databricks, by itself', ownPromises)
})

function ownPromises(): void {
  let server: Server
  let config: DatabricksConfig
  let driver: DatabricksDriver
  beforeAll(async () => {
    const started = await startDatabricks()
    server = started
    config = databricksConfig(started)
    driver = await DatabricksDriver.open(config, never)
    await driver.rows('CREATE TABLE products AS SELECT 1 AS id')
  })
  afterAll(async () => {
    await driver.close()
    await server.stop()
  })

  test('a long result comes page by page, whole', async () => {
    const sizes: number[] = []
    const found = new Set<unknown>()
    for await (const page of driver.pages('SELECT CAST(id AS STRING) AS id FROM range(12000)')) {
      sizes.push(page.length)
      for (const [cell] of page) found.add(cell)
    }
    expect(sizes).toEqual([5000, 5000, 2000])
    expect(found.size).toBe(12_000)
  })

  test('what is cancelled ends on the server, and a session of its own goes on', async () => {
    const abort = new AbortController()
    const own = await DatabricksDriver.open(config, abort.signal)
    const ended = own.rows(databricks.longStatement).catch((error: unknown) => error)
    setTimeout(() => abort.abort(), 500)
    expect(await ended).toMatchObject({ code: 'SYNC_CANCELLED' })
    await own.close()
    expect(await driver.rows('SELECT 1 AS one')).toEqual([['1']])
  })

  test('names of one, two and three parts; none ends its quotes', async () => {
    const session = await (await openWarehouse(config)).session(never)
    for (const ref of ['products', 'default.products', 'spark_catalog.default.products'])
      expect((await session.table(ref)).ref).toBe('`spark_catalog`.`default`.`products`')
    await expect(session.table('prodcuts')).rejects.toMatchObject({ hint: 'did you mean "products"?' })
    await expect(session.table('defualt.products')).rejects.toMatchObject({ hint: 'did you mean "default.products"?' })
    await expect(session.table('"`; DROP TABLE products; --"')).rejects.toMatchObject({ code: 'TABLE_MISSING' })
    await session.close()
  })

  test('a table that is dropped and made anew has another probe, whatever its version', async () => {
    const session = await (await openWarehouse(config)).session(never)
    const probe = async () => {
      const table = await session.table('twice')
      return session.probe({ table, key: table.columns[0]!, columns: [], duplicates: 'fail' })
    }
    await driver.rows('CREATE TABLE twice AS SELECT 1 AS id')
    const first = await probe()
    expect(await probe()).toBe(first)
    await driver.rows('DROP TABLE twice')
    await driver.rows('CREATE TABLE twice AS SELECT 2 AS id')
    expect(await probe()).not.toBe(first)
    await session.close()
  })

  test('a token that is wrong is denied, a server that is not there unavailable; doctor has the lines', async () => {
    const open = async (change: Partial<DatabricksConfig>) =>
      (await openWarehouse({ ...config, ...change })).session(never)
    await expect(open({ token: 'wrong' })).rejects.toMatchObject({ code: 'WAREHOUSE_DENIED' })
    await expect(open({ port: 9 })).rejects.toMatchObject({ code: 'WAREHOUSE_UNAVAILABLE' })
    const entity = {
      slug: 'a',
      primaryKey: 'id',
      columns: null,
      duplicates: 'fail',
      versions: 2,
      installId: 'x',
    } as const
    const warehouse = await openWarehouse(config)
    const checks = await warehouse.checks([{ ...entity, tableRef: 'elsewhere.hidden' }])
    expect(checks.map(({ fix }) => fix)).toEqual([
      null,
      'check table_ref in the data graph, and the spelling with its case; or, if it is there: ' +
        'GRANT USE CATALOG ON CATALOG `spark_catalog` TO `test`; GRANT USE SCHEMA ON SCHEMA `spark_catalog`.`elsewhere` TO `test`; ' +
        'GRANT SELECT ON TABLE `spark_catalog`.`elsewhere`.`hidden` TO `test`;',
      null,
    ])
  })
}
