/** Databricks SQL warehouses, with Unity Catalog. The state lies in the configured catalogue, as Delta tables. */
import { LinkedEventsError } from '../errors.ts'
import type { Column, Source } from '../sync/warehouse.ts'
import { type DatabricksConfig, DatabricksDriver } from './databricks-driver.ts'
import { describe, literal, placeOf, quote } from './databricks-table.ts'
import type { Connection, Dialect, Driver, Grants } from './dialect.ts'
import { hashOfHashes } from './sql.ts'

export type { DatabricksConfig } from './databricks-driver.ts'

export async function connectDatabricks(config: DatabricksConfig, signal: AbortSignal): Promise<Connection> {
  const driver = await DatabricksDriver.open(config, signal)
  return {
    dialect: dialect(config),
    driver,
    table: (ref) => describe(driver, config, ref),
    createSchema: async () => {
      // Needs the right to create schemas even where there is nothing to create.
      if (await exists(driver, config)) return
      await driver.rows(`CREATE SCHEMA IF NOT EXISTS ${quote(config.catalog)}.${quote(config.stateSchema)}`)
    },
    probe: (source) => probe(driver, source),
    grants: () => grants(driver, config),
  }
}

function dialect({ catalog, stateSchema }: DatabricksConfig): Dialect {
  return {
    type: 'databricks',
    literal,
    stateSchema,
    state: (name) => [catalog, stateSchema, name].map(quote).join('.'),
    types: { text: 'STRING', integer: 'BIGINT', checksum: 'STRING' },
    createAs: (table) => `CREATE TABLE ${table} USING DELTA AS`,
    createEmpty: (table) => `CREATE TABLE ${table}`,
    keyText: (column) =>
      column.kind === 'float' ? `CASE WHEN ${quote(column.name)} = 0 THEN '0' ELSE ${text(column)} END` : text(column),
    text,
    checksum: (columns) => hashOfHashes(columns, (expression) => `md5(${expression})`),
    differs: (a, b) => `NOT (${a} <=> ${b})`,
    sha256: (text) => `sha2(${text}, 256)`,
    hexNumber: (digits) => `CAST(CONV(${digits}, 16, 10) AS BIGINT)`,
    byteOrder: (expression) => expression,
    from: (source) => source.table.ref,
    stateTables: () => `SHOW TABLES IN ${quote(catalog)}.${quote(stateSchema)}`,
  }
}

function text(column: Column): string {
  const name = quote(column.name)
  if (column.kind === 'json') return `to_json(${name})`
  if (column.kind === 'binary') return `base64(${name})`
  // Compared by bytes: a collation may take different keys for equal, and copies would inherit it.
  if (/ collate /i.test(column.type)) return `collate(${name}, 'UTF8_BINARY')`
  return column.type === 'string' ? name : `CAST(${name} AS STRING)`
}

/** The number of the last commit, with its time: a table that is dropped and made anew begins at 0 again. Only Delta tables have one. */
async function probe(driver: Driver, source: Source): Promise<string | null> {
  if (source.table.view) return null
  try {
    const [last] = await driver.rows(`DESCRIBE HISTORY ${source.table.ref} LIMIT 1`)
    return last?.[0] && last[1] ? `${last[0]}/${last[1]}` : null
  } catch (error) {
    if (error instanceof LinkedEventsError && ['WAREHOUSE_QUERY', 'WAREHOUSE_DENIED'].includes(error.code)) return null
    throw error
  }
}

async function exists(driver: Driver, { catalog, stateSchema }: DatabricksConfig): Promise<boolean> {
  const found = await driver.rows(`SHOW SCHEMAS IN ${quote(catalog)} LIKE ${literal(stateSchema)}`)
  return found.some(([name]) => name === stateSchema)
}

async function grants(driver: Driver, config: DatabricksConfig): Promise<Grants> {
  const [[user] = []] = await driver.rows('SELECT current_user()')
  const to = `TO ${quote(user ?? '')}`
  const catalog = quote(config.catalog)
  return {
    select: (ref) => {
      const [at, schema, name] = placeOf(config, ref).map(quote)
      return `GRANT USE CATALOG ON CATALOG ${at} ${to}; GRANT USE SCHEMA ON SCHEMA ${at}.${schema} ${to}; GRANT SELECT ON TABLE ${at}.${schema}.${name} ${to};`
    },
    state: (await exists(driver, config))
      ? `GRANT USE SCHEMA, CREATE TABLE, SELECT, MODIFY ON SCHEMA ${catalog}.${quote(config.stateSchema)} ${to};`
      : `GRANT USE CATALOG, CREATE SCHEMA ON CATALOG ${catalog} ${to};`,
    hidden: true,
  }
}
