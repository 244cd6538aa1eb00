/** Everything the operator wrote, read and checked together: configuration, data graph, triggers, mappings. Opens nothing. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { defaultLimits } from '../enrich/decode.ts'
import type { Plan } from '../enrich/plan.ts'
import { LinkedEventsError, type Problem } from '../errors.ts'
import type { DataGraph } from '../graph/graph.ts'
import { checkSchema } from './check.ts'
import { type Config, schema } from './config.ts'
import { compileDestinations } from './destinations.ts'
import { readDocument } from './document.ts'
import { checkEntities, type EntitySettings, type GraphFile, readGraph } from './entities.ts'
import { inlineMappings } from './mapping-files.ts'
import { resolveReferences } from './references.ts'
import { compileTexts } from './texts.ts'

/** The checked whole. Paths in it are absolute. */
export interface Project {
  /** The configuration file. */
  readonly file: string
  readonly config: Config
  readonly graph: DataGraph
  /** Where `entity.<slug>.<attribute>` stands in the file of the data graph. */
  readonly graphPlaces: GraphFile['places']
  readonly plan: Plan
  /** The entities with `enrichment_enabled = true`, in the order of the data graph. */
  readonly entities: readonly EntitySettings[]
}

export interface ProjectOptions {
  /** What `--config` says, if given. */
  readonly file: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
}

/**
 * Reads the project and reports all problems at once; `project` is null when one of them is an error.
 * @throws LinkedEventsError CONFIG_NOT_FOUND
 */
export function readProject(options: ProjectOptions): {
  readonly project: Project | null
  readonly problems: readonly Problem[]
} {
  const file = findConfig(options)
  const dir = dirname(file)
  const problems: Problem[] = []
  const document = readDocument(readFileSync(file, 'utf8'), file)
  problems.push(...document.problems)
  if (problems.length > 0) return { project: null, problems }

  const value = resolveReferences(document, { env: options.env, dir }, problems)
  const places = inlineMappings(value, document, dir, problems)
  const texts = compileTexts(value, places, problems)
  const config = checkSchema(schema, value, problems, places)
  const graph = readGraph(value, document, dir, problems)
  if (config === null || graph === null) return { project: null, problems: inOrder(problems) }

  checkTogether(config, document, problems)
  const destinations = compileDestinations({ config, graph, texts, places, dir }, problems)
  const entities = checkEntities({ config, graph, document, destinations }, problems)
  if (problems.some(({ severity }) => severity === 'error')) return { project: null, problems: inOrder(problems) }

  const { limits } = config
  const holding = destinations.some(({ mappings }) =>
    mappings.some(({ bindings }) => bindings.some(({ onMissing }) => onMissing === 'hold')),
  )
  const { topic, attempts, then } = config.holds
  const plan: Plan = {
    space: config.space,
    destinations,
    holds: holding ? { target: { topic }, attempts, then } : null,
    limits: { ...defaultLimits, bytesMax: limits.event_bytes, depthMax: limits.depth, keysMax: limits.keys },
    digest: (text) => createHash('sha256').update(text).digest('hex').slice(0, 24),
  }
  return {
    project: {
      file,
      config: absolutePaths(config, dir),
      graph: graph.graph,
      graphPlaces: graph.places,
      plan,
      entities,
    },
    problems: inOrder(problems),
  }
}

/** The project, or one error with every problem. @throws LinkedEventsError CONFIG_NOT_FOUND, CONFIG_INVALID */
export function requireProject(options: ProjectOptions & { readonly warn?: (problem: Problem) => void }): Project {
  const { project, problems } = readProject(options)
  if (project !== null) {
    for (const problem of problems) options.warn?.(problem)
    return project
  }
  const errors = problems.filter(({ severity }) => severity === 'error')
  const first = errors[0]
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''
  throw new LinkedEventsError('CONFIG_INVALID', `${first?.message ?? 'the configuration is invalid'}${more}`, {
    problems,
    ...(first?.hint ? { hint: first.hint } : {}),
  })
}

export function findConfig({ file, env, cwd }: ProjectOptions): string {
  const named = file ?? env.LINKED_EVENTS_CONFIG
  const candidates = named === undefined ? ['linked-events.yaml', 'config/linked-events.yaml'] : [named]
  const found = candidates.map((candidate) => resolve(cwd, candidate)).find((candidate) => existsSync(candidate))
  if (found !== undefined) return found
  throw new LinkedEventsError(
    'CONFIG_NOT_FOUND',
    `no configuration: ${candidates.join(' and ')} ${named === undefined ? 'do' : 'does'} not exist`,
  )
}

