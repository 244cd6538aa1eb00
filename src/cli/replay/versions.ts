/** Which snapshot versions a replay enriches with: the newest ones, or those that it is pinned to. */
import { systemClock } from '../../clock.ts'
import type { Project } from '../../config/project.ts'
import { entitiesOf } from '../../enrich/plan.ts'
import { LinkedEventsError, nearest } from '../../errors.ts'
import { type LiveSnapshots, openSnapshots } from '../../snapshot/snapshots.ts'
import { type SnapshotInfo, snapshotStore } from '../../snapshot/store.ts'
import type { Tell } from '../../telemetry.ts'
import { rowMemoryOf } from '../row-memory.ts'
import { parseBound } from './range.ts'

/** The version of each entity that is pinned. */
export type Pins = Readonly<Record<string, number>>

export interface PinOptions {
  /** `ENTITY@VERSION`. */
  readonly snapshot?: readonly string[]
  /** A time: each entity that `snapshot` does not name has the version of then. */
  readonly asOf?: string
}

/** Null: nothing was said of versions. @throws LinkedEventsError USAGE, SNAPSHOT_MISSING */
export async function pinsOf(project: Project, { snapshot = [], asOf }: PinOptions): Promise<Pins | null> {
  if (snapshot.length === 0 && asOf === undefined) return null
  const entities = entitiesOf(project.plan)
  const store = snapshotStore({ dir: project.config.state_dir })
  const pins = new Map(snapshot.map((text) => parsePin(text, entities)))
  for (const [entity, version] of pins) {
    const kept = await store.list(entity)
    if (!kept.some((one) => one.version === version))
      throw missing(`entity "${entity}" has no version ${version} here`, kept)
  }
  if (asOf === undefined) return Object.fromEntries(pins)
  const bound = parseBound(asOf, '--as-of', systemClock.now())
  if (bound.kind !== 'time')
    throw new LinkedEventsError('USAGE', `--as-of ${asOf} is not a time`, {
      hint: 'write a time (2026-11-01T00:00Z, 2026-11-01, -2h)',
    })
  for (const entity of entities) {
    if (pins.has(entity)) continue
    const kept = await store.list(entity)
    const then = kept.find(({ valid_from }) => Date.parse(valid_from) <= bound.milliseconds)
    if (then === undefined) throw missing(`entity "${entity}" has no version of that time any more, or had none`, kept)
    pins.set(entity, then.version)
  }
  return Object.fromEntries(pins)
}

function parsePin(text: string, entities: readonly string[]): [entity: string, version: number] {
  const [, entity = '', digits] = /^(.+)@(\d{1,15})$/.exec(text) ?? []
  if (digits === undefined)
    throw new LinkedEventsError('USAGE', `--snapshot ${text} names no version`, {
      hint: 'write ENTITY@VERSION, for example product@12; `linked-events snapshot list` shows what there is',
    })
  if (!entities.includes(entity)) {
    const near = nearest(entity, entities)
    throw new LinkedEventsError('USAGE', `--snapshot ${text}: no mapping uses an entity "${entity}"`, {
      hint: near === null ? `they use ${entities.join(', ') || 'none'}` : `did you mean "${near}"?`,
    })
  }
  return [entity, Number(digits)]
}

function missing(message: string, kept: readonly SnapshotInfo[]): LinkedEventsError {
  const versions = kept.map(({ version, valid_from }) => `${version} (from ${valid_from})`).join(', ')
  return new LinkedEventsError('SNAPSHOT_MISSING', message, {
    hint: `${versions === '' ? 'there is none' : `there are ${versions}`}; entities.<slug>.versions says how many are kept`,
  })
}

/**
 * The pinned version of each entity that a mapping needs, or the newest verified one; the same for as long as the process runs.
 * Syncs nothing.
 * @throws LinkedEventsError SNAPSHOT_MISSING, SNAPSHOT_STALE
 */
export async function chooseVersions(project: Project, pins: Pins, tell: Tell): Promise<LiveSnapshots> {
  const { state_dir: dir } = project.config
  const snapshots = openSnapshots({
    dir,
    entities: entitiesOf(project.plan),
    pins: new Map(Object.entries(pins)),
    memoryBytesMax: rowMemoryOf(project.config),
    tell,
  })
  try {
    await snapshots.refresh()
    checkReady(project, pins, snapshots)
    return snapshots
  } catch (error) {
    snapshots.close()
    throw error
  }
}

function checkReady(project: Project, pins: Pins, snapshots: LiveSnapshots): void {
  const unserved = snapshots.state().filter(({ version }) => version === null)
  if (unserved.length > 0) {
    const names = unserved.map(({ entity }) => (entity in pins ? `${entity}@${pins[entity]}` : entity))
    const newest = unserved.filter(({ entity }) => !(entity in pins)).map(({ entity }) => entity)
    throw new LinkedEventsError(
      'SNAPSHOT_MISSING',
      `no verified version of ${names.join(', ')}, and a replay syncs nothing`,
      {
        hint:
          newest.length > 0
            ? `run \`linked-events sync ${newest.join(' ')}\` first`
            : 'pin a version that `linked-events snapshot list` shows',
      },
    )
  }
  for (const { entity, asOf } of snapshots.state()) {
    const rule = project.entities.find(({ slug }) => slug === entity)
    // Who pins a version wants it as old as it is.
    if (entity in pins || rule === undefined || asOf === null || rule.on_stale === 'serve') continue
    const age = systemClock.now() - asOf
    if (age <= rule.max_age) continue
    throw new LinkedEventsError(
      'SNAPSHOT_STALE',
      `the snapshot of ${entity} is ${Math.round(age / 1000)} s old, and on_stale is ${rule.on_stale}`,
      { hint: `run \`linked-events sync ${entity}\` first` },
    )
  }
}

/** The versions by entity, for the record. */
export function versionsOf(snapshots: LiveSnapshots): Record<string, number> {
  return Object.fromEntries(
    snapshots.state().flatMap(({ entity, version }) => (version === null ? [] : [[entity, version]])),
  )
}
