/** `lookup`: one row, as the event path would find it. */
import { exit } from '../errors.ts'
import { encodeJson, parseJson } from '../json.ts'
import { snapshotStore } from '../snapshot/store.ts'
import { type Context, countOf, entityOf, projectOf } from './context.ts'
import { snapshotsDir } from './edges.ts'

export async function lookup(context: Context, options: { readonly version?: string }, slug: string, key: string): Promise<number> {
  const project = projectOf(context)
  const entity = entityOf(project, slug)
  const store = snapshotStore({ dir: snapshotsDir(project) })
  const version = options.version === undefined ? undefined : countOf(options.version, '--version')
  const snapshot = await store.open(entity.slug, version)
  const text = snapshot?.get(key)
  const status = snapshot === null ? 'entity_not_ready' : text === undefined ? 'no_match' : 'hit'
  const found = {
    entity: entity.slug,
    key,
    status,
    row: text === undefined ? null : parseJson(text),
    version: snapshot?.version ?? null,
    as_of: snapshot === null ? null : new Date(snapshot.asOf).toISOString(),
  }
  const { terminal } = context
  terminal.result(found, () => {
    const where = snapshot === null ? '; run `linked-events sync`' : ` (version ${snapshot.version}, as of ${found.as_of})`
    const columns = Object.entries((found.row ?? {}) as object)
    return [`${slug} ${key}: ${terminal.bold(status)}${where}`, ...columns.map(([column, value]) => `  ${column}: ${typeof value === 'string' ? value : encodeJson(value)}`)].join('\n')
  })
  return status === 'hit' ? exit.ok : exit.failure
}
