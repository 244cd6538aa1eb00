/**
 * An independent judge of what is committed: librdkafka, through the PyPI wheel `confluent-kafka` in a virtual environment that
 * is made once and kept in the cache folder.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const version = '2.15.0'
const script = new URL('librdkafka.py', import.meta.url).pathname

export interface JudgedRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly value: string
  readonly headers: Readonly<Record<string, string>>
}

/** What is missing, as a sentence with the line that would help; null when nothing is. */
export function missingPython(): string | null {
  if (existsSync(python())) return null
  const found = spawnSync('python3', ['-c', 'import venv, ensurepip']).status === 0
  return found ? null : 'The independent reader needs Python 3 with venv. Debian: apt-get install python3-venv'
}

export type Isolation = 'read_committed' | 'read_uncommitted'

/** Every record of the topics that such a consumer sees, in the order of each partition. */
export async function readAs(
  isolation: Isolation,
  brokers: readonly string[],
  topics: readonly string[],
): Promise<JudgedRecord[]> {
  install()
  const child = spawn(python(), [script, isolation, brokers.join(','), ...topics], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const records: JudgedRecord[] = []
  for await (const line of createInterface({ input: child.stdout })) records.push(JSON.parse(line))
  const code = await ended
  if (code !== 0) throw new Error(`the independent reader ended with ${code}`)
  return records
}

function folder(): string {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache')
  return join(cache, 'linked-events', `confluent-kafka-${version}`)
}

function python(): string {
  return join(folder(), 'bin', 'python')
}

function install(): void {
  if (existsSync(python())) return
  const temporary = `${folder()}.${process.pid}`
  run('python3', '-m', 'venv', temporary)
  run(join(temporary, 'bin', 'python'), '-m', 'pip', 'install', '--quiet', `confluent-kafka==${version}`)
  if (existsSync(folder())) rmSync(temporary, { recursive: true })
  else renameSync(temporary, folder())
}

function run(command: string, ...words: string[]): void {
  const done = spawnSync(command, words, { encoding: 'utf8' })
  if (done.status !== 0) throw new Error(`${command} ${words.join(' ')} failed:\n${done.stdout}${done.stderr}`)
}
