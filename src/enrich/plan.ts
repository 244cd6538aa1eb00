/** What to do with an event: the operator's destinations and mappings, compiled. Built once, never changed. */
import type { JsonObject } from '../json.ts'
import type { CompiledMapping } from '../mapping/mapping.ts'
import type { CheckedPayload } from '../mapping/payload.ts'
import type { CompiledTrigger } from '../trigger/trigger.ts'
import type { Limits } from './decode.ts'
import type { Binding, Match, OnMissing } from './match.ts'
import type { Provenance } from './provenance.ts'
import type { Target } from './sink.ts'

export interface MappingPlan {
  readonly name: string
  readonly action: string
  readonly trigger: CompiledTrigger
  readonly bindings: readonly Binding[]
  readonly mapping: CompiledMapping
  /** Cleans and checks the result against the action's JSON schema, where the operator gives one. */
  readonly schema: ((payload: JsonObject) => CheckedPayload) | null
  /** The mapping as it was written, for explanations. */
  readonly kit: JsonObject
}

export interface DestinationPlan {
  readonly slug: string
  /** What events call it in their integrations object. */
  readonly integration: string
  /** Consent categories it needs, all of them. */
  readonly categories: readonly string[]
  readonly target: Target
  readonly format: 'payload' | 'event'
  /** Enabled mappings only. */
  readonly mappings: readonly MappingPlan[]
}

/** Where events wait for the rows they miss, and for how long. */
export interface HoldPlan {
  readonly target: { readonly topic: string }
  /** Newer versions that are asked before the event goes on without its row. */
  readonly attempts: number
  /** What becomes of it then. */
  readonly then: Exclude<OnMissing, 'hold'>
}

export interface Plan {
  readonly space: string
  /** Enabled destinations only. */
  readonly destinations: readonly DestinationPlan[]
  /** Null when no mapping says on_missing: hold. */
  readonly holds: HoldPlan | null
  readonly limits: Limits
  /** A short digest of a text, the same for ever; names input topic, destination and mapping in an event id. */
  readonly digest: (text: string) => string
}

/** The entities that some mapping needs: nothing is consumed before each has a verified version. */
export function entitiesOf(plan: Plan): string[] {
  const entities = plan.destinations.flatMap(({ mappings }) =>
    mappings.flatMap(({ bindings }) => bindings.map(({ entity }) => entity)),
  )
  return [...new Set(entities)].sort()
}

/** The provenance of one record of a topic. */
export type ProvenanceFor = (
  destination: DestinationPlan,
  mapping: MappingPlan,
  outcome: Provenance['outcome'],
  matches: readonly Match[],
) => Provenance

/** Hands out, per input topic, one `Provenance` object for each distinct content. */
export function provenances(plan: Plan): (topic: string) => ProvenanceFor {
  const topics = new Map<string, ProvenanceFor>()
  return (topic) => {
    let provenanceFor = topics.get(topic)
    if (provenanceFor === undefined) topics.set(topic, (provenanceFor = provenancesOf(plan, topic)))
    return provenanceFor
  }
}

function provenancesOf(plan: Plan, topic: string): ProvenanceFor {
  const known = new Map<string, Provenance>()
  const last = new Map<MappingPlan, { readonly matches: readonly Match[]; readonly provenance: Provenance }>()
  return (destination, mapping, outcome, matches) => {
    // Most records of a mapping say the same as the one before; to see that costs less than to write it again.
    const before = last.get(mapping)
    if (before !== undefined && isSame(before.matches, matches)) return before.provenance
    const entities = entitiesText(matches)
    const id = `${destination.slug}\n${mapping.name}\n${outcome}\n${entities}`
    let provenance = known.get(id)
    if (provenance === undefined) {
      provenance = {
        destination: destination.slug,
        action: mapping.action,
        mapping: mapping.name,
        outcome,
        entities,
        eventIdPrefix: plan.digest(`${topic}\n${destination.slug}\n${mapping.name}`),
      }
      if (known.size >= 1000) known.clear() // new snapshot versions make new contents
      known.set(id, provenance)
    }
    last.set(mapping, { matches: matches.map((match) => ({ ...match, key: null, row: null })), provenance })
    return provenance
  }
}

/** Status and snapshot version of each entity, as in the header `le.entities`; of lines each status once. */
function entitiesText(matches: readonly Match[]): string {
  return [
    ...new Set(matches.map(({ binding, status, version }) => `${binding.entity}=${status}@${version ?? 0}`)),
  ].join(' ')
}

/** Of one mapping, whose entities are always the same. */
function isSame(before: readonly Match[], now: readonly Match[]): boolean {
  if (before.length !== now.length) return false
  for (let index = 0; index < now.length; index++) {
    const one = before[index]!
    const other = now[index]!
    if (one.status !== other.status || one.version !== other.version) return false
  }
  return true
}
