/** Entities: their slugs, tables and keys. */
import type { Problem } from '../errors.ts'
import type { Entity, Version } from './graph.ts'
import { graphProblem, type Place } from './lexer.ts'
import { Reader } from './reader.ts'
import type { Block } from './syntax.ts'

const attributes = ['name', 'description', 'table_ref', 'primary_key', 'enrichment_enabled']

export function checkEntities(
  blocks: readonly Block[],
  version: Version,
  problems: Problem[],
  places: Map<string, Place>,
): { entities: Entity[] } {
  const entities: Entity[] = []
  for (const block of blocks) {
    const reader = new Reader(block, attributes, [], problems)
    const slug = slugOf(block, version, problems)
    const name = version === 'v0.0.6' ? (reader.optional('name') ?? slug) : reader.text('name')
    const tableRef = reader.text('table_ref')
    const primaryKey = reader.text('primary_key')
    if (primaryKey?.includes(',')) {
      const hint = 'name one column; join several in a view'
      problems.push(graphProblem('bad_type', 'primary_key is exactly one column', reader.place('primary_key'), hint))
    }
    const description = reader.optional('description')
    const enabled = reader.flag('enrichment_enabled', false)
    if (tableRef !== null) checkTableRef(tableRef, reader.place('table_ref'), problems)
    if (slug === null) continue
    if (entities.some((entity) => entity.slug === slug)) {
      problems.push(
        graphProblem('duplicate_slug', `entity "${slug}" is there twice`, block.labelAt, 'a slug names one entity'),
      )
      continue
    }
    places.set(`entity.${slug}`, block.labelAt)
    for (const { name: attribute, at } of block.attributes)
      places.set(`entity.${slug}.${attribute}`, { line: at.line, column: at.column })
    entities.push({
      slug,
      name: name ?? slug,
      ...(typeof description === 'string' ? { description } : {}),
      table_ref: tableRef ?? '',
      primary_key: primaryKey ?? '',
      enrichment_enabled: enabled,
    })
  }
  return { entities }
}

/** The label; in v1.0.0 it must be a slug. In none may it be what objects inherit: rows are found by it. */
export function slugOf(block: Block, version: Version, problems: Problem[]): string | null {
  const { type, label, labelAt } = block
  if (label === null || label.trim() === '') {
    problems.push(graphProblem('missing_attribute', `${type} has no slug`, block, `write ${type} "some-slug" {`))
    return null
  }
  const why =
    label in {}
      ? 'every object has a member called so'
      : version === 'v1.0.0' && slugLike(label) !== label && 'small letters, digits, dashes and underscores only'
  if (why !== false) {
    const hint = `write ${type} "${slugLike(label)}"`
    problems.push(graphProblem('invalid_slug', `"${label}" is no slug: ${why}`, labelAt, hint))
  }
  return label
}

/** The slug that is most like a label; a slug is most like itself. */
export function slugLike(label: string): string {
  const slug = label.toLowerCase().replace(/[^a-z0-9_-]+/g, '-')
  return slug in {} ? `${slug}-1` : slug
}

export function checkTableRef(ref: string, place: Place, problems: Problem[]): void {
  const parts = ref.match(/"(?:[^"]|"")*"|[^."]+/g) ?? []
  if (parts.length >= 1 && parts.length <= 3 && parts.join('.') === ref) return
  problems.push(
    graphProblem(
      'bad_type',
      `table_ref "${ref}" is not one to three names with dots between`,
      place,
      'write "DATABASE.SCHEMA.TABLE"',
    ),
  )
}
