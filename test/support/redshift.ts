/**
 * PostgreSQL as Redshift: a front on 127.0.0.1 that reads the protocol, refuses every construct that Redshift lacks, takes away what
 * only Redshift has (table attributes, some settings), and keeps its weaknesses: small fetches, backslash escapes.
 */
import { connect, createServer, type Socket } from 'node:net'
import pg from 'pg'
import { createReader, sharedPostgres } from './postgres.ts'

export interface Redshift {
  /** Through the front: what a Redshift client may say. */
  readonly url: string
  /** The same for one who may do nothing but SELECT. */
  readonly readerUrl: string
  /** Straight to PostgreSQL, for what a test prepares. */
  sql(...statements: string[]): Promise<unknown[][]>
  /** Statements that the front has refused. */
  readonly refused: readonly string[]
  stop(): Promise<void>
}

/** PostgreSQL has them, Redshift does not (or means something else by them). */
const lacking =
  /IS (?:NOT )?DISTINCT FROM|ON CONFLICT|\bRETURNING\b|\bjsonb?\b|::|\btext\b|UNLOGGED|GENERATED|ON COMMIT|LATERAL|\bFILTER *\(|string_agg|array_agg *\(|\barray\b|generate_series|sha(?:224|256|384|512) *\(|convert_to|\bencode *\(|DISTINCT ON|MERGE|NO SCROLL|advisory|SKIP LOCKED|INCLUDING|CREATE (?:UNIQUE )?INDEX|SEQUENCE|to_regclass|set_config|hashtext|\bfetch\b(?! forward \d+ from)|\bbytea\b|\buuid\b|COLLATE "|information_schema/i
const fetchRowsMax = 1000

/** What PostgreSQL must see instead; or why it must not see it. */
export function asPostgres(sql: string): { readonly sql: string } | { readonly refusal: string } {
  const bare = sql.replaceAll(/"(?:[^"]|"")*"/g, '""').replaceAll(/'(?:[^'\\]|''|\\.)*'/gs, "''")
  const found = lacking.exec(bare)?.[0]
  if (found !== undefined) return { refusal: found }
  const fetched = /FETCH FORWARD (\d+)/i.exec(bare)?.[1]
  if (fetched !== undefined && Number(fetched) > fetchRowsMax) return { refusal: `FETCH FORWARD ${fetched}` }
  if (/^CREATE TABLE [^(]*BACKUP NO(?!.* AS\b)/is.test(bare)) return { refusal: 'table attributes before the columns' }
  return {
    sql: sql
      .replace(/ BACKUP NO DISTKEY\(\w+\) SORTKEY\(\w+\)/, '')
      .replaceAll(/\bSET (query_group|enable_case_sensitive_identifier) TO/g, 'SET le.$1 TO')
      .replaceAll(/COLLATE\((CAST\("(?:[^"]|"")*" AS varchar\(65535\)\)), 'case_sensitive'\)/g, '($1 COLLATE "C")'),
  }
}

/** What the driver may call or read there. */
const standIns = [
  `CREATE DOMAIN super AS jsonb`,
  `CREATE DOMAIN varbyte AS bytea`,
  `CREATE FUNCTION json_serialize(jsonb) RETURNS varchar LANGUAGE sql IMMUTABLE AS 'SELECT CAST($1 AS varchar)'`,
  `CREATE FUNCTION from_varbyte(bytea, varchar) RETURNS varchar LANGUAGE sql IMMUTABLE AS 'SELECT replace(encode($1, $2), chr(10), '''')'`,
  `CREATE FUNCTION sha2(varchar, integer) RETURNS varchar LANGUAGE sql IMMUTABLE AS 'SELECT encode(sha256(convert_to($1, ''UTF8'')), ''hex'')'`,
  `CREATE FUNCTION strtol(varchar, integer) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT CAST(CAST(''x'' || lpad($1, 16, ''0'') AS bit(64)) AS bigint)'`,
  `CREATE VIEW pg_catalog.svv_tables AS SELECT * FROM information_schema.tables`,
  `CREATE VIEW pg_catalog.svv_columns AS SELECT table_schema, table_name, column_name, ordinal_position, COALESCE(domain_name, data_type) AS data_type FROM information_schema.columns`,
  `CREATE VIEW pg_catalog.svv_all_tables AS SELECT 'elsewhere' AS database_name, table_schema AS schema_name, table_name, table_type FROM information_schema.tables`,
  `CREATE VIEW pg_catalog.svv_all_columns AS SELECT 'elsewhere' AS database_name, table_schema AS schema_name, table_name, column_name, ordinal_position, data_type FROM information_schema.columns`,
  `GRANT SELECT ON pg_catalog.svv_tables, pg_catalog.svv_columns, pg_catalog.svv_all_tables, pg_catalog.svv_all_columns TO PUBLIC`,
  `CREATE COLLATION IF NOT EXISTS "le_caseless" (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
]

export async function startRedshift(): Promise<Redshift> {
  const server = await sharedPostgres()
  const database = `le_redshift_${process.pid}_${Date.now()}`
  const admin = new pg.Client(server.url)
  await admin.connect()
  await admin.query(`CREATE DATABASE "${database}"`)
  const direct = Object.assign(new URL(server.url), { pathname: `/${database}` })
  const client = new pg.Client(direct.href)
  await client.connect()
  await client.query('SET allow_system_table_mods TO on')
  for (const statement of standIns) await client.query(statement)
  // Redshift reads backslashes in literals, so whoever comes through the front does too.
  await client.query(`ALTER DATABASE "${database}" SET standard_conforming_strings = off`)
  const reader = await createReader((text) => client.query(text))
  const refused: string[] = []
  const front = await startFront({ host: direct.hostname, port: Number(direct.port || 5432), refused })
  const url = Object.assign(new URL(direct.href), { hostname: '127.0.0.1', port: String(front.port) })
  return {
    url: url.href,
    readerUrl: Object.assign(new URL(url), { username: reader }).href,
    refused,
    async sql(...statements) {
      let rows: unknown[][] = []
      for (const text of statements) rows = (await client.query({ text, rowMode: 'array' })).rows as unknown[][]
      return rows
    },
    async stop() {
      await front.stop()
      await client.end()
      await admin.query(`DROP DATABASE "${database}" WITH (FORCE)`)
      await admin.query(`DROP ROLE "${reader}"`)
      await admin.end()
      await server.stop()
    },
  }
}

interface FrontOptions {
  readonly host: string
  readonly port: number
  readonly refused: string[]
}

async function startFront({ host, port, refused }: FrontOptions): Promise<{ port: number; stop(): Promise<void> }> {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(port, host)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    const rewrite = messages(refused)
    client.on('data', (data: Buffer) => upstream.write(rewrite(data)))
    upstream.pipe(client)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    stop: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  }
}

/** The client's messages, whole ones only, with their SQL rewritten. The first has no type. */
function messages(refused: string[]): (data: Buffer) => Buffer {
  let pending = Buffer.alloc(0)
  let first = true
  return (data) => {
    pending = Buffer.concat([pending, data])
    const out: Buffer[] = []
    for (;;) {
      const head = first ? 0 : 1
      if (pending.length < head + 4) break
      const size = head + pending.readUInt32BE(head)
      if (pending.length < size) break
      const message = pending.subarray(0, size)
      pending = pending.subarray(size)
      out.push(!first && message[0] === 0x51 ? simpleQuery(message, refused) : message)
      first = false
    }
    return Buffer.concat(out)
  }
}

function simpleQuery(message: Buffer, refused: string[]): Buffer {
  const told = asPostgres(message.toString('utf8', 5, message.length - 1))
  if ('refusal' in told) refused.push(told.refusal)
  const sql =
    'sql' in told
      ? told.sql
      : `DO $le$ BEGIN RAISE EXCEPTION 'Redshift does not have it: ${told.refusal.replaceAll("'", '')}' USING ERRCODE = '0A000'; END $le$`
  const body = Buffer.from(`${sql}\0`)
  const head = Buffer.alloc(5)
  head[0] = 0x51
  head.writeUInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}
