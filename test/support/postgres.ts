/** A real PostgreSQL for tests: the one that PG_URL names, else the machine's own, started on 127.0.0.1 in a temporary folder. */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './ports.ts'

export interface Postgres {
  readonly url: string
  /** Ends it as a power cut would, and starts it again. */
  crash(): Promise<void>
  stop(): Promise<void>
}

/** Starts a server of its own. `fsync` for tests that crash it. */
export async function startPostgres(options: { readonly fsync?: boolean } = {}): Promise<Postgres> {
  const bin = serverFolder()
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'le-postgres-'))
  chmodSync(folder, 0o777)
  const data = join(folder, 'data')
  asServerUser([
    join(bin, 'initdb'),
    '-D',
    data,
    '-U',
    'postgres',
    '--auth=trust',
    '--encoding=UTF8',
    '--locale=C.UTF-8',
    '-N',
  ])
  const settings = [
    `listen_addresses = '127.0.0.1'`,
    `port = ${port}`,
    `unix_socket_directories = '${folder}'`,
    `fsync = ${options.fsync ? 'on' : 'off'}`,
    `max_connections = 40`,
    `shared_buffers = 64MB`,
  ]
  const conf = join(folder, 'extra.conf')
  writeFileSync(conf, `${settings.join('\n')}\n`, { mode: 0o644 })
  asServerUser(['sh', '-c', `cat ${conf} >> ${data}/postgresql.conf`])
  const start = () =>
    asServerUser([join(bin, 'pg_ctl'), '-D', data, '-w', '-t', '60', '-l', join(folder, 'log'), 'start'])
  start()
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    async crash() {
      asServerUser([join(bin, 'pg_ctl'), '-D', data, '-w', '-m', 'immediate', 'stop'])
      start()
    },
    async stop() {
      asServerUser([join(bin, 'pg_ctl'), '-D', data, '-w', '-m', 'immediate', 'stop'])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The server that PG_URL names, which nobody stops, or one started for the caller. */
export async function sharedPostgres(): Promise<Postgres> {
  const url = process.env.PG_URL
  if (!url) return startPostgres()
  const refuse = async () => {
    throw new Error('the server that PG_URL names is not ours to crash')
  }
  return { url, crash: refuse, stop: async () => {} }
}

/** Makes a role that may log in, and read what is made in the schema `public` from now on; nothing else. */
export async function createReader(sql: (text: string) => Promise<unknown>): Promise<string> {
  const role = `le_reader_${process.pid}_${Date.now()}`
  await sql(`CREATE ROLE "${role}" LOGIN`)
  await sql('REVOKE CREATE ON SCHEMA public FROM PUBLIC')
  await sql(`ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO "${role}"`)
  return role
}

function serverFolder(): string {
  const root = '/usr/lib/postgresql'
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : []
  const found = versions.map((version) => join(root, version, 'bin')).find((bin) => existsSync(join(bin, 'initdb')))
  if (found) return found
  throw new Error(
    'these tests need PostgreSQL: run `apt-get install -y postgresql`, or set PG_URL to a server of yours',
  )
}

/** The server refuses to run as root. */
function asServerUser(command: readonly string[]): void {
  const root = process.getuid?.() === 0
  const [program, ...args] = root ? ['runuser', '-u', 'postgres', '--', ...command] : command
  const result = spawnSync(program!, args, { encoding: 'utf8', cwd: tmpdir(), stdio: ['ignore', 'pipe', 'pipe'] })
  if (result.status !== 0) throw new Error(`${command[0]} failed: ${result.stderr || result.stdout || result.error}`)
}
