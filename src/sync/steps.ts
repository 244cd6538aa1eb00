/** The steps of a run, in the order in which `sync.ts` takes them. */
import { assert } from '../assert.ts'
import { LinkedEventsError } from '../errors.ts'
import { advance, begin, type Checkpoint } from './checkpoint.ts'
import { changeName, guarded } from './guard.ts'
import { nextStep, type Step } from './handshake.ts'
import { rowChanges } from './row.ts'
import { rowEvents } from './row-events.ts'
import { senderOf, senderOrClaim } from './row-events-sender.ts'
import type { Run } from './run.ts'
import type { SyncResult } from './sync-run.ts'
import type { ChangeCounts, KeyCheck } from './warehouse.ts'

const nothing: ChangeCounts = { added: 0, updated: 0, deleted: 0 }

/** Compares how far warehouse and snapshots say they have come. */
export async function handshake(run: Run, checkpoint: Checkpoint | null): Promise<Step> {
  const step = nextStep({
    checkpoint,
    stored: await run.store.current(run.slug),
    configHash: run.configHash,
    generationRows: checkpoint === null ? null : await run.session.count(checkpoint.generation),
    deltaRows: checkpoint?.delta ? await run.session.count(checkpoint.delta) : null,
  })
  if (step.do !== 'diff') return step
  if (run.full) return { do: 'restart', reason: 'full sync requested' }
  const { events } = run.entity
  const sent = events === undefined || (await senderOf(run.session, events.stream)) !== null
  return sent ? step : { do: 'restart', reason: 'row events begin' }
}

/** What a run would do, by number; for `dryRun`. */
export async function preview(run: Run, checkpoint: Checkpoint | null, step: Step): Promise<SyncResult> {
  run.tally.bytes_estimated = await run.session.estimate(run.source)
  await checkKeys(run)
  const generation = step.do === 'restart' || checkpoint === null ? null : checkpoint.generation
  Object.assign(run.tally, await run.session.countChanges(run.source, generation))
  run.tally.reason = step.do === 'restart' ? step.reason : 'changes'
  return 'dry_run'
}

/** Takes the sync over: whoever held it before can change nothing any more. */
export async function lease(run: Run, seen: Checkpoint | null): Promise<Checkpoint> {
  run.signal.throwIfAborted()
  if (seen !== null) return advance(run.session, seen, { fence: seen.fence + 1, owner: run.owner })
  const generation = tableName(run, 'records', { epoch: 0, number: 0, fence: 1 })
  await run.session.createGeneration(generation)
  return begin(run.session, {
    syncKey: run.syncKey,
    entity: run.slug,
    configHash: run.configHash,
    epoch: 0,
    lineage: '',
    seq: 0,
    generation,
    rows: 0,
    delta: null,
    deltaCounts: nothing,
    deltaAsOf: 0,
    probe: null,
    fence: 1,
    owner: run.owner,
  })
}

/** Null keys and duplicate keys fail the run, unless the entity says what to do with them. */
export async function checkKeys(run: Run): Promise<KeyCheck> {
  run.signal.throwIfAborted()
  const check = await run.session.checkKeys(run.source)
  run.tally.null_keys = check.nullKeys
  run.tally.duplicate_keys = check.duplicateKeys
  if (run.source.duplicates !== 'fail') return check
  const where = `column "${run.source.key.name}" of ${run.source.table.ref}`
  if (check.nullKeys > 0)
    throw new LinkedEventsError('KEYS_NULL', `${where} is null in ${check.nullKeys} of ${check.rows} rows`)
  if (check.duplicateKeys > 0) {
    const examples = check.examples.map((key) => JSON.stringify(key)).join(', ')
    throw new LinkedEventsError(
      'KEYS_DUPLICATE',
      `${where} has ${check.duplicateKeys} values that more than one row has, for example ${examples}`,
    )
  }
  return check
}

/** Why a change waits for somebody's approval, or null. `name`: what an approval of it is known by. */
export async function objectionTo(
  run: Run,
  change: {
    readonly before: number
    readonly after: number
    readonly deleted: number
    name(): string | Promise<string>
  },
): Promise<LinkedEventsError | null> {
  const objection = guarded(change)
  if (objection === null || run.approves(await change.name())) return null
  run.tally.reason = objection
  return new LinkedEventsError('SYNC_GUARDED', `entity "${run.slug}" keeps its snapshot: ${objection}`)
}

/**
 * Makes the delta and names it in the checkpoint. From then on exactly this delta is the next one, until it is committed.
 * Without changes nothing is prepared, and the checkpoint has no delta.
 */
