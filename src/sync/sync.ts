/**
 * The sync path: one run brings one entity's changes from the warehouse into its next snapshot version.
 *
 *   describe, handshake, probe ──▶ lease ──▶ roll forward what a crash left ──▶ check keys, prepare delta
 *                                                                                       │
 *                drop what is left over ◀── commit ◀── announce row events ◀── publish version
 *
 * A delta is prepared once, under a number, and never recomputed before it is committed: a crash anywhere in between
 * repeats the same delta. The warehouse's baseline moves only after the version is durable.
 */
import { LinkedEventsError } from '../errors.ts'
import type { Checkpoint } from './checkpoint.ts'
import type { Step } from './handshake.ts'
import { localProtocol } from './local-sync.ts'
import { forgetSender } from './row-events-sender.ts'
import { newTally, type Run, type SyncOptions, withRun } from './run.ts'
import { syncKeyOf } from './source.ts'
import {
  announce,
  checkKeys,
  commit,
  handshake,
  hasLeftovers,
  lease,
  prepare,
  preview,
  publish,
  removeLeftovers,
} from './steps.ts'
import type { SyncResult, SyncRun } from './sync-run.ts'

/** One run. Operating errors are in the result (`failed`, `cancelled`, `guarded`); only our own bugs are thrown. */
export async function sync(options: SyncOptions): Promise<SyncRun> {
  const { entity, clock, tell, signal } = options
  const startedAt = clock.now()
  tell({ name: 'sync-started', entity: entity.slug })
  const tally = newTally(entity)
  let result: SyncResult
  let error: SyncRun['error'] = null
  try {
    result = await withRun(options, tally, options.warehouse.state === 'local' ? localProtocol : protocol)
  } catch (thrown) {
    const failure = operatingError(thrown, signal, entity.slug)
    error = { code: failure.code, message: failure.message, hint: failure.hint }
    result = failure.code === 'SYNC_CANCELLED' ? 'cancelled' : failure.code === 'SYNC_GUARDED' ? 'guarded' : 'failed'
  }
  const current = await options.store.current(entity.slug).catch(() => null)
  const run: SyncRun = {
    entity: entity.slug,
    result,
    ...tally,
    version: current?.version ?? null,
    epoch: current?.epoch ?? null,
    rows: current?.rows ?? 0,
    started_at: new Date(startedAt).toISOString(),
    duration_seconds: Math.max(0, clock.now() - startedAt) / 1000,
    error,
  }
  tell({ name: 'sync-finished', run })
  return run
}

/** Forgets the warehouse state of an entity: the next run reads everything. The snapshots stay, and go on serving. */
export async function resetSync(options: Pick<SyncOptions, 'entity' | 'warehouse' | 'signal'>): Promise<void> {
  if (options.warehouse.state === 'local') return
  const session = await options.warehouse.session(options.signal)
  try {
    await session.forget(await syncKeyOf(options.entity))
  } finally {
    await session.close()
  }
}

/** Lets another installation send the row events of an entity: whoever syncs next does, beginning with every row. */
export async function releaseEvents(options: Pick<SyncOptions, 'entity' | 'warehouse' | 'signal'>): Promise<void> {
  const session = await options.warehouse.session(options.signal)
  try {
    await forgetSender(session, options.entity.events?.stream ?? '')
  } finally {
    await session.close()
  }
}

/** The whole protocol. */
async function protocol(run: Run): Promise<SyncResult> {
  const { session, tally } = run
  const seen = await session.checkpoint(run.syncKey)
  const step = await handshake(run, seen)

  // Read before the diff reads the table: a later probe would hide what changed in between.
  const probe = await session.probe(run.source)
  if (step.do === 'diff' && probe !== null && probe === seen?.probe) {
    tally.reason = 'probe unchanged'
    if (run.dryRun) return 'dry_run'
    await run.store.confirm(run.slug, { asOf: run.asOf, probe })
    if (await hasLeftovers(run, seen)) await removeLeftovers(run, await lease(run, seen))
    return 'unchanged'
  }
  if (run.dryRun) return preview(run, seen, step)

  await session.createState()
  const held = await lease(run, seen)
  try {
    // Another run may have moved on since; a checkpoint that this run has just made says nothing new.
    return await bring(run, { held, probe, step: seen === null ? step : await handshake(run, held) })
  } catch (error) {
    if (!(error instanceof LinkedEventsError) || error.code !== 'SNAPSHOT_CORRUPT') throw error
    // The version to build on, or what came out of it, is not what it says: build from nothing.
    const step: Step = { do: 'restart', reason: 'snapshot is damaged' }
    return bring(run, { held: await lease(run, held), probe, step })
  }
}

async function bring(run: Run, from: { held: Checkpoint; probe: string | null; step: Step }): Promise<SyncResult> {
  let { held, step } = from
  const interrupted = step.do === 'apply' || step.do === 'commit'
  if (step.do === 'apply') await publish(run, held, 'current')
  if (interrupted) {
    await announce(run, held)
    held = await commit(run, held)
    step = await handshake(run, held)
  }
  await checkKeys(run)
  const prepared = await prepare(run, { held, step, probe: from.probe })
  if (prepared.delta !== null) {
    await publish(run, prepared, step.do === 'restart' ? 'nothing' : 'current')
    await announce(run, prepared)
    held = await commit(run, prepared)
  } else {
    held = prepared
    await run.store.confirm(run.slug, { asOf: run.asOf, probe: prepared.probe })
  }
  await removeLeftovers(run, held)
  if (interrupted) run.tally.reason = 'finished an interrupted run'
  return interrupted || prepared.delta !== null ? 'success' : 'unchanged'
}

function operatingError(thrown: unknown, signal: AbortSignal, slug: string): LinkedEventsError {
  // A reason that is one of ours says more than that somebody ended it.
  if (signal.aborted && signal.reason instanceof LinkedEventsError) return signal.reason
  if (signal.aborted) return new LinkedEventsError('SYNC_CANCELLED', `the sync of entity "${slug}" was cancelled`)
  if (thrown instanceof LinkedEventsError) return thrown
  throw thrown
}
