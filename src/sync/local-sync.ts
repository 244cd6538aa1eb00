/**
 * The sync path where nothing may be written in the warehouse: one run reads every row and compares it with the current version.
 *
 *   probe ──▶ check keys ──▶ read all rows, compare each with the current version ──▶ publish what differs as the next version
 *
 * There is no state but the version itself, so there is nothing to roll forward: a run that ends anywhere has changed nothing.
 */
import { LinkedEventsError } from '../errors.ts'
import { changeNamer } from './guard.ts'
import { changeOfConfig } from './handshake.ts'
import { rowChanges } from './row.ts'
import type { Run } from './run.ts'
import { checkKeys, objectionTo } from './steps.ts'
import type { RowChange, StoredRows, StoredVersion } from './store.ts'
import type { SyncResult } from './sync-run.ts'

/** What versions made here have, and no checkpoint of a warehouse: neither way of syncing builds on a version of the other. */
const lineagePrefix = 'local.'

export async function localProtocol(run: Run): Promise<SyncResult> {
  const { tally } = run
  // Read before the rows are: a later probe would hide what changed in between.
  const probe = await run.session.probe(run.source)
  const current = await run.store.current(run.slug)
  const restart = reasonToRestart(run, current)
  if (restart === null && probe !== null && probe === current?.probe) {
    tally.reason = 'probe unchanged'
    if (run.dryRun) return 'dry_run'
    await run.store.confirm(run.slug, { asOf: run.asOf, probe })
    return 'unchanged'
  }
  if (run.dryRun) tally.bytes_estimated = await run.session.estimate(run.source)
  const { rows: rowsAbout } = await checkKeys(run)
  const read = { probe, current, restart, rowsAbout }
  try {
    return await bring(run, read)
  } catch (error) {
    if (!(error instanceof LinkedEventsError) || error.code !== 'SNAPSHOT_CORRUPT' || restart !== null) throw error
    return bring(run, { ...read, restart: 'snapshot is damaged' })
  }
}

/** Why the current version cannot be built on, or null. */
function reasonToRestart(run: Run, current: StoredVersion | null): string | null {
  if (current === null) return 'first sync'
  if (run.full) return 'full sync requested'
  if (!current.lineage.startsWith(lineagePrefix)) return 'the state was kept in the warehouse'
  return changeOfConfig(current.configHash ?? '', run.configHash)
}

interface Reading {
  readonly probe: string | null
  readonly current: StoredVersion | null
  readonly restart: string | null
  readonly rowsAbout: number
}

async function bring(run: Run, { probe, current, restart, rowsAbout }: Reading): Promise<SyncResult> {
  const { tally, slug } = run
  const stored = restart === null ? await run.store.read(slug) : null
  const before = (stored?.version ?? current)?.rows ?? 0
  Object.assign(tally, { added: 0, updated: 0, deleted: 0, reason: restart })
  let ended = false
  let probeOfRows: string | null = null
  const rowsNow = () => (stored === null ? tally.added : before + tally.added - tally.deleted)

  async function* guarded(): AsyncGenerator<readonly RowChange[], void> {
    const namer = changeNamer({ isWhole: stored === null })
    for await (const page of differences(run, stored)) {
      for (const { key, row } of page) if (stored === null || row === null) namer.add(key)
      yield page
    }
    if (stored === null) tally.deleted = Math.max(0, before - tally.added)
    ended = true
    // A hash of the content comes again when the content does: only one that is the same before and after is these rows'.
    if (probe !== null && (await run.session.probe(run.source)) === probe) probeOfRows = probe
    const { deleted } = tally
    const objection = await objectionTo(run, { before, after: rowsNow(), deleted, name: namer.name })
    if (objection !== null) throw objection
  }

  const changes = run.dryRun ? differences(run, stored) : guarded()
  try {
    if (run.dryRun) {
      for await (const _ of changes);
      tally.reason ??= 'changes'
      return 'dry_run'
    }
    // Nothing is copied or built before there is something to build.
    const first = await changes.next()
    if (first.done && stored !== null) {
      tally.reason = 'no changes'
      await run.store.confirm(slug, { asOf: run.asOf, probe: probeOfRows })
      return 'unchanged'
    }
    tally.reason ??= 'changes'
    await run.store.publish({
      entity: slug,
      epoch: (current?.epoch ?? 0) + (stored === null ? 1 : 0),
      lineage: stored?.version.lineage ?? `${lineagePrefix}${crypto.randomUUID()}`,
      seq: (stored?.version.seq ?? 0) + 1,
      asOf: run.asOf,
      configHash: run.configHash,
      get probe() {
        return probeOfRows
      },
      reason: tally.reason,
      base: stored === null ? 'nothing' : 'current',
      changes: resumed(first, changes),
      rows: () => (ended ? rowsNow() : rowsAbout),
      keep: run.entity.versions,
    })
    return 'success'
  } finally {
    await changes.return()
    stored?.close()
  }
}

/** What the warehouse has otherwise than the version (null: than nothing), counted in the tally. */
async function* differences(run: Run, stored: StoredRows | null): AsyncGenerator<readonly RowChange[], void> {
  const { tally } = run
  for await (const page of rowChanges(run.source, run.session.rows(run.source, null))) {
    run.signal.throwIfAborted()
    const changes = page.filter(({ key, row }) => {
      const before = stored?.see(key)
      if (before === row) return false
      if (before === undefined) tally.added++
      else tally.updated++
      return true
    })
    if (changes.length > 0) yield changes
  }
  if (stored === null) return
  for await (const page of stored.unseen()) {
    tally.deleted += page.length
    yield page.map(({ key }) => ({ key, row: null }))
  }
}

async function* resumed<T>(first: IteratorResult<T, void>, rest: AsyncGenerator<T, void>): AsyncGenerator<T> {
  if (!first.done) yield first.value
  yield* rest
}
