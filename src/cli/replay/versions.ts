/** Which snapshot versions a replay enriches with: the one place to change when a replay is pinned to a version or a time. */
import { systemClock } from '../../clock.ts'
import type { Project } from '../../config/project.ts'
import { entitiesOf } from '../../enrich/plan.ts'
import { LinkedEventsError } from '../../errors.ts'
import { type LiveSnapshots, openSnapshots } from '../../snapshot/snapshots.ts'
import type { Tell } from '../../telemetry.ts'

export interface Pins {
  /** `ENTITY@VERSION`. */
  readonly snapshot?: readonly string[]
  readonly asOf?: string
}

/** @throws LinkedEventsError NOT_YET */
export function checkPins({ snapshot = [], asOf }: Pins): void {
  const option = snapshot.length > 0 ? '--snapshot' : asOf === undefined ? null : '--as-of'
  if (option === null) return
  throw new LinkedEventsError('NOT_YET', `replay ${option} comes with a later version`, {
    hint: 'without it, a replay enriches with the newest verified version of each entity, and le.entities says which',
  })
}

/**
 * The newest verified version of each entity that a mapping needs, the same for as long as the process runs. Syncs nothing.
 * @throws LinkedEventsError SNAPSHOT_MISSING, SNAPSHOT_STALE
 */
export async function chooseVersions(project: Project, tell: Tell): Promise<LiveSnapshots> {
  const snapshots = openSnapshots({ dir: project.config.state_dir, entities: entitiesOf(project.plan), tell })
  try {
    await snapshots.refresh()
    checkReady(project, snapshots)
    return snapshots
  } catch (error) {
    snapshots.close()
    throw error
  }
}

function checkReady(project: Project, snapshots: LiveSnapshots): void {
  const missing = snapshots.state().filter(({ version }) => version === null)
  if (missing.length > 0) {
    const names = missing.map(({ entity }) => entity)
    throw new LinkedEventsError(
      'SNAPSHOT_MISSING',
      `no verified version of ${names.join(', ')}, and a replay syncs nothing`,
      {
        hint: `run \`linked-events sync ${names.join(' ')}\` first`,
      },
    )
  }
  for (const { entity, asOf } of snapshots.state()) {
    const rule = project.entities.find(({ slug }) => slug === entity)
    if (rule === undefined || asOf === null || rule.on_stale === 'serve') continue
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
