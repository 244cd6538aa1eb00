/**
 * Test engines that are made for these tests, once, and kept in the cache folder: Python packages, a Go program. What cannot be made
 * on this machine is named loudly and its tests are left out; with CI=true that is a failure.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

/** Makes the engine if it is not there. Why it cannot be here, or null. */
export async function missing(engine: string, make: () => Promise<unknown>): Promise<string | null> {
  try {
    await make()
    return null
  } catch (error) {
    const message = `No ${engine}: ${(error as Error).message}`
    if (process.env.CI === 'true') throw new Error(message)
    const line = '!'.repeat(100)
    process.stderr.write(`\n${line}\n! ${message}\n! Its tests are LEFT OUT of this run.\n${line}\n\n`)
    return message
  }
}

/** A folder of the cache, filled by `make` beside its place first: a half-made one is never used. */
export async function cached(name: string, make: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'linked-events', name)
  if (existsSync(folder)) return folder
  const unfinished = `${folder}.${process.pid}`
  mkdirSync(unfinished, { recursive: true })
  try {
    await make(unfinished)
    if (!existsSync(folder)) renameSync(unfinished, folder)
    return folder
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
}

interface CommandOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Runs a command to its end. @throws with the last lines it wrote, or with `help` when there is no such command */
export function command(line: readonly string[], help: string, options: CommandOptions = {}): Promise<void> {
  const [program = '', ...args] = line
  const { cwd, env = {} } = options
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    const log = lastWords(child)
    child.once('error', () => reject(new Error(`${program} is not here: ${help}`)))
    child.once('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`${line.join(' ')} ended with ${code}: ${log()}. ${help}`)),
    )
  })
}

export interface Server {
  readonly url: string
  stop(): Promise<void>
}

/** Waits for the server, and for the end of our standard input, which is also the end of a test run that was killed. */
const guard = 'exec 3<&0; "$@" 3<&- & pid=$!; (cat <&3 >/dev/null; kill -9 $pid 2>/dev/null) & wait $pid'

/** Starts a server that cannot outlive this process, however that ends. */
export function spawnServer(
  line: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string | undefined>> } = {},
): ChildProcess {
  const child = spawn('sh', ['-c', guard, 'sh', ...line], { ...options, stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.on('error', () => {})
  return child
}

/** Waits until a server that was just started listens at a port of 127.0.0.1. */
export async function listening(child: ChildProcess, url: string): Promise<Server> {
  const log = lastWords(child)
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const port = Number(new URL(url).port)
  for (let tries = 0; !(await open(port)); tries++) {
    if (child.exitCode !== null) throw new Error(`${child.spawnargs[4]} ended: ${log()}`)
    if (tries === 1200) {
      child.stdin?.end()
      throw new Error(`${child.spawnargs[4]} does not listen: ${log()}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return {
    url,
    async stop() {
      child.stdin?.end()
      await ended
    },
  }
}

function open(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('error', () => resolve(false))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}

function lastWords(child: ChildProcess): () => string {
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (more: string) => {
      text = (text + more).slice(-2000)
    })
  return () => text.trim()
}

/** Where this file's neighbours are. */
export const supportFolder = dirname(new URL(import.meta.url).pathname)
