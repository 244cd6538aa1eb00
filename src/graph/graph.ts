/** Segment's Data Graph language: which tables are entities, and how they hang together. Versions v0.0.6, v1.0.0 and bare `entity` blocks. */
import type { Problem } from '../errors.ts'
import { checkEntities } from './check-entities.ts'
import { checkProfile } from './check-profile.ts'
import { graphProblem, type Place } from './lexer.ts'
import { Reader } from './reader.ts'
import { type Block, parseBlocks } from './syntax.ts'

export interface Entity {
  /** Small letters, digits, dashes and underscores; unique. */
  readonly slug: string
  readonly name: string
  readonly description?: string
  /** The table or view, as the warehouse names it: one to three parts. */
  readonly table_ref: string
  /** The column that identifies a row. */
  readonly primary_key: string
  /** Whether Linked Events syncs it. */
  readonly enrichment_enabled: boolean
}

export interface Profile {
  readonly profile_folder: string
  /** v1.0.0: `segment:materialized` and the like; v0.0.6: its `materialization`. */
  readonly type: string
}

export interface ColumnOf {
  readonly entity: string
  readonly column: string
}

export type Join =
  | { readonly kind: 'external_id'; readonly type: string; readonly join_key: string }
  | { readonly kind: 'trait'; readonly name: string; readonly join_key: string }
  | { readonly kind: 'join_on'; readonly left: ColumnOf; readonly right: ColumnOf }
  | {
      readonly kind: 'junction_table'
      readonly table_ref: string
      readonly primary_key: string
      readonly left: ColumnOf & { readonly junction_column: string }
      readonly right: ColumnOf & { readonly junction_column: string }
      /** Joins are always inner. */
      readonly inner: true
    }

export interface Relationship {
  /** Slugs from the profile down to this relationship. */
  readonly path: readonly string[]
  readonly name: string
  readonly description?: string
  /** `profile`, or the slug of the entity above. */
  readonly from: string
  readonly to: string
  readonly join: Join
}

export interface DataGraph {
  readonly version: string
  readonly entities: readonly Entity[]
  readonly profile: Profile | null
  /** Flat, parents before children. */
  readonly relationships: readonly Relationship[]
}

export interface ParsedDataGraph {
  readonly ok: boolean
  /** Null when a problem is an error. */
  readonly graph: DataGraph | null
  readonly problems: readonly Problem[]
  /** Where `entity.<slug>` and `entity.<slug>.<attribute>` stand in the text. */
  readonly places: ReadonlyMap<string, Place>
}

/** A text that is no data graph at all has a mistake in every line; nobody reads more than these. */
const problemsMax = 100

/** Reads and checks a data graph; never throws on any text. */
export function parseDataGraph(text: string): ParsedDataGraph {
  const problems: Problem[] = []
  const places = new Map<string, Place>()
  const blocks = parseBlocks(text, problems)
  const graph = check(blocks, problems, places)
  problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0))
  const ok = !problems.some(({ severity }) => severity === 'error')
  return { ok, graph: ok ? graph : null, problems: problems.slice(0, problemsMax), places }
}

export const versions = ['v0.0.6', 'v1.0.0'] as const
export type Version = (typeof versions)[number]

function check(blocks: readonly Block[], problems: Problem[], places: Map<string, Place>): DataGraph | null {
  const roots = blocks.filter(({ type }) => type === 'data_graph')
  const bare = blocks.filter(({ type }) => type === 'entity')
  for (const block of blocks.filter(({ type }) => type !== 'data_graph' && type !== 'entity')) {
    problems.push(
      graphProblem('syntax', `${block.type} stands outside of data_graph`, block, 'put it inside data_graph { … }'),
    )
  }
  if (roots.length + bare.length === 0) {
    if (problems.length === 0)
      problems.push(
        graphProblem(
          'syntax',
          'there is no data_graph block',
          { line: 1, column: 1 },
          'begin with data_graph { version = "v1.0.0" … }',
        ),
      )
    return null
  }
  for (const extra of roots.slice(1))
    problems.push(graphProblem('syntax', 'a second data_graph block', extra, 'one file holds one data graph'))
  const root = roots[0]
  if (root === undefined)
    return { version: 'v1.0.0', ...checkEntities(bare, 'v1.0.0', problems, places), profile: null, relationships: [] }
  const reader = new Reader(root, ['version'], ['entity', 'profile'], problems)
  const version = versionOf(reader, problems)
  const entityBlocks = [...root.blocks.filter(({ type }) => type === 'entity'), ...bare]
  const { entities } = checkEntities(entityBlocks, version, problems, places)
  const profiles = root.blocks.filter(({ type }) => type === 'profile')
  for (const extra of profiles.slice(1))
    problems.push(graphProblem('duplicate_profile', 'a second profile block', extra, 'a data graph has at most one'))
  return { version, entities, ...checkProfile(profiles[0], { version, entities, problems }) }
}

function versionOf(reader: Reader, problems: Problem[]): Version {
  const version = reader.text('version')
  if (version === null || versions.includes(version as Version)) return (version as Version | null) ?? 'v1.0.0'
  const hint = `known versions: ${versions.join(', ')}`
  problems.push(graphProblem('unsupported_version', `version "${version}" is not known`, reader.place('version'), hint))
  return 'v1.0.0'
}
