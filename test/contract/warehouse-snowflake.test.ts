/** The warehouse contract through Snowflake's own driver, on fakesnow; and what is Snowflake's alone. */
import { generateKeyPairSync } from 'node:crypto'
import { existsSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openWarehouse } from '../../src/warehouse/open.ts'
import { type SnowflakeConfig, SnowflakeDriver } from '../../src/warehouse/snowflake-driver.ts'
import type { Server } from '../support/engine.ts'
import { snowflakeConfig, startSnowflakePeer } from '../support/peers/snowflake.ts'
import { fakesnow, startSnowflake } from '../support/snowflake.ts'
import { common, onEngine, type Spelling, warehouseContract } from './warehouse-suite.ts'

/** Types of the others that Snowflake does not have, and values that its types do not. */
const lacking = (type: string, literal: string) =>
  ['UUID', 'JSON', 'INTEGER[]', 'TIMESTAMP WITH TIME ZONE'].includes(type) || /infinity'$/.test(literal)

const snowflake: Spelling = {
  start: startSnowflakePeer,
  types: [
    ...common.filter(([type, literal]) => !lacking(type, literal)),
    ['TIMESTAMP_TZ', "'2026-01-01 12:00:00.5+02:00'", '"2026-01-01T10:00:00.500Z"'],
    ['TIMESTAMP_LTZ', "'2026-01-01 12:00:00.25'", '"2026-01-01T12:00:00.250Z"'],
    [
      'VARIANT',
      `PARSE_JSON('{"b": 1.5, "a": [1, 9007199254740993, null]}')`,
      '{"b":1.5,"a":[1,9007199254740993,null]}',
    ],
    ['VARIANT', `PARSE_JSON('null')`, 'null'],
    ['BINARY', `TO_BINARY('CAFE', 'HEX')`, '"yv4="'],
    ['TIME', "'12:34:56.5'", '"12:34:56.5"'],
  ],
  caseless: `VARCHAR COLLATE 'en-ci'`,
  longStatement: 'SELECT SUM(a.i * b.i) FROM range(10000000) a(i), range(1000000) b(i)',
}

const never = new AbortController().signal

await onEngine('Snowflake', fakesnow, () => {
  warehouseContract('snowflake', snowflake)
  describe('snowflake, by itself', ownPromises)
})

function ownPromises(): void {
  let server: Server
  let driver: SnowflakeDriver
  beforeAll(async () => {
    server = await startSnowflake()
    driver = await SnowflakeDriver.open(snowflakeConfig(server), never)
  })
  afterAll(async () => {
    await driver.close()
    await server.stop()
  })
  const session = async (change: Partial<SnowflakeConfig> = {}, signal = never) =>
    (await openWarehouse({ ...snowflakeConfig(server), ...change })).session(signal)
  const statements = async () => (await fetch(`${server.url}/statements`)).json()

  test('a name without quotes is found in upper case; no name ends a literal', async () => {
    await driver.rows('CREATE TABLE PRODUCTS (ID INTEGER, NAME VARCHAR)')
    await driver.rows('CREATE TABLE "Odd ""\\" ("id" INTEGER)')
    const own = await session()
    try {
      for (const ref of [
        'products',
        'PRODUCTS',
        'public.products',
        'shop.public.products',
        '"SHOP"."PUBLIC"."PRODUCTS"',
      ])
        expect((await own.table(ref)).ref, ref).toBe('"SHOP"."PUBLIC"."PRODUCTS"')
      expect((await own.table('"Odd ""\\"')).columns).toMatchObject([{ name: 'id', kind: 'integer' }])
      await expect(own.table('prodcuts')).rejects.toMatchObject({ hint: 'did you mean "PRODUCTS"?' })
      await expect(own.table(`"\\'; DROP TABLE PRODUCTS; --"`)).rejects.toMatchObject({ code: 'TABLE_MISSING' })
      await expect(own.table('nowhere.public.products')).rejects.toMatchObject({ code: 'TABLE_MISSING' })
    } finally {
      await own.close()
    }
  })

  test('a long result comes in chunks, whole; one that is cut short is never taken for whole', async () => {
    const rows = `SELECT TO_VARCHAR(i) FROM range(5000) r(i) ORDER BY i`
    const read = async () => {
      const found: unknown[] = []
      for await (const page of driver.pages(rows)) found.push(...page.map(([cell]) => cell))
      return found
    }
    expect(await read()).toEqual(Array.from({ length: 5000 }, (_, index) => String(index)))
    await fetch(`${server.url}/faults`, { method: 'POST', body: '{"cut": true}' })
    await expect(read()).rejects.toMatchObject({ code: 'WAREHOUSE_UNAVAILABLE', message: '4990 of 5000 rows arrived' })
    expect(await read()).toHaveLength(5000)
  })

  test('what is cancelled does not go on running on the server', async () => {
    const abort = new AbortController()
    const own = await SnowflakeDriver.open(snowflakeConfig(server), abort.signal)
    const ended = own.rows(snowflake.longStatement).catch((error: unknown) => error)
    while ((await statements()) === 0) await new Promise((resolve) => setTimeout(resolve, 10))
    abort.abort()
    expect(await ended).toMatchObject({ code: 'SYNC_CANCELLED' })
    while ((await statements()) !== 0) await new Promise((resolve) => setTimeout(resolve, 10))
    await own.close()
  })

  test('a password that is wrong, a key, and a server that is not there', async () => {
    await expect(session({ password: 'wrong' })).rejects.toMatchObject({ code: 'WAREHOUSE_DENIED' })
    const { privateKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' },
    })
    const { password: _, ...config } = snowflakeConfig(server)
    const keyed = await openWarehouse({ ...config, privateKey, privateKeyPassphrase: 'secret' })
    await (await keyed.session(never)).close()
    await expect(session({ accessUrl: 'http://127.0.0.1:9' })).rejects.toMatchObject({ code: 'WAREHOUSE_UNAVAILABLE' })
  })

  test('a right that is missing is denied with the line that grants it', async () => {
    const warehouse = await openWarehouse({ ...snowflakeConfig(server), user: 'reader' })
    const entity = {
      slug: 'a',
      primaryKey: 'ID',
      columns: null,
      duplicates: 'fail',
      versions: 2,
      installId: 'x',
    } as const
    const checks = await warehouse.checks([
      { ...entity, tableRef: 'PRODUCTS' },
      { ...entity, tableRef: 'elsewhere.hidden' },
    ])
    expect(checks.map(({ fix }) => fix)).toEqual([
      null,
      null,
      'check table_ref in the data graph, and the spelling with its case; or, if it is there: ' +
        'GRANT USAGE ON DATABASE "SHOP" TO ROLE "LINKED_EVENTS"; GRANT USAGE ON SCHEMA "SHOP"."elsewhere" TO ROLE "LINKED_EVENTS"; ' +
        'GRANT SELECT ON TABLE "SHOP"."elsewhere"."hidden" TO ROLE "LINKED_EVENTS";',
      'GRANT USAGE, CREATE SCHEMA ON DATABASE "SHOP" TO ROLE "LINKED_EVENTS";',
    ])
  })

  test('the driver writes no log, neither to the terminal nor to a file', () => {
    expect(existsSync('snowflake.log')).toBe(false)
  })
}
