/**
 * A data graph of v0.0.6, or of bare entities, as v1.0.0. The text is edited at the places where the parser found what changes:
 * comments, order, spaces and line ends stay byte for byte.
 */
import { slugLike } from './check-entities.ts'
import { parseDataGraph } from './graph.ts'
import type { Place } from './lexer.ts'
import { type Attribute, type Block, parseBlocks } from './syntax.ts'

const types: Readonly<Record<string, string>> = {
  none: 'segment:unmaterialized',
  segment: 'segment:materialized',
  dbt: 'segment:dbt',
}

interface Edit {
  readonly from: number
  readonly to: number
  readonly text: string
}

/** The text itself when it has mistakes, or is v1.0.0 already. */
export function upgradeDataGraph(text: string): string {
  const { graph } = parseDataGraph(text)
  if (graph === null) return text
  const blocks = parseBlocks(text, [])
  const root = blocks.find(({ type }) => type === 'data_graph')
  if (root !== undefined && graph.version === 'v1.0.0') return text
  const upgrade = new Upgrade(text)
  if (root === undefined) upgrade.wrap(blocks)
  else
    upgrade.root(
      root,
      [...root.blocks, ...blocks].filter(({ type }) => type === 'entity'),
    )
  return upgrade.text()
}

class Upgrade {
  readonly #text: string
  readonly #lineStarts: readonly number[]
  readonly #newLine: string
  readonly #edits: Edit[] = []
  /** Entity label → slug. */
  #slugs: ReadonlyMap<string, string> = new Map()
  /** Label → last part of its table: in v0.0.6 a join may name either. */
  #tables: ReadonlyMap<string, string> = new Map()

  constructor(text: string) {
    this.#text = text
    this.#lineStarts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)]
    this.#newLine = text.includes('\r\n') ? '\r\n' : '\n'
  }

  text(): string {
    let result = ''
    let done = 0
    for (const { from, to, text } of this.#edits.sort((a, b) => a.from - b.from)) {
      result += this.#text.slice(done, from) + text
      done = to
    }
    return result + this.#text.slice(done)
  }

  /** Bare entities keep their indentation: whoever wants another one has an editor. */
  wrap(blocks: readonly Block[]): void {
    const start = this.#offset(blocks[0]!)
    const end = this.#offset(blocks.at(-1)!.close) + 1
    this.#edit(start, start, ['data_graph {', '  version = "v1.0.0"', ''].join(this.#newLine))
    this.#edit(end, end, `${this.#newLine}}`)
  }