export async function prepare(
  run: Run,
  from: { readonly held: Checkpoint; readonly step: Step; readonly probe: string | null },
): Promise<Checkpoint> {
  const { held, step } = from
  run.signal.throwIfAborted()
  const stored = await run.store.current(run.slug)
  const restart = step.do === 'restart'
  const epoch = restart ? Math.max(held.epoch, stored?.epoch ?? 0) + 1 : held.epoch
  const seq = restart ? 0 : held.seq
  const generation = restart ? tableName(run, 'records', { epoch, number: 0, fence: held.fence }) : held.generation
  if (restart) await run.session.createGeneration(generation)
  const delta = tableName(run, 'changes', { epoch, number: seq + 1, fence: held.fence })
  const { probe = from.probe, ...counts } = await run.session.createDelta(run.source, { generation, delta })

  const before = restart ? (stored?.rows ?? 0) : held.rows
  const after = (restart ? 0 : held.rows) + counts.added - counts.deleted
  const deleted = restart ? Math.max(0, before - after) : counts.deleted
  run.tally.added += counts.added
  run.tally.updated += counts.updated
  run.tally.deleted += counts.deleted
  if (restart) run.tally.reason = step.reason
  const name = () => changeName(run.session.changes(delta, 0, 'any'), { isWhole: restart })
  const objection = await objectionTo(run, { before, after, deleted, name })
  if (objection !== null) {
    // Nothing was applied, so nothing needs to be rolled forward: the next run looks at the table anew.
    await removeLeftovers(run, held)
    throw objection
  }
  if (!restart && counts.added + counts.updated + counts.deleted === 0) {
    run.tally.reason ??= 'no changes'
    return probe === held.probe ? held : advance(run.session, held, { probe })
  }
  run.tally.reason ??= 'changes'
  return advance(run.session, held, {
    configHash: run.configHash,
    epoch,
    lineage: restart ? crypto.randomUUID() : held.lineage,
    seq,
    generation,
    rows: restart ? 0 : held.rows,
    delta,
    deltaCounts: counts,
    deltaAsOf: run.asOf,
    probe,
  })
}

/** Brings the prepared delta into the next snapshot version, durably. */
export async function publish(run: Run, held: Checkpoint, base: 'nothing' | 'current'): Promise<void> {
  run.signal.throwIfAborted()
  const { added, deleted } = held.deltaCounts
  await run.store.publish({
    entity: run.slug,
    epoch: held.epoch,
    lineage: held.lineage,
    seq: held.seq + 1,
    asOf: held.deltaAsOf,
    configHash: held.configHash,
    probe: held.probe,
    reason: run.tally.reason ?? 'changes',
    base,
    changes: rowChanges(run.source, run.session.changes(held.delta ?? '', run.source.columns.length, 'any')),
    rows: () => held.rows + added - deleted,
    keep: run.entity.versions,
  })
}

/** Tells the published delta as row events, if this installation sends them. Done again until the delta is committed. */
export async function announce(run: Run, held: Checkpoint): Promise<void> {
  const { entity, session, source, events, tally } = run
  if (entity.events === undefined) return
  assert(events !== null, 'row events have somewhere to go')
  run.signal.throwIfAborted()
  const { stream, mode } = entity.events
  // Who is the sender begins with every row: the first delta of an epoch.
  const first = held.seq === 0
  const sender = await (first ? senderOrClaim(session, { ...run, stream }) : senderOf(session, stream))
  if (sender?.installId !== entity.installId) {
    tally.row_events = { sent: 0, elsewhere: sender?.owner ?? null }
    return
  }
  const delta = held.delta ?? ''
  await events.send({
    entity: run.slug,
    epoch: held.epoch,
    seq: held.seq + 1,
    delta,
    asOf: held.deltaAsOf,
    changes: () => rowEvents({ source, mode }, session.changes(delta, source.columns.length, 'by key')),
    async confirm() {
      run.signal.throwIfAborted()
      const [now, sender] = [await session.checkpoint(run.syncKey), await senderOf(session, stream)]
      if (now?.writer === held.writer && sender?.installId === entity.installId) return
      throw new LinkedEventsError(
        'SYNC_LOST',
        `the row events of entity "${run.slug}" are sent by ${(now?.writer === held.writer ? sender : now)?.owner ?? 'nobody'} now`,
      )
    },
    sent: (count) => {
      tally.row_events = { sent: (tally.row_events?.sent ?? 0) + count, elsewhere: null }
    },
    signal: run.signal,
  })
}

/** Moves the warehouse's baseline over the published delta. */
export async function commit(run: Run, held: Checkpoint): Promise<Checkpoint> {
  run.signal.throwIfAborted()
  const { added, deleted } = held.deltaCounts
  const next = tableName(run, 'records', { epoch: held.epoch, number: held.seq + 1, fence: held.fence })
  await run.session.createNextGeneration({ generation: held.generation, delta: held.delta ?? '', next })
  return advance(run.session, held, {
    seq: held.seq + 1,
    generation: next,
    rows: held.rows + added - deleted,
    delta: null,
    deltaCounts: nothing,
  })
}

/** Whether there are tables of this sync that the checkpoint does not name. */
export async function hasLeftovers(run: Run, held: Checkpoint): Promise<boolean> {
  const names = await run.session.stateTables(run.syncKey)
  return names.some((name) => name !== held.generation && name !== held.delta)
}

/**
 * Drops every table of this sync that the checkpoint does not name: what this run has replaced, and what crashed runs
 * left behind. Only for the holder of the lease: tables of its fence are its own, those of a lower one nobody's, those of
 * a higher one belong to whoever has taken over. A failure is left to the next run.
 */
export async function removeLeftovers(run: Run, held: Checkpoint): Promise<void> {
  try {
    for (const name of await run.session.stateTables(run.syncKey)) {
      if (name === held.generation || name === held.delta) continue
      const fence = /_f(\d+)_/.exec(name)?.[1]
      if (fence === undefined || Number(fence) <= held.fence) await run.session.drop(name)
    }
  } catch (error) {
    if (!(error instanceof LinkedEventsError)) throw error
  }
}

/** A name that no other attempt uses: a run that has lost its lease can neither replace nor drop what the winner made. */
function tableName(
  run: Run,
  kind: 'records' | 'changes',
  place: { readonly epoch: number; readonly number: number; readonly fence: number },
): string {
  const letter = kind === 'records' ? 'g' : 's'
  const attempt = crypto.randomUUID().slice(0, 8)
  return `${kind}_${run.syncKey}_e${place.epoch}_${letter}${place.number}_f${place.fence}_${attempt}`
}
