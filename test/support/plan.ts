/** A plan from a few words, compiled as the configuration would be. */

import { defaultLimits } from '../../src/enrich/decode.ts'
import { type Binding, parseMatch } from '../../src/enrich/match.ts'
import type { DestinationPlan, MappingPlan, Plan } from '../../src/enrich/plan.ts'
import type { Target } from '../../src/enrich/sink.ts'
import type { JsonObject } from '../../src/json.ts'
import { compileMapping } from '../../src/mapping/mapping.ts'
import { compilePayloadSchema } from '../../src/mapping/payload.ts'
import { compileTrigger } from '../../src/trigger/trigger.ts'

export interface MappingWords {
  readonly name?: string
  readonly trigger?: string
  readonly entities?: Readonly<Record<string, string>>
  readonly onMissing?: Binding['onMissing']
  readonly mapping: JsonObject
  readonly strict?: boolean
  readonly schema?: JsonObject | null
}

/** Compiling a schema takes milliseconds, and a property has thousands of plans with the same few. */
const schemas = new Map<string, MappingPlan['schema']>()

function schemaOf(schema: JsonObject): MappingPlan['schema'] {
  const text = JSON.stringify(schema)
  const compiled = schemas.get(text) ?? compilePayloadSchema(schema)
  schemas.set(text, compiled)
  return compiled
}

export function mappingOf({
  name = 'Mapping',
  trigger = 'type = "track"',
  entities = {},
  onMissing = 'pass',
  mapping,
  strict = false,
  schema = null,
}: MappingWords): MappingPlan {
  return {
    name,
    action: 'send',
    trigger: compileTrigger(trigger, { strict }),
    bindings: Object.entries(entities).map(([entity, match]) => ({
      entity,
      match,
      ...parseMatch(match),
      onMissing,
    })),
    mapping: compileMapping(mapping),
    schema: schema === null ? null : schemaOf(schema),
    kit: mapping,
  }
}

export interface DestinationWords {
  readonly slug?: string
  readonly categories?: readonly string[]
  readonly format?: 'payload' | 'event'
  readonly target?: Target
  readonly mappings: readonly MappingWords[]
}

export function planOf(...destinations: DestinationWords[]): Plan {
  return {
    space: 'shop',
    holds: { target: { topic: 'holds' }, attempts: 3, then: 'pass' },
    limits: defaultLimits,
    digest: (text) => `id(${text.replaceAll('\n', '|')})`,
    destinations: destinations.map(
      ({ slug = 'crm', categories = [], format = 'payload', target = { topic: slug }, mappings }): DestinationPlan => ({
        slug,
        integration: slug,
        categories,
        format,
        target,
        mappings: mappings.map(mappingOf),
      }),
    ),
  }
}

export const row = (entity: string, column?: string) => ({
  '@path': `$.__segment_entities.shop.${entity}${column === undefined ? '' : `.${column}`}`,
})
