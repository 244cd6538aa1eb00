/** Runs of syncs so far, one NDJSON file an entity under `<state_dir>/syncs`; which one is running now; what the guard has stopped. */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { SyncRun } from '../sync/sync-run.ts'

/** The file is cut to its newer half when it grows beyond this. */
const historyBytesMax = 1_000_000

const fileOf = (stateDir: string, entity: string, suffix: string) => join(stateDir, 'syncs', `${entity}.${suffix}`)

export function appendRun(stateDir: string, run: SyncRun): void {
  const file = fileOf(stateDir, run.entity, 'ndjson')
  mkdirSync(join(stateDir, 'syncs'), { recursive: true, mode: 0o700 })
  appendFileSync(file, `${JSON.stringify(run)}\n`, { mode: 0o600 })
  if (statSync(file).size <= historyBytesMax) return
  const runs = readRuns(stateDir, run.entity)
  writeFileSync(
    `${file}.tmp`,
    `${runs
      .slice(runs.length / 2)
      .map((kept) => JSON.stringify(kept))
      .join('\n')}\n`,
    { mode: 0o600 },
  )
  renameSync(`${file}.tmp`, file)
}

/** Oldest first. A line that a crash cut short is left out. */
export function readRuns(stateDir: string, entity: string): SyncRun[] {
  const file = fileOf(stateDir, entity, 'ndjson')
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return line === '' ? [] : [JSON.parse(line) as SyncRun]
      } catch {
        return []
      }
    })
}

/** Says that this process syncs the entity now, until the returned function is called. */
export function markRunning(stateDir: string, entity: string): () => void {
  const file = fileOf(stateDir, entity, 'pid')
  mkdirSync(join(stateDir, 'syncs'), { recursive: true, mode: 0o700 })
  writeFileSync(file, String(process.pid), { mode: 0o600 })
  return () => rmSync(file, { force: true })
}

/** The process that syncs the entity now, or null. */
export function runningPid(stateDir: string, entity: string): number | null {
  try {
    const pid = Number(readFileSync(fileOf(stateDir, entity, 'pid'), 'utf8'))
    process.kill(pid, 0)
    return pid
  } catch {
    return null
  }
}

/** The change of the entity that the guard has stopped last and nobody has let through yet, or null. */
export function stoppedChange(stateDir: string, entity: string): string | null {
  const file = fileOf(stateDir, entity, 'guarded')
  return existsSync(file) ? readFileSync(file, 'utf8') : null
}

/** Null: nothing is stopped any more. */
export function writeStoppedChange(stateDir: string, entity: string, change: string | null): void {
  const file = fileOf(stateDir, entity, 'guarded')
  if (change === null) rmSync(file, { force: true })
  else writeFileSync(file, change, { mode: 0o600 })
}
