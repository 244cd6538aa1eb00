/** `sync` and what belongs to it: one run now, the runs so far, forgetting, stopping. */
import { hostname } from 'node:os'
import { systemClock } from '../clock.ts'
import type { EntitySettings } from '../config/entities.ts'
import type { Project } from '../config/project.ts'
import { exit, LinkedEventsError } from '../errors.ts'
import { appendRun, markRunning, readRuns, runningPid, stoppedChange, writeStoppedChange } from '../files/history.ts'
import { lenderVariable, lockStateDir, ownerOf } from '../snapshot/lock.ts'
import { snapshotStore } from '../snapshot/store.ts'
import type { Approves } from '../sync/guard.ts'
import { releaseEvents, resetSync, sync } from '../sync/sync.ts'
import type { SyncRun } from '../sync/sync-run.ts'
import { type Context, entityOf, projectOf } from './context.ts'
import { planOf, rowEventsOf } from './edges.ts'
import { abortOnSignal, withTimeLimit } from './signals.ts'
import { table } from './terminal.ts'
import { timeLimitOf, warehouseOf } from './warehouse-of.ts'

export interface SyncOptions {
  readonly full?: boolean
  readonly dryRun?: boolean
  readonly approve?: boolean
}

export async function syncNow(context: Context, options: SyncOptions, ...slugs: string[]): Promise<number> {
  const project = projectOf(context)
  const entities = slugs.length === 0 ? project.entities : slugs.map((slug) => entityOf(project, slug))
  const signal = abortOnSignal()
  const unlock = lock(context, project)
  const runs: SyncRun[] = []
  try {
    for (const entity of entities) {
      const { terminal } = context
      const progress = terminal.progress(`sync ${entity.slug}`, null)
      const run = await syncEntity(project, entity, options, signal)
      progress.end(sentence(run))
      if (run.columns !== null) terminal.talk(`${entity.slug}: reads ${run.columns.join(', ')}`)
      if (run.result === 'guarded' && options.approve === true) terminal.talk(notApproved)
      if (run.error !== null && !terminal.json) terminal.error(Object.assign(new Error(run.error.message), run.error))
      runs.push(run)
    }
  } finally {
    unlock()
  }
  const ok = runs.every(({ result }) => result === 'success' || result === 'unchanged' || result === 'dry_run')
  context.terminal.result({ ok, runs }, () => runsTable(runs))
  return ok ? exit.ok : exit.failure
}

/** One sync in this process, written into the history. */
export async function syncEntity(
  project: Project,
  entity: EntitySettings,
  options: SyncOptions,
  signal: AbortSignal,
): Promise<SyncRun> {
  const { state_dir: stateDir } = project.config
  const done = markRunning(stateDir, entity.slug)
  const warehouse = await warehouseOf(project)
  const plan = planOf(entity, project)
  const limited = withTimeLimit(signal, timeLimitOf(project, `the sync of entity "${entity.slug}"`))
  try {
    const run = await sync({
      full: options.full ?? false,
      dryRun: options.dryRun ?? false,
      approves: approval(stateDir, entity.slug, options),
      entity: plan,
      warehouse,
      store: snapshotStore({ dir: project.config.state_dir }),
      ...(await rowEventsOf(project, plan)),
      clock: systemClock,
      tell: () => {},
      owner: `${hostname()}/${process.pid}`,
      signal: limited.signal,
    })
    if (options.dryRun === true) return run
    appendRun(stateDir, run)
    if (run.result === 'success' || run.result === 'unchanged') writeStoppedChange(stateDir, entity.slug, null)
    return run
  } finally {
    limited.done()
    await warehouse.close()
    done()
  }
}

/** What was stopped last may be approved, and nothing else: somebody has looked at that. */
function approval(stateDir: string, slug: string, { approve = false }: SyncOptions): Approves {
  const stopped = stoppedChange(stateDir, slug)
  return (change) => {
    if (approve && change === stopped) return true
    writeStoppedChange(stateDir, slug, change)
    return false
  }
}

