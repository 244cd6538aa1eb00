/** A replay as it is remembered: `<state_dir>/replays/<id>.json`. The bounds never change; progress is what its group committed. */
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { link, open, readFile, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { LinkedEventsError } from '../../errors.ts'
import type { Stretch } from './bounds.ts'
import type { Output } from './outputs.ts'
import type { Pins } from './versions.ts'

export interface Job {
  readonly schema_version: 1
  readonly id: string
  /** Its own consumer group. */
  readonly group: string
  readonly topics: readonly string[]
  /** As typed. */
  readonly from: string
  readonly to: string
  /** What `--output-topic` said. */
  readonly output_topic: string | null
  readonly outputs: readonly Output[]
  /** RFC 3339; relative times counted from here. */
  readonly created_at: string
  readonly updated_at: string
  /** `running` is also what a kill leaves behind; `stopped` was asked to stop. */
  readonly state: 'running' | 'stopped' | 'done'
  readonly partitions: readonly Stretch[]
  /** Versions to enrich with, by entity; of others the newest. */
  readonly pins: Pins
  /** Versions that enriched, one entry for each start that used others than the one before. */
  readonly snapshots: readonly { readonly at: string; readonly versions: Readonly<Record<string, number>> }[]
}

/** What may be said again when a job is resumed, and must then be equal. */
export interface Wanted {
  readonly from: string | null
  readonly to: string | null
  readonly topics: readonly string[] | null
  readonly outputTopic: string | null
  readonly pins: Pins | null
}

const idPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** Short, printable, and in the order of time: `20261125T110724-k3f9q`. */
export function newId(now: number): string {
  const letters = 'abcdefghjkmnpqrstvwxyz0123456789'
  const random = [...randomBytes(5)].map((byte) => letters[byte % letters.length]).join('')
  return `${new Date(now).toISOString().slice(0, 19).replace(/[-:]/g, '')}-${random}`
}

/** @throws LinkedEventsError USAGE */
export function checkId(id: string): string {
  if (idPattern.test(id)) return id
  throw new LinkedEventsError('USAGE', `--id "${id}" cannot name a replay`, {
    hint: 'up to 64 letters, digits, ".", "_" and "-"; it becomes part of a file name, a group and a header',
  })
}

export function jobFile(stateDir: string, id: string): string {
  return join(stateDir, 'replays', `${id}.json`)
}

/** Null where there is none of that id. @throws LinkedEventsError BAD_INPUT when the file is damaged */
export async function readJob(stateDir: string, id: string): Promise<Job | null> {
  const file = jobFile(stateDir, id)
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw unwritable(file, error)
  }
  try {
    const job = { pins: {}, ...(JSON.parse(text) as Omit<Job, 'pins'>) } as Job
    if (job.schema_version === 1 && job.id === id && Array.isArray(job.partitions)) return job
  } catch {}
  throw new LinkedEventsError('BAD_INPUT', `${file} is not a replay that this version knows`, {
    hint: 'move the file away and begin a new replay',
  })
}

/** Writes a new job and returns it, or the one of that id that another process made at the same moment. */
export async function createJob(stateDir: string, job: Job): Promise<Job> {
  const file = jobFile(stateDir, job.id)
  const temporary = await writeBeside(file, job)
  try {
    await link(temporary, file)
    await syncFolder(stateDir)
    return job
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw unwritable(file, error)
    return (await readJob(stateDir, job.id)) ?? job
  } finally {
    await unlink(temporary).catch(() => {})
  }
}

/** Replaces the file: whole and durable, or as it was. */
export async function updateJob(stateDir: string, job: Job): Promise<Job> {
  const file = jobFile(stateDir, job.id)
  const temporary = await writeBeside(file, job)
  try {
    await rename(temporary, file)
    await syncFolder(stateDir)
  } catch (error) {
    throw unwritable(file, error)
  }
  return job
}

/** A job is resumed as it was made. @throws LinkedEventsError USAGE */
export function checkSame(job: Job, wanted: Wanted): void {
  const differs = (option: string, given: string, kept: string) =>
    new LinkedEventsError('USAGE', `replay ${job.id} exists, with ${option} ${kept} and not ${given}`, {
      hint: `resume it with \`linked-events replay --id ${job.id} --yes\`, or take another --id`,
    })
  if (wanted.from !== null && wanted.from !== job.from) throw differs('--from', wanted.from, job.from)
  if (wanted.to !== null && wanted.to !== job.to) throw differs('--to', wanted.to, job.to)
  if (wanted.topics !== null && [...wanted.topics].sort().join() !== [...job.topics].sort().join())
    throw differs('--topic', wanted.topics.join(','), job.topics.join(','))
  if (wanted.outputTopic !== null && wanted.outputTopic !== job.output_topic)
    throw differs('--output-topic', wanted.outputTopic, job.output_topic ?? '{topic}.replay')
  const kept = pinsText(job.pins)
  if (wanted.pins !== null && pinsText(wanted.pins) !== kept) throw differs('snapshots', pinsText(wanted.pins), kept)
}

/** `account@3, product@12`, or `newest`. */
export function pinsText(pins: Pins): string {
  const all = Object.entries(pins).map(([entity, version]) => `${entity}@${version}`)
  return all.length === 0 ? 'newest' : all.sort().join(', ')
}

async function writeBeside(file: string, job: Job): Promise<string> {
  const temporary = `${file}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`
  try {
    mkdirSync(join(file, '..'), { recursive: true, mode: 0o700 })
    const handle = await open(temporary, 'wx', 0o600)
    try {
      await handle.writeFile(`${JSON.stringify(job, null, 2)}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (error) {
    await unlink(temporary).catch(() => {})
    throw unwritable(file, error)
  }
  return temporary
}

async function syncFolder(stateDir: string): Promise<void> {
  const folder = await open(join(stateDir, 'replays'), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function unwritable(file: string, error: unknown): LinkedEventsError {
  const { code, message } = error as NodeJS.ErrnoException
  return new LinkedEventsError(
    code === 'ENOSPC' ? 'DISK_FULL' : 'STATE_DIR_UNWRITABLE',
    `cannot write ${file}: ${message}`,
    {
      cause: error,
    },
  )
}
