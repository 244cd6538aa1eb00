/** A Databricks table or view as it is, by DESCRIBE, which every catalogue answers; or which one may have been meant. */
import { LinkedEventsError, nearest } from '../errors.ts'
import type { ColumnKind, Table } from '../sync/warehouse.ts'
import type { DatabricksConfig } from './databricks-driver.ts'
import type { Cell, Driver } from './dialect.ts'
import { parseTableRef } from './identifier.ts'

export function quote(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``
}

/** A backslash is an escape in a literal. */
export function literal(text: string): string {
  return `'${text.replaceAll(/[\\']/g, '\\$&')}'`
}

/** Catalogue, schema and name that a `table_ref` of one to three parts means. */
export function placeOf(config: DatabricksConfig, ref: string): readonly [string, string, string] {
  const [name = '', schema = config.schema, catalog = config.catalog] = [...parseTableRef(ref)].reverse()
  return [catalog, schema, name]
}

export async function describe(driver: Driver, config: DatabricksConfig, ref: string): Promise<Table> {
  const place = placeOf(config, ref)
  const name = place.map(quote).join('.')
  const found = await driver.rows(`DESCRIBE TABLE EXTENDED ${name}`).catch((error: unknown) => {
    if (!(error instanceof LinkedEventsError) || error.code !== 'TABLE_MISSING') throw error
    return null
  })
  if (found === null) throw await missing(driver, ref, place)
  const end = found.findIndex(([column]) => !column || column.startsWith('#'))
  const columns = end === -1 ? found : found.slice(0, end)
  const type = found.slice(columns.length).find(([label]) => label === 'Type')?.[1] ?? ''
  return {
    ref: name,
    view: !/^(?:MANAGED|EXTERNAL)/.test(type),
    columns: columns.map(([column, kind]) => ({ name: column ?? '', type: kind ?? '', kind: kindOf(kind ?? '') })),
    engine: 'databricks',
  }
}

async function missing(
  driver: Driver,
  ref: string,
  [catalog, schema, name]: readonly [string, string, string],
): Promise<LinkedEventsError> {
  const listed = (statement: string) => driver.rows(statement).catch((): Cell[][] => [])
  const tables = (await listed(`SHOW TABLES IN ${quote(catalog)}.${quote(schema)}`)).map((row) => row[1] ?? '')
  const table = nearest(name, tables)
  const schemas = table === null ? (await listed(`SHOW SCHEMAS IN ${quote(catalog)}`)).map((row) => row[0] ?? '') : []
  const other = nearest(schema, schemas)
  const guess = table ?? (other === null || other === schema ? null : `${other}.${name}`)
  return new LinkedEventsError(
    'TABLE_MISSING',
    `there is no table or view ${ref} that this user can see`,
    guess === null ? {} : { hint: `did you mean "${guess}"?` },
  )
}

function kindOf(type: string): ColumnKind {
  const base = /^[a-z_]+/.exec(type.toLowerCase())?.[0] ?? ''
  const kinds: Readonly<Record<string, ColumnKind>> = {
    tinyint: 'integer',
    smallint: 'integer',
    int: 'integer',
    bigint: 'integer',
    decimal: 'decimal',
    float: 'float',
    double: 'float',
    boolean: 'boolean',
    date: 'date',
    timestamp: 'timestamp_zoned',
    timestamp_ntz: 'timestamp',
    binary: 'binary',
    array: 'json',
    map: 'json',
    struct: 'json',
    variant: 'json',
  }
  return kinds[base] ?? 'text'
}
