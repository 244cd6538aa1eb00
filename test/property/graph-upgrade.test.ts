import fc from 'fast-check'
import { expect, it } from 'vitest'
import { parseDataGraph } from '../../src/graph/graph.ts'
import { upgradeDataGraph } from '../../src/graph/upgrade.ts'
import { parityRuns, paritySeed } from '../support/oracle.ts'

const pick = <T>(...values: readonly T[]) => fc.constantFrom(...values)

/** A piece of text that stays, or one that may become another: a quoted text, or the name of an attribute. */
type Piece = { readonly stays: string } | { readonly changes: string } | { readonly block: string }

const slugs = ['account', 'cart-1', 'product_entity', 'a', '7']
const label = fc.oneof(
  pick(...slugs),
  pick('Accounts', 'Produkt für "Kunden"', 'a b', 'A B', 'a-b', 'back\\slash', 'Ä', 'tab\there'),
)
const name = fc.option(pick('Account', '', ' ', 'with "quotes"', '# no comment'), { nil: undefined })

interface EntityModel {
  readonly label: string
  readonly name: string | undefined
  readonly table: string
  readonly enabled: boolean | undefined
}
const entity: fc.Arbitrary<EntityModel> = fc.record({
  label,
  name,
  table: pick('accounts', 'CRM.accounts', 'DB.SHOP.Carts', 'carts'),
  enabled: pick(true, false, undefined),
})

interface RelationshipModel {
  readonly label: string
  readonly name: string | undefined
  readonly to: number
  readonly join: 'join_on' | 'junction_table'
  readonly named: readonly ('label' | 'table' | 'other')[]
  readonly turned: boolean
  readonly children: readonly RelationshipModel[]
}
const named = pick<RelationshipModel['named'][number]>('label', 'table', 'other')
const { relationship } = fc.letrec<{ relationship: RelationshipModel }>((tie) => ({
  relationship: fc.record({
    label,
    name,
    to: fc.nat(9),
    join: pick('join_on', 'junction_table'),
    named: fc.tuple(named, named),
    turned: fc.boolean(),
    children: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constant([]),
      fc.array(tie('relationship'), { minLength: 1, maxLength: 2 }),
    ),
  }),
}))

const types = { none: 'segment:unmaterialized', segment: 'segment:materialized', dbt: 'segment:dbt' }
const model = fc.record({
  entities: fc.uniqueArray(entity, { minLength: 1, maxLength: 4, selector: (one) => one.label }),
  materialization: pick<keyof typeof types>('none', 'segment', 'dbt'),
  profileFirst: fc.boolean(),
  relationships: fc.option(fc.array(relationship, { maxLength: 3 }), { nil: undefined }),
})
type Model = typeof model extends fc.Arbitrary<infer T> ? T : never

const between = fc.array(
  pick(
    ' ',
    '\n',
    '\n  ',
    '\t',
    '\r\n',
    '\n\n',
    ' # note\n',
    '// } note\n',
    '/* { "v0.0.6"\n */',
    '# version = "v0.0.6"\n',
    '# materialization ü\n',
  ),
  { minLength: 1, maxLength: 3 },
)
const quote = (text: string) => JSON.stringify(text)
const stays = (text: string): Piece => ({ stays: text })