export async function history(context: Context, _options: object, slug: string): Promise<number> {
  const project = projectOf(context)
  const runs = readRuns(project.config.state_dir, entityOf(project, slug).slug)
  context.terminal.result({ runs }, () => (runs.length === 0 ? 'no runs yet' : runsTable(runs)))
  return exit.ok
}

export async function reset(context: Context, _options: object, slug: string): Promise<number> {
  const project = projectOf(context)
  const entity = entityOf(project, slug)
  const unlock = lock(context, project)
  const warehouse = await warehouseOf(project)
  try {
    await resetSync({ entity: planOf(entity, project), warehouse, signal: abortOnSignal() })
    writeStoppedChange(project.config.state_dir, slug, null)
  } finally {
    await warehouse.close()
    unlock()
  }
  context.terminal.result({ ok: true }, () =>
    warehouse.state === 'local'
      ? 'nothing to forget: the warehouse holds no state; `sync --full` builds the snapshot anew'
      : `forgotten: the next sync of ${slug} reads everything; the snapshot goes on serving`,
  )
  return exit.ok
}

/** Needs no lock: the installation that has sent the events may be running, or gone. */
export async function release(context: Context, _options: object, slug: string): Promise<number> {
  const project = projectOf(context)
  const entity = entityOf(project, slug)
  if (entity.events === undefined)
    throw new LinkedEventsError('USAGE', `entity "${slug}" has no row events (entities.${slug}.events)`)
  const warehouse = await warehouseOf(project)
  try {
    await releaseEvents({ entity: planOf(entity, project), warehouse, signal: abortOnSignal() })
  } finally {
    await warehouse.close()
  }
  context.terminal.result(
    { ok: true },
    () => `released: whichever installation syncs ${slug} next sends its row events, beginning with every row`,
  )
  return exit.ok
}

export async function cancel(context: Context, _options: object, slug: string): Promise<number> {
  const project = projectOf(context)
  const pid = runningPid(project.config.state_dir, entityOf(project, slug).slug)
  if (pid !== null) process.kill(pid, 'SIGTERM')
  context.terminal.result({ ok: pid !== null }, () =>
    pid === null
      ? `no sync of ${slug} is running`
      : `told process ${pid} to stop; the next run repeats what it did not finish`,
  )
  return pid === null ? exit.failure : exit.ok
}

function lock(context: Context, project: Project): () => void {
  const dir = project.config.state_dir
  const lender = context.env[lenderVariable]
  if (lender !== undefined && Number(lender) === ownerOf(dir)) return () => {}
  const held = lockStateDir(dir)
  return () => held.release()
}

const notApproved =
  'not approved: this is not the change that was stopped before. Look at it; --approve once more lets this one through'

function sentence(run: SyncRun): string {
  if (run.error !== null) return `${run.result}: ${run.error.code}`
  const rows = `${run.rows.toLocaleString('en')} rows`
  if (run.result === 'unchanged') return `unchanged, ${rows}`
  return `${run.result}: +${run.added} ~${run.updated} -${run.deleted}, ${rows}${rowEvents(run)}${estimate(run)}`
}

function rowEvents({ row_events: events }: SyncRun): string {
  if (events === null) return ''
  const { sent, elsewhere } = events
  return elsewhere === null ? `, ${sent.toLocaleString('en')} row events` : `, row events are sent by ${elsewhere}`
}

function estimate({ bytes_estimated: bytes }: SyncRun): string {
  return bytes === null ? '' : `, would read ${Math.ceil(bytes / 1e6).toLocaleString('en')} MB`
}

function runsTable(runs: readonly SyncRun[]): string {
  return table(
    ['entity', 'result', 'version', 'added', 'updated', 'deleted', 'rows', 'seconds', 'started', 'reason'],
    runs.map((run) => [
      run.entity,
      run.result,
      run.version ?? '-',
      run.added,
      run.updated,
      run.deleted,
      run.rows,
      run.duration_seconds,
      run.started_at,
      run.error?.code ?? run.reason ?? '',
    ]),
  )
}
