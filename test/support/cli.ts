/** Runs the built program as a user would: as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

/** What a failed test leaves behind ends with the test run. */
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

const main = resolve('dist/main.js')

export interface Result {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Started {
  readonly child: ChildProcess
  /** What the process has written so far. */
  readonly output: { stdout: string; stderr: string }
  readonly ended: Promise<Result>
}

export interface CliOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  /** Leave stdin open, to write to it later. */
  readonly open?: boolean
}

/** Starts `linked-events ARGS`. */
export function start(args: readonly string[], options: CliOptions = {}): Started {
  try {
    statSync(main)
  } catch {
    throw new Error('dist/main.js is not there: `npm run build` first (`npm test` does)')
  }
  const { LINKED_EVENTS_CONFIG: _, NODE_OPTIONS: __, ...env } = process.env
  const child = spawn(process.execPath, [main, ...args], {
    cwd: options.cwd,
    env: { ...env, NO_COLOR: '1', ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text))
  child.stdin.on('error', () => {}) // it may end before it has read everything
  if (options.open === true) child.stdin.write(options.input ?? '')
  else child.stdin.end(options.input ?? '')
  running.add(child)
  child.on('close', () => running.delete(child))
  const ended = new Promise<Result>((done) => child.on('close', (code) => done({ code, ...output })))
  return { child, output, ended }
}

export function linkedEvents(args: readonly string[], options: CliOptions = {}): Promise<Result> {
  return start(args, options).ended
}

/** The result as JSON, with what went wrong in the message when it is none. */
export async function json<T = Record<string, unknown>>(
  args: readonly string[],
  options: CliOptions = {},
): Promise<T & { exit: number | null }> {
  const result = await linkedEvents([...args, '--json'], options)
  try {
    return { ...(JSON.parse(result.stdout) as T), exit: result.code }
  } catch {
    throw new Error(`no JSON from ${args.join(' ')} (exit ${result.code}): ${result.stdout}\n${result.stderr}`)
  }
}

/** A new folder with these files. */
export function folder(files: Readonly<Record<string, string>> = {}): string {
  const dir = mkdtempSync(join(tmpdir(), 'linked-events-test-'))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true })
    writeFileSync(join(dir, name), text)
  }
  return dir
}