/** The model in v0.0.6, word by word. Attributes that only one version knows may change, and so may labels. */
function pieces({ entities, materialization, profileFirst, relationships }: Model): Piece[] {
  const attribute = (key: string, value: string) => [stays(key), stays('='), stays(value)]
  const changing = (key: string, value: string) => [stays(key), stays('='), { changes: quote(value) }]
  const named = (one: { name: string | undefined }) => (one.name === undefined ? [] : changing('name', one.name))
  const entityPieces = entities.flatMap((one) => [
    stays('entity'),
    { changes: quote(one.label) },
    { block: '{' },
    ...attribute('table_ref', quote(one.table)),
    ...named(one),
    ...attribute('primary_key', '"id"'),
    ...(one.enabled === undefined ? [] : attribute('enrichment_enabled', String(one.enabled))),
    stays('}'),
  ])
  const side = (index: number, how: string) =>
    how === 'label' ? entities[index]!.label : how === 'table' ? entities[index]!.table : 'other'
  const relationshipPieces = (one: RelationshipModel, from: number | null): Piece[] => {
    const to = one.to % entities.length
    const sides = [`${sideName(side(from ?? 0, one.named[0]!))}.up`, `${sideName(side(to, one.named[1]!))}.down`]
    const external = [
      stays('external_id'),
      stays('{'),
      ...attribute('type', '"email"'),
      ...attribute('join_key', '"id"'),
      stays('}'),
    ]
    const junction = [
      stays('junction_table'),
      stays('{'),
      ...attribute('table_ref', '"x.y"'),
      ...attribute('primary_key', '"id"'),
      ...changing('left_join_on', `${sides[0]} = left_id`),
      ...changing('right_join_on', `right_id  =${sides[1]}`),
      stays('}'),
    ]
    const join =
      one.join === 'junction_table'
        ? junction
        : changing('join_on', (isTurned(one, from, to, entities) ? [...sides].reverse() : sides).join(' =  '))
    return [
      stays('relationship'),
      { changes: quote(one.label) },
      { block: '{' },
      ...named(one),
      ...changing('related_entity', entities[to]!.label),
      ...(from === null ? external : join),
      ...one.children.flatMap((child) => relationshipPieces(child, to)),
      stays('}'),
    ]
  }
  const profilePieces =
    relationships === undefined
      ? []
      : [
          stays('profile'),
          stays('{'),
          ...attribute('profile_folder', '"segment"'),
          { changes: 'materialization' },
          stays('='),
          { changes: quote(materialization) },
          ...relationships.flatMap((one) => relationshipPieces(one, null)),
          stays('}'),
        ]
  const inside = profileFirst ? [...profilePieces, ...entityPieces] : [...entityPieces, ...profilePieces]
  return [stays('data_graph'), stays('{'), ...changing('version', 'v0.0.6'), ...inside, stays('}')]
}

