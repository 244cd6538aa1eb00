/** Destinations and mappings, compiled; each problem points at the line of the trigger or directive it is about. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Binding, isMatchOfLists, parseMatch } from '../enrich/match.ts'
import type { DestinationPlan, MappingPlan } from '../enrich/plan.ts'
import type { Target } from '../enrich/sink.ts'
import { LinkedEventsError, nearest, type Problem } from '../errors.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { CompiledMapping } from '../mapping/mapping.ts'
import { compilePayloadSchema } from '../mapping/payload.ts'
import { rowWrites } from '../mapping/row-writes.ts'
import type { Config, MappingConfig } from './config.ts'
import { type Path, readDocument } from './document.ts'
import type { GraphFile } from './entities.ts'
import type { Places } from './mapping-files.ts'
import { type CompiledTexts, problemAt } from './texts.ts'

interface Surroundings {
  readonly config: Config
  readonly texts: CompiledTexts
  readonly graph: GraphFile
  readonly places: Places
  /** Folder that relative paths begin in. */
  readonly dir: string
}

/** The enabled destinations with their enabled mappings. Disabled ones are checked too. */
export function compileDestinations(surroundings: Surroundings, problems: Problem[]): DestinationPlan[] {
  const { config, dir } = surroundings
  const destinations: DestinationPlan[] = []
  for (const [d, destination] of config.destinations.entries()) {
    const mappings: MappingPlan[] = []
    const names = new Set<string>()
    for (const [m, mapping] of destination.mappings.entries()) {
      const path = ['destinations', d, 'mappings', m]
      if (names.has(mapping.name)) {
        problems.push(
          problemAt(
            surroundings.places.place([...path, 'name']),
            'CONFIG_INVALID',
            `mapping "${mapping.name}" is there twice in ${destination.slug}`,
            'give each mapping of a destination its own name',
          ),
        )
      }
      names.add(mapping.name)
      const compiled = compile(mapping, path, surroundings, problems)
      if (compiled !== null && mapping.enabled) mappings.push(compiled)
    }
    const { output } = destination
    const target: Target =
      output.topic !== undefined
        ? { topic: output.topic }
        : { file: output.file === '-' ? '-' : resolve(dir, output.file!), record: output.record }
    const { slug, integration = slug, consent_categories: categories } = destination
    if (destination.enabled)
      destinations.push({ slug, integration, categories, target, format: output.format, mappings })
  }
  return destinations
}

function compile(
  mapping: MappingConfig,
  path: Path,
  surroundings: Surroundings,
  problems: Problem[],
): MappingPlan | null {
  const { trigger, mapping: compiled } = surroundings.texts.get(path.join('.')) ?? { trigger: null, mapping: null }
  const kit = mapping.mapping === undefined ? 'settings' : 'mapping'
  const bindings = bindingsOf(mapping, path, surroundings, problems)
  if (compiled !== null) checkReads(compiled, mapping, [...path, kit], surroundings, problems)
  if (trigger === null || compiled === null) return null
  return {
    name: mapping.name,
    action: mapping.action ?? mapping.actionSlug!,
    trigger,
    mapping: compiled,
    bindings,
    schema: schemaOf(mapping, [...path, 'schema'], surroundings, problems),
    kit: mapping[kit] as JsonObject,
  }
}

function schemaOf(
  mapping: MappingConfig,
  path: Path,
  { places, dir }: Surroundings,
  problems: Problem[],
): MappingPlan['schema'] {
  if (mapping.schema === undefined) return null
  try {
    const schema = typeof mapping.schema === 'string' ? readSchema(resolve(dir, mapping.schema)) : mapping.schema
    return compilePayloadSchema(schema as JsonObject)
  } catch (error) {
    const { code, message, hint } =
      error instanceof LinkedEventsError
        ? error
        : { code: 'FILE_NOT_FOUND', message: (error as Error).message, hint: null }
    problems.push(problemAt(places.place(path), code, `${mapping.name}: ${message}`, hint))
    return null
  }
}

function readSchema(file: string): unknown {
  const { value, problems } = readDocument(readFileSync(file, 'utf8'), file)
  const [first] = problems
  if (first !== undefined) throw new LinkedEventsError('MAPPING_INVALID', `${file}:${first.line}: ${first.message}`)
  return value
}

