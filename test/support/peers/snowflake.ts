import { type SnowflakeConfig, SnowflakeDriver } from '../../../src/warehouse/snowflake-driver.ts'
import { literal } from '../../../src/warehouse/snowflake-table.ts'
import type { Server } from '../engine.ts'
import { type Peer, respelled, standardState, stateSchema } from '../peer.ts'
import { startSnowflake } from '../snowflake.ts'

export const snowflakeConfig = ({ url }: Server): SnowflakeConfig => ({
  type: 'snowflake',
  account: 'test',
  user: 'linked_events',
  password: 'right',
  database: 'SHOP',
  schema: 'PUBLIC',
  accessUrl: url,
  stateSchema,
})

export async function startSnowflakePeer(): Promise<Peer> {
  const server = await startSnowflake()
  const config = snowflakeConfig(server)
  const driver = await SnowflakeDriver.open(config, new AbortController().signal)
  const name = (text: string) => `"${text.replaceAll('"', '""')}"`
  const sql = async (...statements: string[]) => {
    let rows: unknown[][] = []
    for (const statement of statements) rows = await driver.rows(respelled(statement, { literal, name }))
    return rows
  }
  return {
    config,
    reader: { ...config, user: 'reader' },
    sql,
    ...standardState(sql),
    stop: async () => {
      await driver.close()
      await server.stop()
    },
  }
}