/** A label with white space cannot name the side of a join: there its table does, or anything. */
const sideName = (text: string) => (/[\s"]/.test(text) ? 'other' : text)

/** Sides may stand the other way round only where both say which entity they mean, and mean different ones. */
function isTurned(one: RelationshipModel, from: number | null, to: number, entities: readonly EntityModel[]): boolean {
  if (!one.turned || from === null || from === to || !one.named.every((how) => how === 'label')) return false
  const [left, right] = [entities[from]!, entities[to]!]
  const names = [left.label, right.label, left.table.split('.').at(-1)!, right.table.split('.').at(-1)!]
  return new Set(names).size === 4 && names.every((text) => sideName(text) === text)
}

const literal = (text: string) => text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')
const inserted = '(?:\\s*name = "(?:[^"\\\\]|\\\\.)*")?'

it('an upgraded data graph says the same, and keeps each comment, space and line end where it was', () => {
  const runs = parityRuns() / 10
  const seed = paritySeed('graph upgrade', runs)
  fc.assert(
    fc.property(model, fc.array(between, { minLength: 40, maxLength: 60 }), (one, trivia) => {
      fc.pre(depthOf(one.relationships ?? []) <= 5)
      const words = pieces(one)
      let text = ''
      let kept = ''
      words.forEach((word, index) => {
        const gap = trivia[index % trivia.length]!.join('')
        text += ('stays' in word ? word.stays : 'changes' in word ? word.changes : word.block) + gap
        const cut = gap.search(/\r?\n/)
        if ('stays' in word) kept += literal(word.stays + gap)
        else if ('changes' in word) kept += `(?:"(?:[^"\\\\]|\\\\.)*"|type)${literal(gap)}`
        else
          kept += `\\{${inserted}${literal(gap.slice(0, Math.max(cut, 0)))}${inserted}${literal(gap.slice(Math.max(cut, 0)))}`
      })
      const before = parseDataGraph(text)
      expect(before.ok, `${text}\n${JSON.stringify(before.problems)}`).toBe(true)
      const upgraded = upgradeDataGraph(text)
      expect(upgraded).toMatch(new RegExp(`^${kept}$`))
      const after = parseDataGraph(upgraded)
      expect(after.ok, `${upgraded}\n${JSON.stringify(after.problems)}`).toBe(true)
      const { graph } = after
      const slugOf = graph!.entities.map(({ slug }) => slug)
      expect(graph!.version).toBe('v1.0.0')
      expect(graph!.entities).toEqual(
        one.entities.map(({ label, name, table, enabled }, index) => ({
          slug: slugs.includes(label) ? label : slugOf[index],
          name: titleOf(name, label),
          table_ref: table,
          primary_key: 'id',
          enrichment_enabled: enabled ?? false,
        })),
      )
      expect(graph!.profile?.type).toBe(one.relationships === undefined ? undefined : types[one.materialization])
      const expected = (one.relationships ?? []).flatMap((child) => flat(child, null, one.entities.length))
      expect(graph!.relationships.map(({ from, to }) => [from, to])).toEqual(
        expected.map(({ from, to }) => [from === null ? 'profile' : slugOf[from], slugOf[to]]),
      )
      for (const [index, { join, name }] of graph!.relationships.entries()) {
        const { model: made, from, to } = expected[index]!
        expect(name).toBe(titleOf(made.name, made.label))
        if (from === null) {
          expect(join).toEqual({ kind: 'external_id', type: 'email', join_key: 'id' })
          continue
        }
        const [up, down] = [
          { entity: slugOf[from], column: 'up' },
          { entity: slugOf[to], column: 'down' },
        ]
        if (made.join === 'junction_table') {
          expect(join).toMatchObject({
            left: { ...up, junction_column: 'left_id' },
            right: { ...down, junction_column: 'right_id' },
          })
        } else if (isTurned(made, from, to, one.entities)) expect(join).toMatchObject({ left: down, right: up })
        else expect(join).toMatchObject({ left: up, right: down })
      }
      expect(upgradeDataGraph(upgraded)).toBe(upgraded)
    }),
    { seed, numRuns: runs },
  )
})

const titleOf = (name: string | undefined, label: string): string =>
  name === undefined || name.trim() === '' ? label : name

interface Flat {
  readonly model: RelationshipModel
  readonly from: number | null
  readonly to: number
}

const flat = (one: RelationshipModel, from: number | null, count: number): Flat[] => {
  const to = one.to % count
  return [{ model: one, from, to }, ...one.children.flatMap((child) => flat(child, to, count))]
}

const depthOf = (relationships: readonly RelationshipModel[]): number =>
  relationships.length === 0 ? 0 : 1 + Math.max(...relationships.map(({ children }) => depthOf(children)))

it('bare entities get their block around them, and nothing else', () => {
  const text = '\uFEFF# mine\nentity "a" { # first\r\n  name = "A" table_ref = "t"\n  primary_key = "id" } # end\n'
  const upgraded = upgradeDataGraph(text)
  expect(upgraded).toBe(
    '\uFEFF# mine\ndata_graph {\r\n  version = "v1.0.0"\r\nentity "a" { # first\r\n  name = "A" table_ref = "t"\n  primary_key = "id" }\r\n} # end\n',
  )
  expect(parseDataGraph(upgraded).graph).toEqual(parseDataGraph(text).graph)
})

it('a text with mistakes, or of v1.0.0, stays as it is', () => {
  for (const text of ['', 'entity "a" {', 'data_graph { version = "v0.0.6" entity "A" {} }'])
    expect(upgradeDataGraph(text)).toBe(text)
})
