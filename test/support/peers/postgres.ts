import pg from 'pg'
import { type Peer, standardState, stateSchema } from '../peer.ts'
import { createReader, sharedPostgres } from '../postgres.ts'

/** In a database of its own: the server may be shared with other suites. */
export async function startPostgresPeer(): Promise<Peer> {
  const server = await sharedPostgres()
  const database = `le_contract_${process.pid}_${Date.now()}`
  const admin = new pg.Client(server.url)
  await admin.connect()
  await admin.query(`CREATE DATABASE "${database}"`)
  const url = Object.assign(new URL(server.url), { pathname: `/${database}` }).href
  const client = new pg.Client(url)
  await client.connect()
  const sql = async (...statements: string[]) => {
    let rows: unknown[][] = []
    for (const text of statements) rows = (await client.query({ text, rowMode: 'array' })).rows as unknown[][]
    return rows
  }
  await sql(
    `CREATE COLLATION IF NOT EXISTS "le_caseless" (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
  )
  const reader = await createReader((text) => client.query(text))
  return {
    config: { type: 'postgres', url, stateSchema },
    reader: { type: 'postgres', url: Object.assign(new URL(url), { username: reader }).href, stateSchema },
    sql,
    ...standardState(sql),
    stop: async () => {
      await client.end()
      await admin.query(`DROP DATABASE "${database}" WITH (FORCE)`)
      await admin.query(`DROP ROLE "${reader}"`)
      await admin.end()
      await server.stop()
    },
  }
}
