/**
 * Amazon Redshift, provisioned or serverless, through the PostgreSQL protocol. Only what Redshift has is written here: no
 * IS DISTINCT FROM, no `text` type, no enforced keys; hashes are made column by column, because a concatenation ends at 65,535 bytes.
 */
import type { Column } from '../sync/warehouse.ts'
import type { Connection, Dialect } from './dialect.ts'
import { quote, quoteRef } from './identifier.ts'
import { type PgConfig, PgDriver } from './pg-driver.ts'
import { createSchema, grants, safeLiteral } from './pg-schema.ts'
import { describe } from './redshift-table.ts'
import { hashOfHashes } from './sql.ts'

export interface RedshiftConfig extends PgConfig {
  readonly type: 'redshift'
}

/** Texts must not depend on who is connected; quoted names mean exactly what the catalogue says. */
const settings = [
  `SET timezone TO 'UTC'`,
  'SET datestyle TO ISO',
  'SET extra_float_digits TO 2',
  `SET query_group TO 'linked_events'`,
  'SET enable_case_sensitive_identifier TO true',
]
/** A cluster of one node refuses to fetch more at once. */
const pageRows = 1000

export async function connectRedshift(config: RedshiftConfig, signal: AbortSignal): Promise<Connection> {
  const driver = await PgDriver.open({ config, signal, port: 5439, settings, pageRows })
  const { stateSchema } = config
  const d = dialect(stateSchema)
  return {
    dialect: d,
    driver,
    table: (ref) => describe(driver, ref),
    createSchema: () => createSchema(driver, stateSchema),
    // Redshift tells nobody but a superuser when a table last changed; a hash of the content costs what the diff costs.
    probe: async () => null,
    created: async (name) => void (await driver.rows(`ANALYZE ${d.state(name)}`)),
    grants: async () => ({ ...(await grants(driver, stateSchema)), hidden: true }),
  }
}

function dialect(stateSchema: string): Dialect {
  return {
    type: 'redshift',
    literal: safeLiteral,
    stateSchema,
    state: (name) => `${quote(stateSchema)}.${quote(name)}`,
    types: { text: 'varchar(65535)', integer: 'bigint', checksum: 'varchar(32)' },
    // Baseline and delta lie on the node of their key, so that the next diff joins without moving rows between nodes.
    createAs: (table) => `CREATE TABLE ${table} BACKUP NO DISTKEY(record_id) SORTKEY(record_id) AS`,
    createEmpty: (table) => `CREATE TABLE ${table}`,
    keyText: (column) =>
      column.kind === 'float' ? `CASE WHEN ${quote(column.name)} = 0 THEN '0' ELSE ${text(column)} END` : text(column),
    text,
    checksum: (columns) => hashOfHashes(columns, (expression) => `MD5(${expression})`),
    differs: (a, b) => `(${a} <> ${b} OR (${a} IS NULL) <> (${b} IS NULL))`,
    sha256: (text) => `SHA2(${text}, 256)`,
    hexNumber: (digits) => `STRTOL(${digits}, 16)`,
    byteOrder: (expression) => expression,
    from: (source) => quoteRef(source.table.ref),
    stateTables: () =>
      `SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ${safeLiteral(stateSchema)} AND c.relkind = 'r'`,
  }
}

function text(column: Column): string {
  const name = quote(column.name)
  if (column.kind === 'boolean') return `CASE WHEN ${name} THEN 'true' WHEN NOT ${name} THEN 'false' END`
  if (column.kind === 'binary') return `FROM_VARBYTE(${name}, 'base64')`
  if (column.kind === 'json') return `JSON_SERIALIZE(${name})`
  if (column.kind === 'timestamp') return timestamp(name)
  if (column.kind === 'timestamp_zoned') return timestamp(`(${name} AT TIME ZONE 'UTC')`)
  const cast = `CAST(${name} AS varchar(65535))`
  // Compared by bytes: a collation of the table may take different keys for equal, and its copies would inherit it.
  return column.kind === 'text' && /^char/i.test(column.type) ? `COLLATE(${cast}, 'case_sensitive')` : cast
}

/** TO_CHAR leaves the era out: 44 BC and 44 AD would have one text. */
function timestamp(value: string): string {
  return `TO_CHAR(${value}, 'YYYY-MM-DD"T"HH24:MI:SS.US') || CASE WHEN EXTRACT(year FROM ${value}) < 1 THEN ' BC' ELSE '' END`
}
