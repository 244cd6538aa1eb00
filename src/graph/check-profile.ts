/** The profile and the relationships below it. Linked Events needs none of this; it is checked all the same. */
import { nearest, type Problem } from '../errors.ts'
import { slugOf } from './check-entities.ts'
import type { Entity, Profile, Relationship, Version } from './graph.ts'
import { joinOf } from './join.ts'
import { graphProblem } from './lexer.ts'
import { Reader } from './reader.ts'
import type { Block } from './syntax.ts'

/** Levels, the profile included. */
const depthMax = 6

const types = ['segment:unmaterialized', 'segment:materialized', 'segment:dbt']
const materializations = ['dbt', 'segment', 'none']

export interface Surroundings {
  readonly version: Version
  readonly entities: readonly Entity[]
  readonly problems: Problem[]
}

export function checkProfile(
  block: Block | undefined,
  around: Surroundings,
): { profile: Profile | null; relationships: Relationship[] } {
  if (block === undefined) return { profile: null, relationships: [] }
  const { version, problems } = around
  const attribute = version === 'v0.0.6' ? 'materialization' : 'type'
  const reader = new Reader(block, ['profile_folder', attribute], ['relationship'], problems)
  const folder = reader.text('profile_folder')
  const type = reader.text(attribute)
  const known = version === 'v0.0.6' ? materializations : types
  if (type !== null && !known.includes(type)) {
    const near = nearest(type, known)
    problems.push(
      graphProblem(
        'bad_type',
        `${attribute} "${type}" is not known`,
        reader.place(attribute),
        near === null ? `one of ${known.join(', ')}` : `did you mean "${near}"?`,
      ),
    )
  }
  const relationships: Relationship[] = []
  for (const child of block.blocks) checkRelationship(child, { path: [], from: 'profile', relationships }, around)
  return { profile: { profile_folder: folder ?? '', type: type ?? '' }, relationships }
}

interface Above {
  readonly path: readonly string[]
  readonly from: string
  readonly relationships: Relationship[]
}

function checkRelationship(block: Block, above: Above, around: Surroundings): void {
  if (block.type !== 'relationship') return // the reader above has said so
  const { version, entities, problems } = around
  const { relationships } = above
  const joins = ['external_id', 'trait', 'junction_table']
  const reader = new Reader(
    block,
    ['name', 'description', 'related_entity', 'join_on'],
    ['relationship', ...joins],
    problems,
  )
  const slug = slugOf(block, version, problems) ?? ''
  const name = version === 'v0.0.6' ? (reader.optional('name') ?? slug) : reader.text('name')
  const description = reader.optional('description')
  const path = [...above.path, slug]
  if (path.length + 1 > depthMax) {
    problems.push(
      graphProblem(
        'too_deep',
        `relationship "${slug}" is on level ${path.length + 1}`,
        block.labelAt,
        `${depthMax} levels at most, the profile included`,
      ),
    )
  }
  if (version === 'v1.0.0' && relationships.some((other) => other.path.at(-1) === slug)) {
    problems.push(
      graphProblem(
        'duplicate_slug',
        `relationship "${slug}" is there twice`,
        block.labelAt,
        'a slug names one relationship',
      ),
    )
  }
  const to = reader.text('related_entity')
  if (to !== null && !entities.some((entity) => entity.slug === to)) {
    const slugs = entities.map((entity) => entity.slug)
    const near = nearest(to, slugs)
    const hint = near === null ? `defined are ${slugs.join(', ') || 'none'}` : `did you mean "${near}"?`
    problems.push(
      graphProblem('unknown_entity', `related_entity "${to}" is not defined`, reader.place('related_entity'), hint),
    )
  }
  const join = joinOf(block, reader, { from: above.from, to: to ?? '' }, around)
  if (join !== null) {
    relationships.push({
      path,
      name: name ?? slug,
      ...(typeof description === 'string' ? { description } : {}),
      from: above.from,
      to: to ?? '',
      join,
    })
  }
  for (const child of block.blocks) checkRelationship(child, { path, from: to ?? '', relationships }, around)
}
