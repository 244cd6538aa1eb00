/** A PostgreSQL table or view as it is: its columns and what their types mean, or which one may have been meant. */
import { LinkedEventsError, nearest } from '../errors.ts'
import type { ColumnKind, Table } from '../sync/warehouse.ts'
import type { Driver } from './dialect.ts'
import { literal, parseTableRef, quote } from './identifier.ts'

export async function describe(driver: Driver, ref: string): Promise<Table> {
  const parts = parseTableRef(ref)
  const [[database] = []] = await driver.rows('SELECT current_database()')
  if (parts.length === 3 && parts[0] !== database)
    throw new LinkedEventsError(
      'TABLE_MISSING',
      `${ref} is in another database than "${database}", which is connected`,
      {
        hint: 'PostgreSQL reads one database at a time: connect to that one, or bring the table here',
      },
    )
  const name = parts.slice(-2).map(quote).join('.')
  const [found] = await driver.rows(
    `SELECT c.oid, c.relkind FROM pg_class c WHERE c.oid = to_regclass(${literal(name)}) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`,
  )
  if (found === undefined) throw await missing(driver, ref, parts)
  const columns = await driver.rows(
    `SELECT a.attname, format_type(a.atttypid, a.atttypmod), b.typname, b.typcategory, b.typtype
     FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
     JOIN pg_type b ON b.oid = COALESCE(NULLIF(t.typbasetype, 0), t.oid)
     WHERE a.attrelid = ${found[0]} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
  )
  const [[version] = []] = await driver.rows(`SELECT current_setting('server_version_num')`)
  return {
    ref,
    view: found[1] !== 'r',
    columns: columns.map(([column, type, base, category, typtype]) => ({
      name: column ?? '',
      type: type ?? '',
      kind: kindOf(base ?? '', category ?? '', typtype ?? ''),
    })),
    engine: `postgres ${Math.floor(Number(version) / 10000)}`,
  }
}

async function missing(driver: Driver, ref: string, parts: readonly string[]): Promise<LinkedEventsError> {
  const relations = await driver.rows(
    `SELECT n.nspname, c.relname, n.nspname = ANY (current_schemas(false)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'`,
  )
  const names = relations.flatMap(([schema, table, seen]) => [
    ...(seen === 't' ? [table ?? ''] : []),
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

function kindOf(base: string, category: string, typtype: string): ColumnKind {
  if (category === 'A' || typtype === 'c') return 'json'
  const kinds: Readonly<Record<string, ColumnKind>> = {
    int2: 'integer',
    int4: 'integer',
    int8: 'integer',
    oid: 'integer',
    numeric: 'decimal',
    float4: 'float',
    float8: 'float',
    bool: 'boolean',
    date: 'date',
    timestamp: 'timestamp',
    timestamptz: 'timestamp_zoned',
    json: 'json',
    jsonb: 'json',
    bytea: 'binary',
  }
  return kinds[base] ?? 'text'
}
