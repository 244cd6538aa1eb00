import { readFileSync } from 'node:fs'
import { type DatabricksConfig, DatabricksDriver } from '../../../src/warehouse/databricks-driver.ts'
import { literal, quote } from '../../../src/warehouse/databricks-table.ts'
import { certificate, startDatabricks, token } from '../databricks.ts'
import { type Peer, respelled, stateSchema } from '../peer.ts'

export const databricksConfig = ({ port }: { readonly port: number }): DatabricksConfig => ({
  type: 'databricks',
  host: '127.0.0.1',
  port,
  httpPath: '/sql/1.0/warehouses/test',
  token,
  catalog: 'spark_catalog',
  schema: 'default',
  ca: readFileSync(certificate, 'utf8'),
  stateSchema,
})

export async function startDatabricksPeer(): Promise<Peer> {
  const server = await startDatabricks()
  const config = databricksConfig(server)
  const driver = await DatabricksDriver.open(config, new AbortController().signal)
  const schema = `spark_catalog.${quote(stateSchema)}`
  return {
    config,
    reader: config,
    async sql(...statements) {
      let rows: unknown[][] = []
      for (const statement of statements) for (const one of asSpark(statement)) rows = await driver.rows(one)
      return rows
    },
    async state() {
      const schemas = await driver.rows('SHOW SCHEMAS IN spark_catalog')
      if (!schemas.some(([name]) => name === stateSchema)) return null
      return (await driver.rows(`SHOW TABLES IN ${schema}`)).map((row) => String(row[1]))
    },
    dropState: async () => void (await driver.rows(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)),
    async stop() {
      await driver.close()
      await server.stop()
    },
  }
}

const words = { INTEGER: 'INT', VARCHAR: 'STRING', 'DOUBLE PRECISION': 'DOUBLE', 'random()': 'rand()' }

/** Delta of open source drops no column: the table is made anew. */
function asSpark(statement: string): readonly string[] {
  const text = respelled(statement, { literal, name: quote, words })
  const [, table, dropped] = /^ALTER TABLE (\S+) DROP COLUMN (\S+)$/.exec(text) ?? []
  if (table === undefined) return [text]
  return [
    `CREATE TABLE copy AS SELECT * EXCEPT (${dropped}) FROM ${table}`,
    `DROP TABLE ${table}`,
    `CREATE TABLE ${table} AS SELECT * FROM copy`,
    'DROP TABLE copy',
  ]
}