function bindingsOf(
  mapping: MappingConfig,
  path: Path,
  { config, graph, places }: Surroundings,
  problems: Problem[],
): Binding[] {
  const bindings: Binding[] = []
  const enabled = graph.graph.entities.filter((entity) => entity.enrichment_enabled).map(({ slug }) => slug)
  for (const [index, { entity, match, on_missing, space }] of mapping.entities.entries()) {
    const at = (key: string) => places.place([...path, 'entities', index, key])
    const known = graph.graph.entities.some(({ slug }) => slug === entity)
    if (!enabled.includes(entity)) {
      const near = nearest(entity, enabled)
      const hint = known
        ? `set enrichment_enabled = true for it in ${config.data_graph}`
        : near === null
          ? `the data graph defines ${enabled.join(', ') || 'none'}`
          : `did you mean "${near}"?`
      const message = `mapping "${mapping.name}" names entity "${entity}", which is ${known ? 'not enabled for enrichment' : 'not defined'}`
      problems.push(problemAt(at('entity'), known ? 'ENTITY_NOT_ENABLED' : 'CONFIG_UNKNOWN_ENTITY', message, hint))
    }
    if (bindings.some((binding) => binding.entity === entity)) {
      problems.push(
        problemAt(
          at('entity'),
          'CONFIG_INVALID',
          `mapping "${mapping.name}" names entity "${entity}" twice`,
          'one match property an entity and mapping; make a second mapping',
        ),
      )
    }
    if (space !== undefined && space !== config.space) {
      problems.push(
        problemAt(
          at('space'),
          'CONFIG_INVALID',
          `mapping "${mapping.name}" is for space "${space}", this is "${config.space}"`,
          'one process serves one space',
        ),
      )
    }
    if (isMatchOfLists(match)) {
      problems.push(
        problemAt(
          at('match'),
          'CONFIG_INVALID',
          `match "${match}" goes through lists in lists`,
          'write [*] once, for the list whose lines have rows',
        ),
      )
    }
    if (on_missing === 'hold' && config.source.kafka === undefined) {
      problems.push(
        problemAt(
          at('on_missing'),
          'CONFIG_INVALID',
          'on_missing: hold needs Kafka: a held event waits in a topic',
          'use pass, drop or dead_letter with a file',
        ),
      )
    }
    bindings.push({ entity, match, ...parseMatch(match), onMissing: on_missing })
  }
  return bindings
}

/** Enrichments that nothing fills, and consent that a warehouse would decide. */
function checkReads(
  compiled: CompiledMapping,
  mapping: MappingConfig,
  path: Path,
  { config, places }: Surroundings,
  problems: Problem[],
): void {
  const bound = new Set(mapping.entities.map(({ entity }) => entity))
  const reported = new Set<string>()
  for (const read of compiled.reads) {
    const [root, space, entity] = read.split('.')
    if (root !== '__segment_entities') continue
    if (space !== undefined && space !== config.space && !reported.has(space)) {
      reported.add(space)
      problems.push(
        problemAt(
          places.place(path),
          'CONFIG_INVALID',
          `${mapping.name} reads __segment_entities.${space}, and the space is "${config.space}"`,
          `write __segment_entities.${config.space}`,
        ),
      )
    } else if (space === config.space && entity !== undefined && !bound.has(entity) && !reported.has(entity)) {
      reported.add(entity)
      const near = nearest(entity, bound)
      const hint = near === null ? `add it to entities: - { entity: ${entity}, match: … }` : `did you mean "${near}"?`
      problems.push(
        problemAt(
          places.place(path),
          'ENTITY_NOT_BOUND',
          `${mapping.name} reads entity "${entity}", which it does not list under entities`,
          hint,
        ),
      )
    }
  }
  const consent = rowWrites((mapping.mapping ?? mapping.settings ?? {}) as JsonValue).find((written) =>
    /^context(\.consent(\..*)?)?$/s.test(written),
  )
  if (consent !== undefined) {
    const hint =
      consent === 'context'
        ? 'consent comes from the event alone; write the fields below context one by one'
        : 'consent comes from the event alone; take this field out'
    problems.push(
      problemAt(
        places.place([...path, ...consent.split('.')]),
        'CONSENT_FROM_WAREHOUSE',
        `${mapping.name} writes ${consent} from a row of the warehouse`,
        hint,
      ),
    )
  }
}
