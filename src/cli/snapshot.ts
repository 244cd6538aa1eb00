/** `snapshot`: the versions kept, their digests, and what differs between two. */
import { exit, LinkedEventsError } from '../errors.ts'
import { snapshotStore } from '../snapshot/store.ts'
import { type Context, countOf, entityOf, projectOf } from './context.ts'
import { table } from './terminal.ts'

type Store = ReturnType<typeof snapshotStore>
type Info = Awaited<ReturnType<Store['list']>>[number]

export async function list(context: Context): Promise<number> {
  const snapshots = await storeOf(context).list()
  context.terminal.result({ snapshots }, () =>
    snapshots.length === 0 ? 'no snapshots yet; run `linked-events sync`' : snapshotsTable(snapshots),
  )
  return exit.ok
}

export async function info(context: Context, options: { readonly version?: string }, slug: string): Promise<number> {
  const project = projectOf(context)
  const wanted = options.version === undefined ? null : countOf(options.version, '--version')
  const all = await snapshotStore({ dir: project.config.state_dir }).list(entityOf(project, slug).slug)
  const snapshots = all.filter(({ version, current }) => (wanted === null ? current : version === wanted))
  if (snapshots.length === 0)
    throw new LinkedEventsError(
      'SNAPSHOT_MISSING',
      `${slug} has no ${wanted === null ? 'snapshot' : `version ${wanted}`}`,
    )
  context.terminal.result({ snapshots }, () =>
    snapshots
      .map((one) =>
        Object.entries(one)
          .map(([name, value]) => `${name}: ${value}`)
          .join('\n'),
      )
      .join('\n'),
  )
  return exit.ok
}

export async function verify(context: Context, _options: object, slug?: string): Promise<number> {
  const project = projectOf(context)
  if (slug !== undefined) entityOf(project, slug)
  const snapshots = await snapshotStore({ dir: project.config.state_dir }).verify(slug)
  const ok = snapshots.every((one) => one.ok)
  context.terminal.result(
    { ok, snapshots },
    () =>
      snapshots
        .map(
          (one) =>
            `${one.ok ? context.terminal.green('ok     ') : context.terminal.red('damaged')} ${one.entity} version ${one.version}`,
        )
        .join('\n') || 'no snapshots yet',
  )
  return ok ? exit.ok : exit.failure
}

export async function diff(
  context: Context,
  _options: object,
  slug: string,
  from: string,
  to: string,
): Promise<number> {
  const project = projectOf(context)
  const store = snapshotStore({ dir: project.config.state_dir })
  const changes = await store.diff(entityOf(project, slug).slug, countOf(from, 'FROM'), countOf(to, 'TO'))
  context.terminal.result(changes, () =>
    [
      ...changes.added.map((key) => `+ ${key}`),
      ...changes.updated.map((key) => `~ ${key}`),
      ...changes.deleted.map((key) => `- ${key}`),
    ].join('\n'),
  )
  return exit.ok
}

function storeOf(context: Context): Store {
  return snapshotStore({ dir: projectOf(context).config.state_dir })
}

function snapshotsTable(snapshots: readonly Info[]): string {
  return table(
    ['entity', 'version', 'current', 'rows', 'bytes', 'as of', 'digest'],
    snapshots.map((one) => [
      one.entity,
      one.version,
      one.current ? 'yes' : '',
      one.rows,
      one.bytes,
      one.as_of,
      one.digest.slice(0, 22),
    ]),
  )
}
