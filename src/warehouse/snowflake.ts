/**
 * Snowflake. The state lies in the configured database, whichever database the tables are in: a shared one can only be read.
 * Names are looked up in INFORMATION_SCHEMA and always quoted.
 */
import { LinkedEventsError } from '../errors.ts'
import type { Column, Source } from '../sync/warehouse.ts'
import type { Connection, Dialect, Driver, Grants } from './dialect.ts'
import { parseTableRef, quote } from './identifier.ts'
import { type SnowflakeConfig, SnowflakeDriver } from './snowflake-driver.ts'
import { describe, literal } from './snowflake-table.ts'
import { hashOfHashes } from './sql.ts'

export type { SnowflakeConfig } from './snowflake-driver.ts'

export async function connectSnowflake(config: SnowflakeConfig, signal: AbortSignal): Promise<Connection> {
  const driver = await SnowflakeDriver.open(config, signal)
  try {
    const [[database, schema] = []] = await driver.rows('SELECT CURRENT_DATABASE(), CURRENT_SCHEMA()')
    // A database that is not there, or not this role's, is left out at login without a word.
    if (database === null || database === undefined)
      throw new LinkedEventsError('WAREHOUSE_DENIED', `there is no database ${config.database} that this role can see`)
    const state = { database, schema: config.stateSchema }
    return {
      dialect: dialect(state),
      driver,
      table: (ref) => describe(driver, ref, { database, schema: schema ?? null }),
      createSchema: async () => {
        // Needs the right to create schemas even where there is nothing to create.
        if (await exists(driver, state)) return
        const name = `${quote(database)}.${quote(config.stateSchema)}`
        await driver.rows(`CREATE SCHEMA IF NOT EXISTS ${name} DATA_RETENTION_TIME_IN_DAYS = 0`)
      },
      probe: (source) => probe(driver, source),
      grants: () => grants(driver, state, schema ?? null),
    }
  } catch (error) {
    await driver.close()
    throw error
  }
}

interface State {
  readonly database: string
  readonly schema: string
}

function dialect({ database, schema }: State): Dialect {
  return {
    type: 'snowflake',
    literal,
    stateSchema: schema,
    state: (name) => [database, schema, name].map(quote).join('.'),
    types: { text: 'VARCHAR', integer: 'NUMBER(38,0)', checksum: 'VARCHAR' },
    // Transient: no days of fail-safe copies for tables that can be made again.
    createAs: (table) => `CREATE TRANSIENT TABLE ${table} AS`,
    createEmpty: (table) => `CREATE TRANSIENT TABLE ${table}`,
    keyText: (column) =>
      column.kind === 'float' ? `CASE WHEN ${quote(column.name)} = 0 THEN '0' ELSE ${text(column)} END` : text(column),
    text,
    checksum: (columns) => hashOfHashes(columns, (expression) => `MD5(${expression})`),
    differs: (a, b) => `${a} IS DISTINCT FROM ${b}`,
    sha256: (text) => `SHA2(${text}, 256)`,
    hexNumber: (digits) => `TO_NUMBER(${digits}, 'XXXXXXXX')`,
    byteOrder: (expression) => expression,
    from: (source) => source.table.ref,
    stateTables: () =>
      `SELECT TABLE_NAME FROM ${quote(database)}.INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = ${literal(schema)}`,
  }
}

const seconds = `'YYYY-MM-DD"T"HH24:MI:SS.FF9'`

function text(column: Column): string {
  const name = quote(column.name)
  switch (column.kind) {
    case 'boolean':
      return `CASE WHEN ${name} THEN 'true' WHEN NOT ${name} THEN 'false' END`
    case 'date':
      return `TO_VARCHAR(${name}, 'YYYY-MM-DD')`
    case 'timestamp':
      return `TO_VARCHAR(CAST(${name} AS TIMESTAMP_NTZ), ${seconds})`
    case 'timestamp_zoned':
      return `TO_VARCHAR(CONVERT_TIMEZONE('UTC', ${name}), ${seconds})`
    case 'json':
      return column.type === 'VECTOR' ? `TO_JSON(CAST(${name} AS ARRAY))` : `TO_JSON(${name})`
    case 'binary':
      return `BASE64_ENCODE(${name})`
    case 'text':
      if (column.type === 'GEOGRAPHY' || column.type === 'GEOMETRY') return `ST_ASWKT(${name})`
      // Nine digits come by the session's format; those that say nothing go.
      if (column.type === 'TIME') return `REGEXP_REPLACE(TO_VARCHAR(${name}), '([.][0-9]*[1-9])0+$|[.]0+$', '\\\\1')`
      // Compared by bytes: a collation may take different keys for equal, and copies would inherit it.
      return column.type.includes(' COLLATE ') ? `COLLATE(${name}, 'utf8')` : `TO_VARCHAR(${name})`
    default:
      return `TO_VARCHAR(${name})`
  }
}

/** Costs nothing. Not for views: what they read besides tables, such as the date, moves without a commit. */
async function probe(driver: Driver, source: Source): Promise<string | null> {
  if (source.table.view) return null
  const [[token] = []] = await driver.rows(`SELECT SYSTEM$LAST_CHANGE_COMMIT_TIME(${literal(source.table.ref)})`)
  return token ?? null
}

async function exists(driver: Driver, { database, schema }: State): Promise<boolean> {
  const found = await driver.rows(
    `SELECT 1 FROM ${quote(database)}.INFORMATION_SCHEMA.SCHEMATA WHERE SCHEMA_NAME = ${literal(schema)}`,
  )
  return found.length > 0
}

async function grants(driver: Driver, state: State, current: string | null): Promise<Grants> {
  const [[role] = []] = await driver.rows('SELECT CURRENT_ROLE()')
  const to = `TO ROLE ${quote(role ?? '')}`
  const here = quote(state.database)
  return {
    select: (ref) => {
      const [name = '', schema = current ?? 'PUBLIC', database = state.database] = [...parseTableRef(ref)].reverse()
      const place = `${quote(database)}.${quote(schema)}`
      return `GRANT USAGE ON DATABASE ${quote(database)} ${to}; GRANT USAGE ON SCHEMA ${place} ${to}; GRANT SELECT ON TABLE ${place}.${quote(name)} ${to};`
    },
    state: (await exists(driver, state))
      ? `GRANT USAGE, CREATE TABLE ON SCHEMA ${here}.${quote(state.schema)} ${to};`
      : `GRANT USAGE, CREATE SCHEMA ON DATABASE ${here} ${to};`,
    hidden: true,
  }
}
