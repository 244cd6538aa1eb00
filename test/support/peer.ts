/** A warehouse as tests see it: what a client of ours connects with, and a way to do to it what others do. */
import type { WarehouseConfig } from '../../src/warehouse/open.ts'

export interface Peer {
  readonly config: WarehouseConfig
  /** The same warehouse for one who may do nothing but SELECT; where the engine has no rights, for anybody. */
  readonly reader: WarehouseConfig
  /** Runs statements of the suite, which quotes every name: as "…". The rows of the last one. */
  sql(...statements: string[]): Promise<unknown[][]>
  /** Tables of the state schema, or null when there is no such schema. */
  state(): Promise<readonly string[] | null>
  dropState(): Promise<void>
  stop(): Promise<void>
}

export const stateSchema = '_segment_reverse_etl'

/** The state as engines with a standard information_schema show it. */
export function standardState(sql: Peer['sql']): Pick<Peer, 'state' | 'dropState'> {
  return {
    async state() {
      const schemas = await sql(
        `SELECT schema_name FROM information_schema.schemata WHERE schema_name = '${stateSchema}'`,
      )
      const tables = await sql(`SELECT table_name FROM information_schema.tables WHERE table_schema = '${stateSchema}'`)
      return schemas.length === 0 ? null : tables.map(String)
    },
    dropState: async () => void (await sql(`DROP SCHEMA IF EXISTS "${stateSchema}" CASCADE`)),
  }
}

const token =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|\b(?:INTEGER|BIGINT|VARCHAR|BOOLEAN|DOUBLE PRECISION)\b|DECIMAL\(\d+,\d+\)|random\(\)/g

/** The suite's SQL in another spelling: its literals, its quoted names, its types. */
export function respelled(
  statement: string,
  spelling: {
    readonly literal: (text: string) => string
    readonly name: (text: string) => string
    readonly words?: Readonly<Record<string, string>>
  },
): string {
  return statement.replaceAll(token, (found) => {
    if (found.startsWith("'")) return spelling.literal(found.slice(1, -1).replaceAll("''", "'"))
    if (found.startsWith('"')) return spelling.name(found.slice(1, -1).replaceAll('""', '"'))
    return spelling.words?.[found] ?? found
  })
}
