/** A BigQuery table or view as it is, from the API, where looking costs nothing. */
import { LinkedEventsError, nearest } from '../errors.ts'
import type { Column, ColumnKind, Table } from '../sync/warehouse.ts'
import type { BigQueryConfig, BigQueryDriver } from './bigquery-driver.ts'
import { parseTableRef } from './identifier.ts'

export interface Place {
  readonly project: string
  readonly dataset: string
  readonly table: string
}

/** What the API says of a table. */
export interface Resource {
  readonly type: string
  readonly location?: string
  readonly lastModifiedTime?: string
  readonly streamingBuffer?: object
  readonly schema?: { readonly fields?: readonly Field[] }
}

interface Field {
  readonly name: string
  readonly type: string
  readonly mode?: string
  readonly collation?: string
}

/** Inside backticks only a backtick and a backslash need care. */
export function quote(name: string): string {
  return `\`${name.replaceAll(/[\\`]/g, '\\$&')}\``
}

export function literal(text: string): string {
  return `'${text.replaceAll(/[\\']/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\r', '\\r')}'`
}

export function placeOf(config: BigQueryConfig, ref: string): Place {
  const [table = '', dataset = config.dataset, project = config.project] = [...parseTableRef(ref)].reverse()
  if (dataset !== undefined) return { project, dataset, table }
  throw new LinkedEventsError('TABLE_MISSING', `${ref} names no dataset`, {
    hint: 'write dataset.table or project.dataset.table, or set warehouse.dataset',
  })
}

export const pathOf = ({ dataset, table }: Place) =>
  `datasets/${encodeURIComponent(dataset)}/tables/${encodeURIComponent(table)}`

/** @throws TABLE_MISSING with the nearest name */
export async function resourceOf(driver: BigQueryDriver, config: BigQueryConfig, ref: string): Promise<Resource> {
  const place = placeOf(config, ref)
  try {
    return (await driver.request({ project: place.project, path: pathOf(place) })) as Resource
  } catch (error) {
    if (error instanceof LinkedEventsError && error.code === 'TABLE_MISSING') throw await missing(driver, ref, place)
    throw error
  }
}

export function describe(config: BigQueryConfig, ref: string, resource: Resource): Table {
  const { project, dataset, table } = placeOf(config, ref)
  return {
    ref: [project, dataset, table].map(quote).join('.'),
    view: resource.type !== 'TABLE',
    columns: (resource.schema?.fields ?? []).map(columnOf),
    engine: 'bigquery',
  }
}

function columnOf({ name, type, mode, collation }: Field): Column {
  if (mode === 'REPEATED') return { name, kind: 'json', type: `ARRAY<${type}>` }
  return { name, kind: kinds[type] ?? 'text', type: collation ? `${type} COLLATE ${collation}` : type }
}

const kinds: Readonly<Record<string, ColumnKind>> = {
  INTEGER: 'integer',
  INT64: 'integer',
  NUMERIC: 'decimal',
  BIGNUMERIC: 'decimal',
  FLOAT: 'float',
  FLOAT64: 'float',
  BOOLEAN: 'boolean',
  BOOL: 'boolean',
  DATE: 'date',
  DATETIME: 'timestamp',
  TIMESTAMP: 'timestamp_zoned',
  RECORD: 'json',
  STRUCT: 'json',
  JSON: 'json',
  BYTES: 'binary',
}

async function missing(driver: BigQueryDriver, ref: string, place: Place): Promise<LinkedEventsError> {
  const { project, dataset } = place
  const listed = async (path: string, id: 'tableReference' | 'datasetReference') => {
    const answer = (await driver.request({ project, path, query: { maxResults: 1000 } }).catch(() => ({}))) as Record<
      string,
      readonly Record<string, Record<string, string>>[]
    >
    const key = id === 'tableReference' ? 'tables' : 'datasets'
    return (answer[key] ?? []).map((item) => item[id]?.[id === 'tableReference' ? 'tableId' : 'datasetId'] ?? '')
  }
  const tables = await listed(`datasets/${encodeURIComponent(dataset)}/tables`, 'tableReference')
  const table = nearest(place.table, tables)
  const other = table === null ? nearest(dataset, await listed('datasets', 'datasetReference')) : null
  const guess = table ?? (other === null || other === dataset ? null : `${other}.${place.table}`)
  return new LinkedEventsError(
    'TABLE_MISSING',
    `there is no table or view ${ref}`,
    guess === null ? {} : { hint: `did you mean "${guess}"?` },
  )
}
