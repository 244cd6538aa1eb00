/** `preview`: events in, what would happen to each out; nothing is sent. */
import { readFileSync } from 'node:fs'
import type { Project } from '../config/project.ts'
import { entitiesOf, type Plan } from '../enrich/plan.ts'
import { type Preview, preview as previewOf } from '../enrich/preview.ts'
import { exit, LinkedEventsError, nearest } from '../errors.ts'
import { messageOf, topicOf } from '../files/source.ts'
import { encodeJson, isObject } from '../json.ts'
import { openSnapshots } from '../snapshot/snapshots.ts'
import { type Context, projectOf } from './context.ts'
import type { Terminal } from './terminal.ts'

interface PreviewOptions {
  readonly event: string
  readonly destination?: string
  readonly mapping?: string
}

export async function preview(context: Context, options: PreviewOptions): Promise<number> {
  const project = projectOf(context)
  const plan = narrowed(project.plan, options)
  const lines = eventLines(options.event)
  const snapshots = openSnapshots({ dir: project.config.state_dir, entities: entitiesOf(plan), tell: () => {} })
  try {
    await snapshots.refresh()
    const versions = snapshots.current()
    for (const [number, text] of lines) {
      const message = messageOf(topicOf(options.event), { number, bytes: Buffer.from(text) }, Date.now())
      const shown = previewOf(plan, versions, message)
      context.terminal.result(shown, () => human(context.terminal, project, shown))
    }
    versions.release()
  } finally {
    snapshots.close()
  }
  return exit.ok
}

/** Only the destination and mapping asked for. @throws LinkedEventsError USAGE with the nearest */
function narrowed(plan: Plan, { destination, mapping }: PreviewOptions): Plan {
  const destinations = plan.destinations
    .filter(({ slug }) => destination === undefined || slug === destination)
    .map((one) => ({ ...one, mappings: one.mappings.filter(({ name }) => mapping === undefined || name === mapping) }))
    .filter(({ mappings }) => mapping === undefined || mappings.length > 0)
  if (destinations.length > 0) return { ...plan, destinations }
  const slugs = plan.destinations.map(({ slug }) => slug)
  const names = plan.destinations.flatMap(({ mappings }) => mappings.map(({ name }) => name))
  const near =
    (mapping === undefined ? null : nearest(mapping, names)) ??
    (destination === undefined ? null : nearest(destination, slugs))
  throw new LinkedEventsError(
    'USAGE',
    `no enabled ${mapping === undefined ? `destination "${destination}"` : `mapping "${mapping}"`}`,
    {
      hint: near === null ? `there are ${[...slugs, ...names].join(', ')}` : `did you mean "${near}"?`,
    },
  )
}

/** Lines with their numbers from 0; a text that is one JSON object over several lines is one event. */
function eventLines(file: string): [number, string][] {
  let text: string
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    throw new LinkedEventsError('FILE_NOT_FOUND', `cannot read ${file}`, {
      hint: 'name a file with --event, or pipe events in',
      cause: error,
    })
  }
  try {
    if (text.trim().includes('\n') && isObject(JSON.parse(text))) return [[0, text.trim()]]
  } catch {
    // several lines, each for itself
  }
  return text
    .split('\n')
    .flatMap((line, number): [number, string][] => (line.trim() === '' ? [] : [[number, line.replace(/\r$/, '')]]))
}

function human(terminal: Terminal, project: Project, shown: Preview): string {
  if (shown.dead_letter !== undefined)
    return `${terminal.red('dead letter')} ${shown.event_id}: ${shown.dead_letter.reason}, ${shown.dead_letter.message}`
  const lines = [terminal.bold(`event ${shown.event_id}`)]
  for (const delivery of shown.deliveries) {
    const name = delivery.mapping === null ? delivery.destination : `${delivery.destination} · ${delivery.mapping}`
    lines.push(
      `  ${name}: ${terminal.bold(delivery.outcome)}${delivery.reason === null ? '' : ` (${delivery.reason})`}`,
    )
    for (const { entity, match, key, status, version } of delivery.entities) {
      lines.push(
        `    ${entity} by ${match} = ${key === null ? '-' : JSON.stringify(key)}: ${status}${version === null ? '' : ` in version ${version}`}`,
      )
    }
    if (delivery.output !== null) lines.push(`    ${encodeJson(delivery.output)}`)
    for (const { path, reason } of delivery.reasons) lines.push(`    ${terminal.dim(`${path} is empty: ${reason}`)}`)
  }
  if (shown.deliveries.length === 0) lines.push(`  no destination is enabled in ${project.file}`)
  return lines.join('\n')
}
