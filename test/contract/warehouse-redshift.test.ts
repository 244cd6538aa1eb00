/** The warehouse contract with Redshift's dialect, on PostgreSQL behind a front that lets only Redshift's SQL through. */
import pg from 'pg'
import { expect, test } from 'vitest'
import { openWarehouse } from '../../src/warehouse/open.ts'
import type { Peer } from '../support/peer.ts'
import { startRedshiftPeer } from '../support/peers/redshift.ts'
import { asPostgres, startRedshift } from '../support/redshift.ts'
import { common, type Spelling, warehouseContract } from './warehouse-suite.ts'

/** Types that Redshift does not have, of those that all others have. */
const without = ['UUID', 'JSON', 'INTEGER[]']

const redshift: Spelling = {
  start,
  types: [
    ...common.filter(([type]) => !without.includes(type)),
    ['SMALLINT', '-7', '-7'],
    ['TIMESTAMP', "'0044-03-15 01:02:03 BC'", '"-000043-03-15T01:02:03.000"'],
    ['SUPER', `'{"b": 1.50, "a": [1, 9007199254740993, null]}'`, '{"a":[1,9007199254740993,null],"b":1.5}'],
    ['SUPER', `'null'`, 'null'],
    ['VARBYTE', String.raw`'\xcafe'`, '"yv4="'],
    ['VARBYTE', `decode(repeat('00', 100), 'hex')`, JSON.stringify(Buffer.alloc(100).toString('base64'))],
    ['CHAR(4)', `'ab'`, '"ab"'],
    ['VARCHAR(65535)', `repeat('é', 32767)`, JSON.stringify('é'.repeat(32_767))],
  ],
  caseless: 'VARCHAR COLLATE "le_caseless"',
  longStatement: 'SELECT 1 FROM pg_sleep(60)',
}

warehouseContract('redshift', redshift)

async function start(): Promise<Peer> {
  const peer = await startRedshiftPeer()
  return {
    ...peer,
    stop: async () => {
      await peer.stop()
      expect(peer.refused, 'constructs that Redshift does not have').toEqual([])
    },
  }
}

test('the front refuses what Redshift does not have, and what only looks like it passes', () => {
  for (const sql of [
    'SELECT 1 WHERE a IS DISTINCT FROM b',
    'SELECT a::varchar',
    'CREATE UNLOGGED TABLE t (a integer)',
    'CREATE TABLE t (a text)',
    'DECLARE c NO SCROLL CURSOR FOR SELECT 1',
    'FETCH FORWARD 5000 FROM c',
    'INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING',
    'CREATE TABLE t BACKUP NO DISTKEY(a) SORTKEY(a) (a integer)',
  ])
    expect(asPostgres(sql), sql).toHaveProperty('refusal')
  expect(asPostgres(`SELECT "is distinct from", 'UNLOGGED' FROM "text"`)).toEqual({
    sql: `SELECT "is distinct from", 'UNLOGGED' FROM "text"`,
  })
})

test('the front is really between: a statement that only PostgreSQL has does not reach it', async () => {
  const own = await startRedshift()
  const client = new pg.Client(own.url)
  await client.connect()
  await expect(client.query('SELECT 1 WHERE 1 IS DISTINCT FROM 2')).rejects.toThrow('Redshift does not have it')
  expect(own.refused).toEqual(['IS DISTINCT FROM'])
  await client.end()
  await own.stop()
})

test('a name that ends in a backslash ends no literal', async () => {
  const own = await startRedshift()
  const warehouse = await openWarehouse({ type: 'redshift', url: own.url, stateSchema: '_segment_reverse_etl' })
  const session = await warehouse.session(new AbortController().signal)
  const odd = String.raw`"it\'; DROP TABLE kept; --\"`
  try {
    await own.sql('CREATE TABLE kept (id INTEGER)')
    await expect(session.table(odd)).rejects.toMatchObject({ code: 'TABLE_MISSING' })
    await own.sql(`CREATE TABLE ${odd} (id INTEGER)`)
    expect((await session.table(odd)).columns).toMatchObject([{ name: 'id', kind: 'integer' }])
    expect(await own.sql('SELECT count(*) FROM kept')).toEqual([['0']])
  } finally {
    await session.close()
    await own.stop()
  }
})

test('a password that is wrong, and a server that is not there, are told apart', async () => {
  const own = await startRedshift()
  const signal = new AbortController().signal
  const open = async (url: string) => (await openWarehouse({ type: 'redshift', url, stateSchema: 's' })).session(signal)
  await expect(open(Object.assign(new URL(own.url), { username: 'nobody' }).href)).rejects.toMatchObject({
    code: 'WAREHOUSE_DENIED',
  })
  await own.stop()
  await expect(open(own.url)).rejects.toMatchObject({ code: 'WAREHOUSE_UNAVAILABLE' })
})

test('a right that is missing is denied with the line that grants it', async () => {
  const own = await startRedshift()
  const role = `le_reader_${process.pid}_${Date.now()}`
  try {
    await own.sql('CREATE SCHEMA shop', 'CREATE TABLE shop.products (id INTEGER)', `CREATE ROLE ${role} LOGIN`)
    const url = Object.assign(new URL(own.url), { username: role }).href
    const warehouse = await openWarehouse({ type: 'redshift', url, stateSchema: '_segment_reverse_etl' })
    const entity = { slug: 'product', tableRef: 'shop.products', primaryKey: 'id', columns: null } as const
    const lines = async () =>
      (await warehouse.checks([{ ...entity, duplicates: 'fail', versions: 2, installId: 'test' }])).map(
        ({ fix }) => fix,
      )
    const grant = `GRANT USAGE ON SCHEMA "shop" TO "${role}"; GRANT SELECT ON "shop"."products" TO "${role}";`
    const missing = await lines()
    expect(missing).toEqual([
      null,
      `check table_ref in the data graph, and the spelling with its case; or, if it is there: ${grant}`,
      expect.stringMatching(/^GRANT CREATE ON DATABASE "le_redshift_\w+" TO "le_reader_\w+";$/),
    ])
    await own.sql(...grant.split('; '), missing[2] ?? '')
    expect(await lines()).toEqual([null, null, null])
    await own.sql(`DROP OWNED BY ${role} CASCADE`, `DROP ROLE ${role}`)
  } finally {
    await own.stop()
  }
})
