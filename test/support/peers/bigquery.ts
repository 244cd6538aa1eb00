import { type BigQueryConfig, BigQueryDriver } from '../../../src/warehouse/bigquery-driver.ts'
import { literal, quote } from '../../../src/warehouse/bigquery-table.ts'
import { startBigQuery } from '../bigquery.ts'
import type { BigQueryFront } from '../bigquery-front.ts'
import { type Peer, respelled, stateSchema } from '../peer.ts'

export const bigQueryConfig = ({ url }: BigQueryFront): BigQueryConfig => ({
  type: 'bigquery',
  project: 'shop',
  dataset: 'main',
  apiEndpoint: url,
  stateSchema,
})

export async function startBigQueryPeer(): Promise<Peer> {
  const front = await startBigQuery()
  const config = bigQueryConfig(front)
  const driver = await BigQueryDriver.open(config, new AbortController().signal)
  const dataset = `datasets/${stateSchema}`
  return {
    config,
    reader: config,
    async sql(...statements) {
      let rows: unknown[][] = []
      for (const statement of statements) for (const one of asBigQuery(statement)) rows = await driver.rows(one)
      return rows
    },
    async state() {
      const tables = (await driver.request({ path: `${dataset}/tables` }).catch(() => null)) as {
        tables?: { tableReference: { tableId: string } }[]
      } | null
      return tables && (tables.tables ?? []).map(({ tableReference }) => tableReference.tableId)
    },
    async dropState() {
      await driver.request({ method: 'DELETE', path: dataset, query: { deleteContents: 'true' } }).catch(() => {})
    },
    async stop() {
      await driver.close()
      await front.stop()
    },
  }
}

const words = {
  INTEGER: 'INT64',
  BIGINT: 'INT64',
  VARCHAR: 'STRING',
  BOOLEAN: 'BOOL',
  'DECIMAL(38,9)': 'NUMERIC',
  'DECIMAL(20,4)': 'NUMERIC',
  'DOUBLE PRECISION': 'FLOAT64',
  'random()': 'RAND()',
}
/** Names that stand for a table of the dataset. */
const tables = ['items', 'item_view', 'products']

/** The emulator's ALTER TABLE does not change what it says of a table: the table is made anew. */
function asBigQuery(statement: string): readonly string[] {
  const name = (text: string) => (tables.includes(text) ? `main.${quote(text)}` : quote(text))
  const text = respelled(statement, { literal, name, words })
  const altered = /^ALTER TABLE (\S+) (?:ADD COLUMN (\S+) (\S+)|DROP COLUMN (\S+))$/.exec(text)
  if (altered !== null) {
    const [, table, added, type, dropped] = altered
    const columns = added === undefined ? `* EXCEPT (${dropped})` : `*, CAST(NULL AS ${type}) AS ${added}`
    return [
      `CREATE TABLE main.copy AS SELECT ${columns} FROM ${table}`,
      `DROP TABLE ${table}`,
      `CREATE TABLE ${table} AS SELECT * FROM main.copy`,
      'DROP TABLE main.copy',
    ]
  }
  return [/^(?:DELETE|UPDATE)\b/.test(text) && !/ WHERE /.test(text) ? `${text} WHERE TRUE` : text]
}
