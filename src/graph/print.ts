/** A data graph for people: as a tree in a terminal, and as a Mermaid diagram. */
import type { DataGraph, Entity, Join, Relationship } from './graph.ts'

/** The entities, then the relationships below the profile, indented with lines. */
export function printTree(graph: DataGraph): string {
  const width = Math.max(0, ...graph.entities.map(({ slug }) => slug.length))
  const entities = graph.entities.map((entity) => entityLine(entity, width))
  const lines = [`data graph ${graph.version}`, ...branches(entities.map((line) => [line]))]
  if (graph.profile !== null) {
    lines.push(`profile (${graph.profile.profile_folder}, ${graph.profile.type})`)
    lines.push(...branches(childrenOf(graph, []).map((child) => relationshipLines(graph, child))))
  }
  return `${lines.join('\n')}\n`
}

/** `flowchart` text: entities with a thick border are those that Linked Events syncs. */
export function printMermaid(graph: DataGraph): string {
  const id = (slug: string): string =>
    slug === 'profile' ? 'profile' : `e${graph.entities.findIndex((e) => e.slug === slug)}`
  const lines = ['flowchart LR']
  if (graph.profile !== null) lines.push('  profile(["profile"])')
  for (const entity of graph.entities) {
    lines.push(`  ${id(entity.slug)}["${label(`${entity.slug}\n${entity.table_ref}\nkey ${entity.primary_key}`)}"]`)
    if (entity.enrichment_enabled) lines.push(`  style ${id(entity.slug)} stroke-width:3px`)
  }
  for (const { from, to, name, join } of graph.relationships) {
    lines.push(`  ${id(from)} -->|"${label(`${name}\n${joinText(join)}`)}"| ${id(to)}`)
  }
  return `${lines.join('\n')}\n`
}

function entityLine(entity: Entity, width: number): string {
  const enabled = entity.enrichment_enabled ? ', enrichment enabled' : ''
  return `${entity.slug.padEnd(width)}  ${entity.table_ref}, key ${entity.primary_key}${enabled}`
}

function childrenOf(graph: DataGraph, path: readonly string[]): Relationship[] {
  return graph.relationships.filter(
    (one) => one.path.length === path.length + 1 && path.every((slug, index) => one.path[index] === slug),
  )
}

function relationshipLines(graph: DataGraph, relationship: Relationship): string[] {
  const { path, name, to, join } = relationship
  const head = `${path.at(-1)} "${name}" → ${to}  (${joinText(join)})`
  return [head, ...branches(childrenOf(graph, path).map((child) => relationshipLines(graph, child)))]
}

/** Each item's first line on a branch, its others below it. */
function branches(items: readonly (readonly string[])[]): string[] {
  return items.flatMap((lines, index) => {
    const last = index === items.length - 1
    return lines.map((line, at) => (at === 0 ? (last ? '└─ ' : '├─ ') : last ? '   ' : '│  ') + line)
  })
}

function joinText(join: Join): string {
  switch (join.kind) {
    case 'external_id':
      return `external id ${join.type} = ${join.join_key}`
    case 'trait':
      return `trait ${join.name} = ${join.join_key}`
    case 'join_on':
      return `${join.left.entity}.${join.left.column} = ${join.right.entity}.${join.right.column}`
    case 'junction_table':
      return `via ${join.table_ref}: ${join.left.column} = ${join.left.junction_column}, ${join.right.junction_column} = ${join.right.column}`
  }
}

/** Mermaid takes HTML entities in quoted text; anything else might end it. */
function label(text: string): string {
  return text.replace(/[&"<>#]/g, (character) => `#${character.charCodeAt(0)};`).replaceAll('\n', '<br/>')
}
