/** One process owns a `state_dir`. The lock is the operating system's, so a killed process leaves none behind. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { LinkedEventsError } from '../errors.ts'

/** `run` starts its syncs as processes of their own, and lends them its lock by this variable: its process id. */
export const lenderVariable = 'LINKED_EVENTS_LOCK_OF'

export interface StateDirLock {
  release(): void
}

/**
 * Creates the folder if needed and takes it.
 * @throws LinkedEventsError STATE_DIR_BUSY, STATE_DIR_UNWRITABLE
 */
export function lockStateDir(dir: string): StateDirLock {
  const ownerFile = join(dir, 'owner.json')
  let database: Database.Database | null = null
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    database = new Database(join(dir, 'lock'), { timeout: 0 })
    database.exec('BEGIN EXCLUSIVE')
    writeFileSync(ownerFile, `${JSON.stringify({ pid: process.pid, since: new Date().toISOString() })}\n`)
  } catch (error) {
    database?.close()
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'SQLITE_BUSY') {
      const pid = ownerOf(dir)
      throw new LinkedEventsError(
        'STATE_DIR_BUSY',
        `${dir} is in use by another process${pid === null ? '' : ` (pid ${pid})`}`,
      )
    }
    if (code === 'ERR_DLOPEN_FAILED') throw error // the addon, not the folder
    throw new LinkedEventsError('STATE_DIR_UNWRITABLE', `cannot write ${dir}: ${message}`, { cause: error })
  }
  const held = database
  return {
    release() {
      rmSync(ownerFile, { force: true })
      held.close()
    },
  }
}

/** The process that owns the folder, as far as it says. */
export function ownerOf(dir: string): number | null {
  try {
    return (JSON.parse(readFileSync(join(dir, 'owner.json'), 'utf8')) as { pid: number }).pid
  } catch {
    return null
  }
}
