/**
 * A Redshift table or view as it is: its columns and what their types mean, or which one may have been meant. Looked up in
 * the SVV views, which know external tables and late-binding views too; PostgreSQL's own catalogue does not.
 */
import { LinkedEventsError, nearest } from '../errors.ts'
import type { ColumnKind, Table } from '../sync/warehouse.ts'
import type { Cell, Driver } from './dialect.ts'
import { parseTableRef, quote } from './identifier.ts'
import { safeLiteral } from './pg-schema.ts'

export async function describe(driver: Driver, ref: string): Promise<Table> {
  const parts = parseTableRef(ref)
  const [[current, path] = []] = await driver.rows('SELECT current_database(), current_schemas(false)')
  const [name = '', schema, database = current ?? ''] = [...parts].reverse()
  const catalogue = database === current ? local : everywhere
  const found = await driver.rows(catalogue.tables(database, name))
  const schemas = schema === undefined ? schemasOf(path ?? '') : [schema]
  const place = schemas.find((candidate) => found.some(([at]) => at === candidate))
  if (place === undefined) throw await missing(driver, ref, { parts, schemas })
  const columns = await driver.rows(catalogue.columns(database, place, name))
  const names = database === current ? [place, name] : [database, place, name]
  return {
    ref: names.map(quote).join('.'),
    view: !/table/i.test(found.find(([at]) => at === place)?.[1] ?? ''),
    columns: columns.map(([column, type]) => ({ name: column ?? '', type: type ?? '', kind: kindOf(type ?? '') })),
    engine: 'redshift',
  }
}

/** The connected database; and any other, which can only be read. */
const local = {
  tables: (_: string, name: string) =>
    `SELECT table_schema, table_type FROM svv_tables WHERE table_name = ${safeLiteral(name)}`,
  columns: (_: string, schema: string, name: string) =>
    `SELECT column_name, data_type FROM svv_columns WHERE table_schema = ${safeLiteral(schema)} AND table_name = ${safeLiteral(name)} ORDER BY ordinal_position`,
}
const everywhere: typeof local = {
  tables: (database, name) =>
    `SELECT schema_name, table_type FROM svv_all_tables WHERE database_name = ${safeLiteral(database)} AND table_name = ${safeLiteral(name)}`,
  columns: (database, schema, name) =>
    `SELECT column_name, data_type FROM svv_all_columns WHERE database_name = ${safeLiteral(database)} AND schema_name = ${safeLiteral(schema)} AND table_name = ${safeLiteral(name)} ORDER BY ordinal_position`,
}

/** The search path comes as the text of an array, `{public,"My Schema"}`. */
function schemasOf(path: Cell): readonly string[] {
  const inner = (path ?? '').replace(/^\{|\}$/g, '')
  return [...inner.matchAll(/"((?:[^"\\]|\\.)*)"|[^,]+/g)].map(([whole, quoted]) =>
    quoted === undefined ? whole : quoted.replace(/\\(.)/g, '$1'),
  )
}

async function missing(
  driver: Driver,
  ref: string,
  { parts, schemas }: { readonly parts: readonly string[]; readonly schemas: readonly string[] },
): Promise<LinkedEventsError> {
  const relations = await driver.rows(
    `SELECT table_schema, table_name FROM svv_tables WHERE table_schema NOT IN ('pg_catalog', 'information_schema', 'pg_internal')`,
  )
  const names = relations.flatMap(([schema, table]) => [
    ...(schemas.includes(schema ?? '') ? [table ?? ''] : []),
    `${schema}.${table}`,
  ])
  const elsewhere = relations.find(([, table]) => table === parts.at(-1))
  const guess = nearest(parts.slice(-2).join('.'), names) ?? (elsewhere && `${elsewhere[0]}.${elsewhere[1]}`)
  return new LinkedEventsError(
    'TABLE_MISSING',
    `there is no table or view ${ref} that this user can see`,
    guess === undefined ? {} : { hint: `did you mean "${guess}"?` },
  )
}

function kindOf(type: string): ColumnKind {
  const base = type.toLowerCase().replace(/\(.*?\)/, '')
  const kinds: Readonly<Record<string, ColumnKind>> = {
    smallint: 'integer',
    integer: 'integer',
    bigint: 'integer',
    oid: 'integer',
    numeric: 'decimal',
    decimal: 'decimal',
    real: 'float',
    'double precision': 'float',
    float: 'float',
    boolean: 'boolean',
    date: 'date',
    timestamp: 'timestamp',
    'timestamp without time zone': 'timestamp',
    timestamptz: 'timestamp_zoned',
    'timestamp with time zone': 'timestamp_zoned',
    super: 'json',
    varbyte: 'binary',
    'binary varying': 'binary',
  }
  return kinds[base] ?? 'text'
}
