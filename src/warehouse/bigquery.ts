/** BigQuery. Looking at tables and datasets and reading the delta go through the API, which costs nothing; the rest is SQL. */
import { LinkedEventsError } from '../errors.ts'
import type { Change, Column, Source } from '../sync/warehouse.ts'
import { type BigQueryConfig, BigQueryDriver } from './bigquery-driver.ts'
import { describe, literal, pathOf, placeOf, quote, type Resource, resourceOf } from './bigquery-table.ts'
import type { Connection, Dialect, Grants } from './dialect.ts'
import { hashOfHashes } from './sql.ts'

export type { BigQueryConfig } from './bigquery-driver.ts'

export async function connectBigQuery(config: BigQueryConfig, signal: AbortSignal): Promise<Connection> {
  const driver = await BigQueryDriver.open(config, signal)
  /** What the table was when it was described, which is before it is read. */
  const seen = new Map<string, Resource>()
  const state = (table: string) => ({ project: config.project, dataset: config.stateSchema, table })
  return {
    dialect: dialect(config),
    driver,
    async table(ref) {
      const resource = await resourceOf(driver, config, ref)
      const table = describe(config, ref, resource)
      seen.set(table.ref, resource)
      return table
    },
    // The state must be where the tables are.
    createSchema: () => createDataset(driver, config, config.location ?? [...seen.values()][0]?.location),
    probe: async (source) => probe(source, seen.get(source.table.ref)),
    // Reading the table costs nothing, and has no order.
    changes: (delta, columns, order) => (order === 'any' ? changes(driver, pathOf(state(delta)), columns) : undefined),
    bytesScanned: () => driver.bytesScanned,
    grants: () => grants(driver, config),
  }
}

function dialect({ project, stateSchema }: BigQueryConfig): Dialect {
  return {
    type: 'bigquery',
    literal,
    stateSchema,
    state: (name) => [project, stateSchema, name].map(quote).join('.'),
    types: { text: 'STRING', integer: 'INT64', checksum: 'STRING' },
    createAs: (table) => `CREATE TABLE ${table} CLUSTER BY record_id AS`,
    createEmpty: (table) => `CREATE TABLE ${table}`,
    keyText: (column) =>
      column.kind === 'float' ? `IF(${quote(column.name)} = 0, '0', ${text(column)})` : text(column),
    text,
    checksum: (columns) => hashOfHashes(columns, (expression) => `TO_HEX(MD5(${expression}))`),
    differs: (a, b) => `${a} IS DISTINCT FROM ${b}`,
    sha256: (text) => `TO_HEX(SHA256(${text}))`,
    hexNumber: (digits) => `CAST(CONCAT('0x', ${digits}) AS INT64)`,
    byteOrder: (expression) => expression,
    from: (source) => source.table.ref,
    stateTables: () => `SELECT table_name FROM ${quote(project)}.${quote(stateSchema)}.INFORMATION_SCHEMA.TABLES`,
  }
}

function text(column: Column): string {
  const name = quote(column.name)
  // TO_JSON_STRING makes the text `null` of SQL's null.
  const json = `IF(${name} IS NULL, NULL, TO_JSON_STRING(${name}))`
  switch (column.kind) {
    case 'float':
    case 'json':
      return json
    case 'timestamp_zoned':
      return `STRING(${name}, 'UTC')`
    case 'binary':
      return `TO_BASE64(${name})`
    case 'text':
      if (column.type === 'GEOGRAPHY') return `ST_ASTEXT(${name})`
      if (column.type === 'STRING') return name
      // Compared by bytes: a collation may take different keys for equal, and copies would inherit it.
      return column.type.includes(' COLLATE ') ? `COLLATE(${name}, '')` : `CAST(${name} AS STRING)`
    default:
      return `CAST(${name} AS STRING)`
  }
}

/** Rows that are being streamed in do not count as a modification yet; a view reads more than its tables. */
function probe(source: Source, resource: Resource | undefined): string | null {
  if (source.table.view || resource === undefined || resource.streamingBuffer !== undefined) return null
  return resource.lastModifiedTime ?? null
}

async function createDataset(driver: BigQueryDriver, config: BigQueryConfig, location?: string): Promise<void> {
  const { project, stateSchema } = config
  try {
    await driver.request({ path: `datasets/${stateSchema}` })
    return
  } catch (error) {
    if (!(error instanceof LinkedEventsError) || error.code !== 'TABLE_MISSING') throw error
  }
  const body = {
    datasetReference: { projectId: project, datasetId: stateSchema },
    description: 'State of linked-events: checkpoints, baselines, deltas',
    ...(location === undefined ? {} : { location }),
  }
  await driver.request({ method: 'POST', path: 'datasets', body })
}

/** Not sorted: sorting a large result is what BigQuery is bad at. The columns are op, record_id, checksum, c0, c1, … */
async function* changes(driver: BigQueryDriver, path: string, columns: number): AsyncGenerator<readonly Change[]> {
  for await (const page of driver.table(path)) {
    yield page.map((row) => [row[0], row[1], ...row.slice(3, 3 + columns)] as unknown as Change)
  }
}

async function grants(driver: BigQueryDriver, config: BigQueryConfig): Promise<Grants> {
  const { project, stateSchema } = config
  const [[user] = []] = await driver.rows('SELECT SESSION_USER()').catch((error: unknown) => {
    if (!(error instanceof LinkedEventsError) || error.code !== 'WAREHOUSE_DENIED') throw error
    const hint = `gcloud projects add-iam-policy-binding ${project} --member=… --role=roles/bigquery.jobUser`
    throw new LinkedEventsError(error.code, error.message, { hint, cause: error })
  })
  const account = `${user?.endsWith('.gserviceaccount.com') ? 'serviceAccount' : 'user'}:${user}`
  const there = await driver.request({ path: `datasets/${stateSchema}` }).then(
    () => true,
    () => false,
  )
  return {
    select: (ref) => {
      const place = placeOf(config, ref)
      const name = [place.project, place.dataset, place.table].map(quote).join('.')
      return `GRANT \`roles/bigquery.dataViewer\` ON TABLE ${name} TO "${account}";`
    },
    state: there
      ? `GRANT \`roles/bigquery.dataEditor\` ON SCHEMA ${quote(project)}.${quote(stateSchema)} TO "${account}";`
      : `gcloud projects add-iam-policy-binding ${project} --member=${account} --role=roles/bigquery.user`,
  }
}
