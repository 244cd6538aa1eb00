/** A DuckDB table or view as it is: its place in the catalogue, its columns and what their types mean. */
import { LinkedEventsError, nearest } from '../errors.ts'
import type { ColumnKind, Table } from '../sync/warehouse.ts'
import type { Cell, Driver } from './dialect.ts'
import { parseTableRef, quoteRef } from './identifier.ts'

export async function describe(driver: Driver, ref: string): Promise<Table> {
  const parts = parseTableRef(ref)
  // Looked up in the catalogue first: DuckDB would take a name that it does not know for that of a file to read.
  const relations = await driver.rows(
    `SELECT database_name, schema_name, table_name, 'table' FROM duckdb_tables() WHERE NOT internal
     UNION ALL SELECT database_name, schema_name, view_name, 'view' FROM duckdb_views() WHERE NOT internal`,
  )
  const [[database, schema] = []] = await driver.rows('SELECT current_database(), current_schema()')
  const [name = '', ...place] = [...parts].reverse().map((part) => part.toLowerCase())
  const places = placesOf(place, database ?? '', schema ?? '')
  const found = relations.find(
    ([db, sc, table]) => same(table, name) && places.some(([d, s]) => same(db, d) && same(sc, s)),
  )
  if (found === undefined) throw missing(ref, parts, relations)
  const columns = await driver.rows(`DESCRIBE ${quoteRef(ref)}`)
  const [[version] = []] = await driver.rows('SELECT version()')
  return {
    ref,
    view: found[3] === 'view',
    columns: columns.map(([column, type]) => ({ name: column ?? '', type: type ?? '', kind: kindOf(type ?? '') })),
    engine: `duckdb ${version}`,
  }
}

const same = (a: Cell | undefined, b: string) => a?.toLowerCase() === b.toLowerCase()

/** Database and schema that the parts before the name mean: two parts are schema and table, or database and table. */
function placesOf(place: readonly string[], database: string, schema: string): readonly (readonly [string, string])[] {
  const [first, second] = place
  if (first === undefined) return [[database, schema]]
  if (second !== undefined) return [[second, first]]
  return [
    [database, first],
    [first, 'main'],
  ]
}

function missing(ref: string, parts: readonly string[], relations: readonly Cell[][]): LinkedEventsError {
  const names = relations.flatMap(([database, schema, table]) => {
    const short = schema === 'main' ? [table ?? ''] : []
    return [...short, `${schema}.${table}`, `${database}.${schema}.${table}`]
  })
  const guess =
    nearest(ref, names) ??
    relations
      .find(([, , table]) => same(table, parts.at(-1) ?? ''))
      ?.slice(1, 3)
      .join('.')
  return new LinkedEventsError(
    'TABLE_MISSING',
    `there is no table or view ${ref} in the warehouse`,
    guess === undefined ? {} : { hint: `did you mean "${guess}"?` },
  )
}

const integers = /^(?:U?(?:TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|BIGNUM|VARINT)$/

function kindOf(type: string): ColumnKind {
  if (/[[\]]$/.test(type) || /^(?:STRUCT|MAP|UNION)\(/.test(type) || type === 'VARIANT') return 'json'
  if (integers.test(type)) return 'integer'
  if (type.startsWith('DECIMAL(')) return 'decimal'
  const kinds: Readonly<Record<string, ColumnKind>> = {
    BOOLEAN: 'boolean',
    FLOAT: 'float',
    DOUBLE: 'float',
    DATE: 'date',
    TIMESTAMP: 'timestamp',
    TIMESTAMP_S: 'timestamp',
    TIMESTAMP_MS: 'timestamp',
    TIMESTAMP_NS: 'timestamp',
    'TIMESTAMP WITH TIME ZONE': 'timestamp_zoned',
    JSON: 'json',
    BLOB: 'binary',
  }
  return kinds[type] ?? 'text'
}