/** What no single option can say of itself. */
function checkTogether(config: Config, document: ReturnType<typeof readDocument>, problems: Problem[]): void {
  const problem = (path: (string | number)[], message: string, hint: string | null, code = 'CONFIG_INVALID') =>
    problems.push({ code, severity: 'error', message, ...document.place(path), hint })
  const told = Object.entries(config.entities).flatMap(([slug, { events }]) =>
    events === undefined ? [] : [{ slug, topic: events.topic }],
  )
  const topics =
    config.destinations.some(({ output }) => output.topic !== undefined) ||
    config.dead_letters?.topic !== undefined ||
    told.length > 0
  if ((topics || config.source.kafka !== undefined) && config.kafka === undefined) {
    problem([], 'kafka.brokers is missing, and topics are used', 'add kafka: { brokers: ["host:9092"] }')
  }
  if (config.kafka?.delivery === 'exactly_once') {
    const hint = 'exactly_once needs Kafka on both ends: use topics, or delivery: at_least_once'
    if (config.source.kafka === undefined)
      problem(['source'], 'with delivery: exactly_once the source is a topic', hint)
    for (const [index, { slug, enabled, output }] of config.destinations.entries())
      if (enabled && output.file !== undefined)
        problem(['destinations', index, 'output', 'file'], `with delivery: exactly_once "${slug}" needs a topic`, hint)
    if (config.dead_letters?.file !== undefined)
      problem(['dead_letters', 'file'], 'with delivery: exactly_once dead letters need a topic', hint)
  }
  const { warehouse } = config
  if (config.source.kafka?.topics.includes(config.holds.topic) === true)
    problem(
      ['holds', 'topic'],
      `topic "${config.holds.topic}" is an input too: it would feed itself`,
      'hold in another topic',
    )
  const uses = usesOf(config)
  for (const { slug, topic } of told) {
    const use = uses.get(topic)
    if (use !== undefined)
      problem(
        ['entities', slug, 'events', 'topic'],
        `topic "${topic}" is ${use} too, and row events are no such events`,
        'give the row events a topic of their own',
      )
  }
  const overPg = warehouse.type === 'postgres' || warehouse.type === 'redshift'
  if (overPg && warehouse.url === undefined && warehouse.host === undefined) {
    problem(['warehouse'], 'warehouse: needs url or host', 'write url: "${env:PG_URL}"')
  }
  const slugs = new Map<string, number>()
  for (const [index, { slug, output }] of config.destinations.entries()) {
    if (slugs.has(slug))
      problem(
        ['destinations', index, 'slug'],
        `destination "${slug}" is there twice`,
        'give each destination its own slug',
      )
    slugs.set(slug, index)
    const input = config.source.kafka?.topics ?? []
    if (output.topic !== undefined && input.includes(output.topic)) {
      problem(
        ['destinations', index, 'output', 'topic'],
        `topic "${output.topic}" is an input too: it would feed itself`,
        'write to another topic',
      )
    }
  }
}

/** What each topic is for. */
function usesOf({ source, destinations, dead_letters: letters, holds }: Config): ReadonlyMap<string, string> {
  const uses = new Map([[holds.topic, 'the hold topic']])
  uses.set(letters?.topic ?? deadLettersTopic, 'the dead-letter topic')
  for (const { slug, output } of destinations)
    if (output.topic !== undefined) uses.set(output.topic, `the output of "${slug}"`)
  for (const topic of source.kafka?.topics ?? []) uses.set(topic, 'an input')
  return uses
}

const deadLettersTopic = 'linked-events.dlq'

function absolutePaths(config: Config, dir: string): Config {
  const at = (path: string) => (path === '-' ? path : resolve(dir, path))
  const { warehouse, source, kafka } = config
  const stateDir = at(config.state_dir)
  return {
    ...config,
    data_graph: at(config.data_graph),
    state_dir: stateDir,
    warehouse: warehouse.type === 'duckdb' ? { ...warehouse, path: at(warehouse.path) } : warehouse,
    source: source.file === undefined ? source : { file: at(source.file) },
    dead_letters: deadLettersOf(config, at, stateDir),
    destinations: config.destinations.map((destination) => {
      const { output } = destination
      return output.file === undefined ? destination : { ...destination, output: { ...output, file: at(output.file) } }
    }),
    ...(kafka === undefined || typeof kafka.tls === 'boolean'
      ? {}
      : {
          kafka: {
            ...kafka,
            tls: Object.fromEntries(Object.entries(kafka.tls).map(([key, path]) => [key, at(path as string)])),
          },
        }),
  }
}

function deadLettersOf(config: Config, at: (path: string) => string, stateDir: string) {
  if (config.dead_letters?.file !== undefined) return { file: at(config.dead_letters.file) }
  if (config.dead_letters?.topic !== undefined) return config.dead_letters
  return config.source.kafka === undefined
    ? { file: resolve(stateDir, 'dead-letters.ndjson') }
    : { topic: deadLettersTopic }
}

/** By file and place, errors and warnings together. */
function inOrder(problems: readonly Problem[]): Problem[] {
  return [...problems].sort(
    (a, b) =>
      (a.file ?? '').localeCompare(b.file ?? '') || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
  )
}
