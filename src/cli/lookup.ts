/** `lookup`: one row, as the event path would find it. */
import { exit, LinkedEventsError } from '../errors.ts'
import { encodeJson, parseJson } from '../json.ts'
import { snapshotStore } from '../snapshot/store.ts'
import { type Context, countOf, entityOf, projectOf } from './context.ts'

export async function lookup(
  context: Context,
  options: { readonly version?: string },
  slug: string,
  key: string,
): Promise<number> {
  const project = projectOf(context)
  const entity = entityOf(project, slug)
  const store = snapshotStore({ dir: project.config.state_dir })
  const version = options.version === undefined ? undefined : countOf(options.version, '--version')
  const snapshot = await openOrNull(() => store.open(entity.slug, version))
  const text = snapshot?.get(key)?.text
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
    const where =
      snapshot === null ? '; run `linked-events sync`' : ` (version ${snapshot.version}, as of ${found.as_of})`
    const columns = Object.entries((found.row ?? {}) as object)
    return [
      `${slug} ${key}: ${terminal.bold(status)}${where}`,
      ...columns.map(([column, value]) => `  ${column}: ${typeof value === 'string' ? value : encodeJson(value)}`),
    ].join('\n')
  })
  snapshot?.close()
  return status === 'hit' ? exit.ok : exit.failure
}

/** Null when there is no such version: that is an answer, not an error. */
async function openOrNull<T>(open: () => Promise<T>): Promise<T | null> {
  try {
    return await open()
  } catch (error) {
    if (error instanceof LinkedEventsError && error.code === 'SNAPSHOT_MISSING') return null
    throw error
  }
}
