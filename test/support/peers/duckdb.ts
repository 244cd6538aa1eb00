import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { databaseOptions } from '../../../src/warehouse/duckdb.ts'
import { type Peer, standardState, stateSchema } from '../peer.ts'

export async function startDuckDBPeer(): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), 'le-duckdb-'))
  const path = join(folder, 'warehouse.duckdb')
  // As another program would: the file is open only meanwhile. From the cache, so that it also works while a run is held up in the middle.
  const sql = async (...statements: string[]) => {
    const instance = await DuckDBInstance.fromCache(path, databaseOptions)
    const connection = await instance.connect()
    try {
      let rows: unknown[][] = []
      for (const statement of statements) rows = (await connection.runAndReadAll(statement)).getRowsJson()
      return rows
    } finally {
      connection.closeSync()
      instance.closeSync()
    }
  }
  await sql('SELECT 1')
  const config = { type: 'duckdb', path, stateSchema } as const
  return {
    config,
    reader: config,
    sql,
    ...standardState(sql),
    stop: async () => rmSync(folder, { recursive: true, force: true }),
  }
}
