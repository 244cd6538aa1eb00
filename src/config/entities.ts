/** The entities that are synced: the data graph's declaration, the operator's options, and the columns that mappings read. */
import { readFileSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import type { DestinationPlan } from '../enrich/plan.ts'
import { LinkedEventsError, nearest, type Problem } from '../errors.ts'
import { type DataGraph, type ParsedDataGraph, parseDataGraph } from '../graph/graph.ts'
import { entityColumns } from '../mapping/mapping.ts'
import { nextRun, type Schedule } from '../sync/schedule.ts'
import { type Config, type EntityConfig, entityDefaults } from './config.ts'
import type { TextDocument } from './document.ts'

export interface EntitySettings extends EntityConfig {
  readonly slug: string
  readonly tableRef: string
  readonly primaryKey: string
  /** The columns that mappings read, or null for all of them (a mapping takes the whole row, or none uses the entity). */
  readonly columns: readonly string[] | null
  /** Whether some enabled mapping uses it: nothing is consumed before it has a version. */
  readonly used: boolean
}

export interface GraphFile {
  readonly file: string
  readonly graph: DataGraph
  /** Where `entity.<slug>.<attribute>` stands in the file. */
  readonly places: ParsedDataGraph['places']
}

/** The data graph, or null when it cannot be read; its problems point into its own file. */
export function readGraph(value: unknown, document: TextDocument, dir: string, problems: Problem[]): GraphFile | null {
  const named = (value as { data_graph?: unknown } | null)?.data_graph
  if (typeof named !== 'string') return null // the schema says so
  const file = resolve(dir, named)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    const message = `cannot read the data graph ${relative(dir, file)}`
    const hint = 'paths are relative to the configuration file'
    problems.push({ code: 'FILE_NOT_FOUND', severity: 'error', message, ...document.place(['data_graph']), hint })
    return null
  }
  const { graph, problems: found, places } = parseDataGraph(text)
  problems.push(...found.map((problem) => ({ ...problem, file })))
  return graph === null ? null : { file, graph, places }
}

export function checkEntities(
  context: {
    readonly config: Config
    readonly graph: GraphFile
    readonly document: TextDocument
    readonly destinations: readonly DestinationPlan[]
  },
  problems: Problem[],
): EntitySettings[] {
  const { config, graph, document, destinations } = context
  const enabled = graph.graph.entities.filter((entity) => entity.enrichment_enabled)
  const slugs = graph.graph.entities.map(({ slug }) => slug)
  for (const [slug, options] of Object.entries(config.entities)) {
    if (!slugs.includes(slug)) {
      const near = nearest(slug, slugs)
      const message = `entities.${slug}: the data graph defines no such entity`
      const hint = near === null ? `it defines ${slugs.join(', ')}` : `did you mean "${near}"?`
      problems.push({
        code: 'CONFIG_UNKNOWN_ENTITY',
        severity: 'error',
        message,
        ...document.keyPlace(['entities', slug]),
        hint,
      })
    }
    if (options.events !== undefined && slugs.includes(slug) && !enabled.some((entity) => entity.slug === slug)) {
      const message = `entities.${slug}.events: the entity is not enabled for enrichment, so nothing is synced`
      const hint = `set enrichment_enabled = true for it in ${config.data_graph}`
      const place = document.keyPlace(['entities', slug, 'events'])
      problems.push({ code: 'ENTITY_NOT_ENABLED', severity: 'error', message, ...place, hint })
    }
    if (options.events !== undefined && config.warehouse.state === 'local') {
      const message = `entities.${slug}.events: row events need the state in the warehouse, and warehouse.state is local`
      const hint = 'leave out events, or warehouse.state'
      const place = document.keyPlace(['entities', slug, 'events'])
      problems.push({ code: 'CONFIG_INVALID', severity: 'error', message, ...place, hint })
    }
    checkSchedule(slug, options, document, problems)
  }
  const mappings = destinations.flatMap((destination) => destination.mappings)
  return enabled.map((entity) => {
    const using = mappings.filter(({ bindings }) => bindings.some((binding) => binding.entity === entity.slug))
    return {
      ...(config.entities[entity.slug] ?? entityDefaults),
      slug: entity.slug,
      tableRef: entity.table_ref,
      primaryKey: entity.primary_key,
      columns:
        using.length === 0
          ? null
          : columnsOf(
              using.flatMap(({ mapping }) => mapping.reads),
              config.space,
              entity.slug,
            ),
      used: using.length > 0,
    }
  })
}

function columnsOf(reads: readonly string[], space: string, entity: string): readonly string[] | null {
  const columns = entityColumns(reads, space, entity)
  return columns === 'all' ? null : columns
}

function checkSchedule(slug: string, options: EntityConfig, document: TextDocument, problems: Problem[]): void {
  try {
    nextRun(options.schedule as Schedule, new Date(0))
  } catch (error) {
    if (!(error instanceof LinkedEventsError)) throw error
    const place = document.place(['entities', slug, 'schedule'])
    const found =
      error.problems.length > 0 ? error.problems : [{ code: error.code, message: error.message, hint: error.hint }]
    for (const { code, message, hint } of found)
      problems.push({ code, severity: 'error', message: `entities.${slug}: ${message}`, ...place, hint })
  }
}
