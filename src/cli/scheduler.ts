/**
 * Runs the syncs of `run`, each in a process of its own: the event path is never held up, and the memory that a diff takes
 * is given back. One at a time; a tick during a run is not queued.
 */
import { spawn } from 'node:child_process'
import { constants, setPriority } from 'node:os'
import { systemClock } from '../clock.ts'
import type { EntitySettings } from '../config/entities.ts'
import type { Project } from '../config/project.ts'
import { codes, LinkedEventsError } from '../errors.ts'
import { lenderVariable } from '../snapshot/lock.ts'
import type { LiveSnapshots } from '../snapshot/snapshots.ts'
import { nextRun, type Schedule, startDelay } from '../sync/schedule.ts'
import { nothingFound, type SyncRun } from '../sync/sync-run.ts'
import type { Tell } from '../telemetry.ts'
import type { Context } from './context.ts'
import { installIdOf } from './edges.ts'

/** Pauses between attempts while an entity has no version at all, seconds. */
const retrySeconds = [5, 10, 30, 60]

export interface SchedulerOptions {
  readonly context: Context
  readonly project: Project
  readonly snapshots: LiveSnapshots
  readonly tell: Tell
  /** Only make sure that each entity has a version; no schedule, no second attempt. */
  readonly once: boolean
  readonly signal: AbortSignal
}

export interface Scheduler {
  /** Resolves when every used entity has a verified version; with `once` rejects when one cannot be made. */
  readonly ready: Promise<void>
  /** Resolves when no sync runs any more. */
  stop(): Promise<void>
}

export function schedule(options: SchedulerOptions): Scheduler {
  const stopped = new AbortController()
  const signal = AbortSignal.any([options.signal, stopped.signal])
  const { entities } = options.project
  const used = entities.filter((entity) => entity.used)
  // Synced for its row events alone: nothing waits for it.
  const told = entities.filter((entity) => !entity.used && entity.events !== undefined)
  const syncOne = serially((entity: EntitySettings) => syncInChild(options, entity, signal))
  const first = Promise.all(used.map((entity) => firstVersion(options, entity, syncOne, signal)))
  const ready = first.then(() => {})
  const ticking = options.once
    ? ready
    : ready.then(async () => {
        for (const entity of told) void syncOne(entity).catch(() => {})
        const stateDir = options.project.config.state_dir
        await Promise.all([...used, ...told].map((entity) => tick(entity, stateDir, syncOne, signal)))
      })
  ticking.catch(() => {}) // `ready` tells
  return {
    ready,
    async stop() {
      stopped.abort()
      await ticking.catch(() => {})
    },
  }
}

type SyncOne = (entity: EntitySettings) => Promise<SyncRun>

async function firstVersion(
  options: SchedulerOptions,
  entity: EntitySettings,
  syncOne: SyncOne,
  signal: AbortSignal,
): Promise<void> {
  const state = () => stateOf(options.snapshots, entity)
  // Old but allowed: serve it, and do not wait for the schedule to make a newer one.
  if (state() === 'stale' && entity.on_stale === 'serve') return void syncOne(entity).catch(() => {})
  for (let attempt = 0; !signal.aborted && state() !== 'fresh'; attempt++) {
    const run = await syncOne(entity)
    if (state() === 'fresh' || signal.aborted) return
    const code = run.error?.code ?? 'SNAPSHOT_MISSING'
    if (options.once) {
      const message = `${entity.slug} has no version that may serve: ${run.error?.message ?? run.result}`
      throw new LinkedEventsError(code, message, { hint: run.error?.hint ?? codes[code].hint })
    }
    await systemClock.sleep(1000 * (retrySeconds[attempt] ?? retrySeconds.at(-1)!), signal)
  }
}

async function tick(entity: EntitySettings, stateDir: string, syncOne: SyncOne, signal: AbortSignal): Promise<void> {
  const schedule = entity.schedule as Schedule
  const delay = startDelay(schedule, `${installIdOf(stateDir)} ${entity.slug}`)
  while (!signal.aborted) {
    const now = systemClock.now()
    const next = nextRun(schedule, new Date(now - delay))
    if (next === null) return // by hand only
    const due = next.getTime() + delay
    // A timer of more than 24 days would fire at once.
    await systemClock.sleep(Math.min(due - now, 86_400_000), signal)
    if (!signal.aborted && systemClock.now() >= due) await syncOne(entity)
  }
}

function stateOf(snapshots: LiveSnapshots, { slug, max_age: maxAge }: EntitySettings): 'missing' | 'stale' | 'fresh' {
  const versions = snapshots.current()
  const snapshot = versions.of(slug)
  versions.release()
  if (snapshot === undefined) return 'missing'
  return systemClock.now() - snapshot.asOf > maxAge ? 'stale' : 'fresh'
}

function serially(work: SyncOne): SyncOne {
  let last: Promise<unknown> = Promise.resolve()
  return (entity) => {
    const result = last.then(() => work(entity))
    last = result.catch(() => {})
    return result
  }
}

async function syncInChild(
  { context, project, snapshots, tell }: SchedulerOptions,
  entity: EntitySettings,
  signal: AbortSignal,
): Promise<SyncRun> {
  tell({ name: 'sync-started', entity: entity.slug })
  const started = systemClock.now()
  const run = (await childRun(context, project, entity.slug, signal)) ?? failedRun(entity.slug, started)
  tell({ name: 'sync-finished', run })
  await snapshots.refresh()
  return run
}

/** The run that the child reports, or null when it ended without a report. */
function childRun(context: Context, project: Project, slug: string, signal: AbortSignal): Promise<SyncRun | null> {
  if (signal.aborted) return Promise.resolve(null)
  const command = [...process.execArgv, process.argv[1]!, 'sync', slug, '--json', '--quiet', '--config', project.file]
  const child = spawn(process.execPath, command, {
    env: { ...context.env, [lenderVariable]: String(process.pid) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  yieldToEvents(child.pid)
  const stop = () => child.kill('SIGTERM')
  signal.addEventListener('abort', stop, { once: true })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  return new Promise((resolve) => {
    child.on('error', () => resolve(null))
    child.on('close', () => {
      signal.removeEventListener('abort', stop)
      resolve(reported(output, slug))
    })
  })
}

/** On a busy processor events go first: a sync that takes longer hurts nobody. */
function yieldToEvents(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW)
  } catch {
    // It has ended, or the system does not allow it.
  }
}

function reported(output: string, slug: string): SyncRun | null {
  try {
    const { runs, error } = JSON.parse(output) as { runs?: SyncRun[]; error?: SyncRun['error'] }
    const run = runs?.[0]
    return run ?? (error ? { ...failedRun(slug, Date.now()), error } : null)
  } catch {
    return null
  }
}

function failedRun(entity: string, started: number): SyncRun {
  const error = {
    code: 'INTERNAL',
    message: 'the sync process ended without a report',
    hint: codes.INTERNAL.hint,
  } as const
  return {
    entity,
    result: 'failed',
    ...nothingFound,
    version: null,
    epoch: null,
    rows: 0,
    started_at: new Date(started).toISOString(),
    duration_seconds: (Date.now() - started) / 1000,
    error,
  }
}