  root(root: Block, entities: readonly Block[]): void {
    this.#replaceText(attributeOf(root, 'version')!.at, 'v1.0.0')
    this.#slugs = slugsOf(entities)
    this.#tables = new Map(
      entities.map((entity) => [entity.label!, String(attributeOf(entity, 'table_ref')!.value).split('.').at(-1)!]),
    )
    for (const entity of entities) this.#rename(entity, this.#slugs.get(entity.label!)!)
    for (const profile of root.blocks.filter(({ type }) => type === 'profile')) this.#profile(profile)
  }

  #profile(profile: Block): void {
    const materialization = attributeOf(profile, 'materialization')!
    const at = this.#offset(materialization)
    this.#edit(at, at + materialization.name.length, 'type')
    this.#replaceText(materialization.at, types[String(materialization.value)]!)
    const relationships = relationshipsBelow(profile)
    const slugs = new Slugs(relationships.map(({ label }) => label!))
    for (const relationship of relationships) this.#rename(relationship, slugs.take(relationship.label!))
    for (const child of profile.blocks) this.#joins(child, null)
  }

  #joins(relationship: Block, from: string | null): void {
    const related = attributeOf(relationship, 'related_entity')!
    const to = String(related.value)
    if (this.#slugs.get(to) !== to) this.#replaceText(related.at, this.#slugs.get(to)!)
    const joinOn = attributeOf(relationship, 'join_on')
    if (joinOn !== undefined && from !== null) {
      const [left, right] = String(joinOn.value).split('=') as [string, string]
      const turned = this.#names(left, to) && !this.#names(left, from)
      const sides = turned
        ? [this.#named(left, to), this.#named(right, from)]
        : [this.#named(left, from), this.#named(right, to)]
      this.#replaceText(joinOn.at, sides.join('='))
    }
    for (const junction of relationship.blocks.filter(({ type }) => type === 'junction_table')) {
      for (const [name, entity] of [
        ['left_join_on', from!],
        ['right_join_on', to],
      ] as const) {
        const attribute = attributeOf(junction, name)!
        const parts = String(attribute.value).split('=')
        const owned = parts.findIndex((part) => part.trim().includes('.'))
        this.#replaceText(
          attribute.at,
          parts.map((part, index) => (index === owned ? this.#named(part, entity) : part)).join('='),
        )
      }
    }
    for (const child of relationship.blocks.filter(({ type }) => type === 'relationship')) this.#joins(child, to)
  }

  /** Whether a side of a join, such as ` carts.id `, names the entity or its table. */
  #names(side: string, label: string): boolean {
    const name = side.trim().slice(0, side.trim().lastIndexOf('.'))
    return name === label || name.split('.').at(-1) === this.#tables.get(label)
  }

  /** The side with the slug of the entity in front of the column. */
  #named(side: string, label: string): string {
    return side.replace(/\S+\.(?=[^\s.]+\s*$)/, () => `${this.#slugs.get(label)!}.`)
  }

  /** A label that is no slug becomes one; the name, which v1.0.0 requires, keeps what it said. */
  #rename(block: Block, slug: string): void {
    if (slug !== block.label) this.#replaceText(block.labelAt, slug)
    const named = attributeOf(block, 'name')
    if (named !== undefined) {
      if (String(named.value).trim() === '') this.#replaceText(named.at, block.label!)
      return
    }
    const brace = this.#offset(block.open) + 1
    const restOfLine = /[ \t]*(?:(?:#|\/\/)[^\n]*?)?(?=\r?\n)/y
    restOfLine.lastIndex = brace
    const rest = restOfLine.exec(this.#text)
    const name = `name = ${quoted(block.label!)}`
    if (rest === null) this.#edit(brace, brace, ` ${name}`)
    else this.#edit(brace + rest[0].length, brace + rest[0].length, this.#newLine + this.#indentIn(block) + name)
  }

  #indentIn(block: Block): string {
    const [first] = [...block.attributes, ...block.blocks].sort((a, b) => a.line - b.line)
    const indent = (line: number) => /[ \t]*/y.exec(this.#text.slice(this.#lineStarts[line - 1]))![0]
    return first !== undefined && first.line > block.open.line ? indent(first.line) : `${indent(block.line)}  `
  }

  #replaceText(place: Place, value: string): void {
    const from = this.#offset(place)
    const literal = /"(?:[^"\\\n]|\\.)*"/y
    literal.lastIndex = from
    const written = literal.exec(this.#text)![0]
    if (written !== quoted(value)) this.#edit(from, from + written.length, quoted(value))
  }

  #edit(from: number, to: number, text: string): void {
    this.#edits.push({ from, to, text })
  }

  #offset({ line, column }: Place): number {
    return this.#lineStarts[line - 1]! + column - 1
  }
}

const attributeOf = (block: Block, name: string): Attribute | undefined =>
  block.attributes.find((attribute) => attribute.name === name)

const quoted = (value: string): string =>
  `"${value.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\t', '\\t').replaceAll('\r', '\\r')}"`

const relationshipsBelow = (block: Block): Block[] =>
  block.blocks.filter(({ type }) => type === 'relationship').flatMap((child) => [child, ...relationshipsBelow(child)])

function slugsOf(entities: readonly Block[]): Map<string, string> {
  const labels = entities.map(({ label }) => label!)
  const slugs = new Slugs(labels)
  return new Map(labels.map((label) => [label, slugs.take(label)]))
}

/** Gives each label a slug of its own; those that are slugs already have the first choice. */
class Slugs {
  readonly #reserved: Set<string>
  readonly #taken = new Set<string>()

  constructor(labels: readonly string[]) {
    this.#reserved = new Set(labels.filter((label) => slugLike(label) === label))
  }

  take(label: string): string {
    const base = slugLike(label)
    let slug = base
    for (let number = 2; this.#taken.has(slug) || (slug !== label && this.#reserved.has(slug)); number++)
      slug = `${base}-${number}`
    this.#taken.add(slug)
    return slug
  }
}
