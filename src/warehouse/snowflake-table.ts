/** A Snowflake table or view as it is: its place, its columns and what their types mean, or which one may have been meant. */
import { LinkedEventsError, nearest } from '../errors.ts'
import type { ColumnKind, Table } from '../sync/warehouse.ts'
import type { Cell, Driver } from './dialect.ts'
import { parseTableRef, quote } from './identifier.ts'

interface Place {
  readonly database: string
  readonly schema: string | null
}

/** Snowflake takes a backslash in a literal for an escape. */
export function literal(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}

/** `here` completes a name of fewer than three parts. */
export async function describe(driver: Driver, ref: string, here: Place): Promise<Table> {
  const [name = '', schema = here.schema, given = here.database] = [...parseTableRef(ref)].reverse()
  const { database, relations } = await relationsOf(driver, given, ref)
  const found =
    relations.find(([at, table]) => table === name && (schema === null || at === schema)) ??
    // What is written without quotes is upper case in Snowflake.
    relations.find(
      ([at, table]) =>
        table === name.toUpperCase() && (schema === null || at === schema || at === schema.toUpperCase()),
    )
  if (found === undefined) throw missing(ref, { name, schema }, relations)
  const place = [database, found[0] ?? '', found[1] ?? '']
  const columns = await driver.rows(
    `SELECT COLUMN_NAME, DATA_TYPE, NUMERIC_SCALE, COLLATION_NAME FROM ${quote(database)}.INFORMATION_SCHEMA.COLUMNS` +
      ` WHERE TABLE_SCHEMA = ${literal(place[1]!)} AND TABLE_NAME = ${literal(place[2]!)} ORDER BY ORDINAL_POSITION`,
  )
  return {
    ref: place.map(quote).join('.'),
    view: found[2] !== 'BASE TABLE',
    columns: columns.map(([column, type, scale, collation]) => ({
      name: column ?? '',
      type: [type, scale === null ? '' : `(${scale})`, collation === null ? '' : ` COLLATE ${collation}`].join(''),
      kind: kindOf(type ?? '', scale ?? null),
    })),
    engine: 'snowflake',
  }
}

/** Everything in the database that the role may see. */
async function relationsOf(
  driver: Driver,
  given: string,
  ref: string,
): Promise<{ readonly database: string; readonly relations: readonly Cell[][] }> {
  for (const database of new Set([given, given.toUpperCase()])) {
    try {
      const relations = await driver.rows(
        `SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, TABLE_CATALOG FROM ${quote(database)}.INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA <> 'INFORMATION_SCHEMA'`,
      )
      return { database: relations[0]?.[3] ?? database, relations }
    } catch (error) {
      if (!(error instanceof LinkedEventsError) || error.code !== 'TABLE_MISSING') throw error
    }
  }
  throw new LinkedEventsError('TABLE_MISSING', `${ref}: there is no database ${given} that this role can see`)
}

function missing(
  ref: string,
  wanted: { readonly name: string; readonly schema: string | null },
  relations: readonly Cell[][],
): LinkedEventsError {
  const names = relations.flatMap(([schema, table]) => [
    ...(schema === wanted.schema ? [table ?? ''] : []),
    `${schema}.${table}`,
  ])
  const elsewhere = relations.find(([, table]) => table === wanted.name || table === wanted.name.toUpperCase())
  const short = parseTableRef(ref).slice(-2).join('.')
  const guess = nearest(short, names) ?? (elsewhere && `${elsewhere[0]}.${elsewhere[1]}`)
  return new LinkedEventsError(
    'TABLE_MISSING',
    `there is no table or view ${ref} that this role can see`,
    guess === undefined ? {} : { hint: `did you mean "${guess}"?` },
  )
}

function kindOf(type: string, scale: string | null): ColumnKind {
  const kinds: Readonly<Record<string, ColumnKind>> = {
    NUMBER: Number(scale) === 0 ? 'integer' : 'decimal',
    DECFLOAT: 'decimal',
    FLOAT: 'float',
    BOOLEAN: 'boolean',
    DATE: 'date',
    TIMESTAMP_NTZ: 'timestamp',
    TIMESTAMP_LTZ: 'timestamp_zoned',
    TIMESTAMP_TZ: 'timestamp_zoned',
    VARIANT: 'json',
    OBJECT: 'json',
    ARRAY: 'json',
    VECTOR: 'json',
    MAP: 'json',
    BINARY: 'binary',
  }
  return kinds[type] ?? 'text'
}
