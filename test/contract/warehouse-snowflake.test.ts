/** The warehouse contract through Snowflake's own driver, on fakesnow. */

import { test } from 'vitest'
import { SnowflakeDriver } from '../../src/warehouse/snowflake-driver.ts'
import { missing, type Server } from '../support/engine.ts'
import { fakesnow, startSnowflake } from '../support/snowflake.ts'
import { common, type Peer, type Spelling, standardState, stateSchema, warehouseContract } from './warehouse-suite.ts'

/** Types of the others that Snowflake does not have, and values that its types do not. */
const lacking = (type: string, literal: string) =>
  ['UUID', 'JSON', 'INTEGER[]', 'TIMESTAMP WITH TIME ZONE'].includes(type) || /infinity'$/.test(literal)

const snowflake: Spelling = {
  start,
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

let server: Server

const reason = await missing('Snowflake', fakesnow)
if (reason === null) warehouseContract('snowflake', snowflake)
else test.skip(`snowflake (${reason})`)

async function start(): Promise<Peer> {
  server = await startSnowflake()
  const config = {
    type: 'snowflake',
    account: 'test',
    user: 'linked_events',
    password: 'right',
    database: 'SHOP',
    schema: 'PUBLIC',
    accessUrl: server.url,
    stateSchema,
  } as const
  const driver = await SnowflakeDriver.open(config, new AbortController().signal)
  const sql = async (...statements: string[]) => {
    let rows: unknown[][] = []
    for (const statement of statements) rows = await driver.rows(statement)
    return rows
  }
  return {
    config,
    sql,
    ...standardState(sql),
    stop: async () => {
      await driver.close()
      await server.stop()
    },
  }
}
