/** `sync audit`: is the snapshot what the table is? Takes no lock, so that it may be asked while `run` is at work. */
import { hash } from 'node:crypto'
import { exit } from '../errors.ts'
import { snapshotStore } from '../snapshot/store.ts'
import { type Audit, type AuditKeys, audit } from '../sync/audit.ts'
import { type Context, entityOf, projectOf } from './context.ts'
import { planOf } from './edges.ts'
import { abortOnSignal } from './signals.ts'
import { warehouseOf } from './warehouse-of.ts'

/** Keys that a person sees of each kind. */
const keysShown = 10

export async function auditCommand(context: Context, _options: object, slug: string): Promise<number> {
  const project = projectOf(context)
  const entity = entityOf(project, slug)
  const warehouse = await warehouseOf(project)
  const progress = context.terminal.progress(`audit ${slug}`, null)
  let report: Audit | null = null
  try {
    report = await audit({
      entity: planOf(entity, project),
      warehouse,
      store: snapshotStore({ dir: project.config.state_dir }),
      sha256: (text) => hash('sha256', text, 'hex'),
      signal: abortOnSignal(),
    })
  } finally {
    progress.end(report === null ? 'failed' : report.ok ? 'equal' : 'different')
    await warehouse.close()
  }
  context.terminal.result(report, () => sentences(report))
  return report.ok ? exit.ok : exit.failure
}

function sentences(report: Audit): string {
  const { entity, version, rows, buckets } = report
  const of = `version ${version} of ${entity} and the table`
  if (report.ok)
    return `equal: ${of}, ${rows.table.toLocaleString('en')} rows, by the digests of ${buckets.compared} buckets`
  const list = (what: string, { count, keys }: AuditKeys) =>
    count === 0 ? [] : [`${count} ${what}: ${keys.slice(0, keysShown).join(', ')}${count > keysShown ? ', …' : ''}`]
  return [
    `different: ${of}, ${rows.snapshot} and ${rows.table} rows; ${buckets.differing} of ${buckets.compared} buckets differ`,
    ...list('missing in the snapshot', report.missing_in_snapshot),
    ...list('missing in the table', report.missing_in_table),
    ...list('different', report.different),
    ...(report.duplicate_keys > 0 ? [`${report.duplicate_keys} keys that more than one row has`] : []),
    `Try: ${report.hint}`,
  ].join('\n')
}
