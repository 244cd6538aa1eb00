/** PostgreSQL 11 or later. State tables are UNLOGGED: a server crash empties them, which the next run notices. */
import type { Column, Source } from '../sync/warehouse.ts'
import type { Connection, Dialect, Driver } from './dialect.ts'
import { literal, quote, quoteRef } from './identifier.ts'
import { type PgConfig, PgDriver } from './pg-driver.ts'
import { createSchema, grants } from './pg-schema.ts'
import { describe } from './postgres-table.ts'
import * as sql from './sql.ts'

export interface PostgresConfig extends PgConfig {
  readonly type: 'postgres'
}

/** Texts must not depend on who is connected: zone, date style, digits of floats, form of intervals, kind of quotes. */
const settings = [
  `SET timezone TO 'UTC'`,
  'SET datestyle TO ISO',
  'SET extra_float_digits TO 1',
  'SET intervalstyle TO iso_8601',
  'SET standard_conforming_strings TO on',
]

export async function connectPostgres(config: PostgresConfig, signal: AbortSignal): Promise<Connection> {
  const driver = await PgDriver.open({ config, signal, settings, pageRows: 5000 })
  const { stateSchema } = config
  const d = dialect(stateSchema)
  return {
    dialect: d,
    driver,
    table: (ref) => describe(driver, ref),
    createSchema: () => createSchema(driver, stateSchema),
    probe: (source) => probe(driver, source),
    createDelta: (source, names) => createDelta(driver, d, source, names),
    created: async (name) => void (await driver.rows(`ANALYZE ${d.state(name)}`)),
    grants: () => grants(driver, stateSchema),
  }
}

function dialect(stateSchema: string): Dialect {
  return {
    type: 'postgres',
    literal,
    stateSchema,
    state: (name) => `${quote(stateSchema)}.${quote(name)}`,
    types: { text: 'text', integer: 'bigint', checksum: 'text' },
    createAs: (table) => `CREATE UNLOGGED TABLE ${table} AS`,
    createEmpty: (table) => `CREATE UNLOGGED TABLE ${table}`,
    keyText: (column) =>
      column.kind === 'float' ? `CASE WHEN ${quote(column.name)} = 0 THEN '0' ELSE ${text(column)} END` : text(column),
    text,
    // The text of a record quotes what holds its own marks, and tells null from the empty text.
    checksum: (columns) => `left(encode(sha256(convert_to(${record(columns)}, 'UTF8')), 'hex'), 32)`,
    differs: (a, b) => `${a} IS DISTINCT FROM ${b}`,
    sha256: (text) => `encode(sha256(convert_to(${text}, 'UTF8')), 'hex')`,
    hexNumber: (digits) => `CAST(CAST('x' || ${digits} AS bit(32)) AS bigint)`,
    byteOrder: (expression) => `${expression} COLLATE "C"`,
    from: (source) => quoteRef(source.table.ref),
    stateTables: () =>
      `SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ${literal(stateSchema)} AND c.relkind = 'r'`,
  }
}

function record(columns: readonly { readonly text: string }[]): string {
  return `CAST(ROW(${columns.map((column) => column.text).join(', ')}) AS text)`
}

function text(column: Column): string {
  const name = quote(column.name)
  if (column.kind === 'boolean') return `CASE WHEN ${name} THEN 'true' WHEN NOT ${name} THEN 'false' END`
  if (column.kind === 'binary') return `replace(encode(${name}, 'base64'), chr(10), '')`
  if (column.kind === 'json' && !/^jsonb?$/.test(column.type)) return `CAST(to_jsonb(${name}) AS text)`
  // Compared by bytes: a collation of the table may take different keys for equal.
  return `(CAST(${name} AS text) COLLATE "C")`
}

/** One view of the table for both: rows that came after a probe and went again would else stay behind it for ever. */
async function createDelta(
  driver: Driver,
  d: Dialect,
  source: Source,
  names: { readonly generation: string; readonly delta: string },
): Promise<string> {
  await driver.rows('BEGIN ISOLATION LEVEL REPEATABLE READ')
  try {
    const seen = await probe(driver, source)
    await driver.rows(sql.createDelta(d, source, names))
    await driver.rows('COMMIT')
    return seen
  } catch (error) {
    await driver.rows('ROLLBACK').catch(() => [])
    throw error
  }
}

/** Reads every value, as the diff does, but sorts and writes nothing. */
async function probe(driver: Driver, source: Source): Promise<string> {
  const texts = [source.key, ...source.columns].map((column) => ({ text: text(column) }))
  const from = quoteRef(source.table.ref)
  const [found] = await driver.rows(
    `SELECT COUNT(*), SUM(CAST(hashtextextended(r, 0) AS numeric)), SUM(CAST(hashtextextended(r, 1) AS numeric)) FROM (SELECT ${record(texts)} AS r FROM ${from}) t`,
  )
  return (found ?? []).join('/')
}
