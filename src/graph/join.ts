/** How a relationship joins: by external id or trait at the profile, by columns or a junction table below it. */
import { nearest } from '../errors.ts'
import { checkTableRef } from './check-entities.ts'
import type { Surroundings } from './check-profile.ts'
import type { ColumnOf, Join } from './graph.ts'
import { graphProblem, type Place } from './lexer.ts'
import { Reader } from './reader.ts'
import type { Block } from './syntax.ts'

interface Ends {
  readonly from: string
  readonly to: string
}

export function joinOf(block: Block, reader: Reader, ends: Ends, around: Surroundings): Join | null {
  const { problems } = around
  const blocks = block.blocks.filter(({ type }) => ['external_id', 'trait', 'junction_table'].includes(type))
  const joinOn = reader.optional('join_on')
  const kinds = [...blocks.map(({ type }) => type), ...(joinOn === undefined ? [] : ['join_on'])]
  const wanted = ends.from === 'profile' ? ['external_id', 'trait'] : ['join_on', 'junction_table']
  if (kinds.length === 0) {
    problems.push(
      graphProblem(
        'missing_join',
        `relationship "${block.label ?? ''}" does not say how it joins`,
        block,
        `add ${wanted.join(' or ')}`,
      ),
    )
    return null
  }
  if (kinds.length > 1) {
    problems.push(
      graphProblem(
        'ambiguous_join',
        `relationship "${block.label ?? ''}" has ${kinds.join(' and ')}`,
        block,
        `keep one of ${wanted.join(' and ')}`,
      ),
    )
    return null
  }
  const [kind] = kinds
  if (!wanted.includes(kind!)) {
    const where = ends.from === 'profile' ? 'directly below the profile' : 'between two entities'
    problems.push(
      graphProblem(
        'bad_join',
        `${kind} does not join ${where}`,
        blocks[0] ?? reader.place('join_on'),
        `use ${wanted.join(' or ')}`,
      ),
    )
    return null
  }
  if (kind === 'join_on')
    return typeof joinOn === 'string' ? joinOnOf(joinOn, reader.place('join_on'), ends, around) : null
  return kind === 'junction_table' ? junctionOf(blocks[0]!, ends, around) : profileJoinOf(blocks[0]!, around)
}

function profileJoinOf(block: Block, { problems }: Surroundings): Join | null {
  const named = block.type === 'trait' ? 'name' : 'type'
  const reader = new Reader(block, [named, 'join_key'], [], problems)
  const what = reader.text(named)
  const joinKey = reader.text('join_key')
  if (what === null || joinKey === null) return null
  return block.type === 'trait'
    ? { kind: 'trait', name: what, join_key: joinKey }
    : { kind: 'external_id', type: what, join_key: joinKey }
}

function joinOnOf(text: string, place: Place, ends: Ends, around: Surroundings): Join | null {
  const sides = text.split('=').map((side) => columnOf(side.trim()))
  const [left, right] = sides
  if (sides.length !== 2 || !left || !right) {
    around.problems.push(
      graphProblem(
        'bad_join',
        `join_on "${text}" is not two columns with = between`,
        place,
        `write "${ends.from}.COLUMN = ${ends.to}.COLUMN"`,
      ),
    )
    return null
  }
  checkSide(left, ends, place, around)
  checkSide(right, ends, place, around)
  if (around.version === 'v1.0.0' && left.entity === right.entity && ends.from !== ends.to) {
    around.problems.push(
      graphProblem(
        'bad_join',
        `join_on "${text}" names "${left.entity}" on both sides`,
        place,
        `write "${ends.from}.COLUMN = ${ends.to}.COLUMN"`,
      ),
    )
  }
  warnOfUnlikeKeys([left, right], place, around)
  return { kind: 'join_on', left, right }
}

function junctionOf(block: Block, ends: Ends, around: Surroundings): Join | null {
  const { problems } = around
  const reader = new Reader(block, ['table_ref', 'primary_key', 'left_join_on', 'right_join_on'], [], problems)
  const tableRef = reader.text('table_ref')
  const primaryKey = reader.text('primary_key')
  const left = reader.text('left_join_on')
  const right = reader.text('right_join_on')
  if (tableRef !== null) checkTableRef(tableRef, reader.place('table_ref'), problems)
  const sideOf = (text: string, name: string, entity: string) => {
    const parts = text.split('=').map((part) => part.trim())
    const owned = parts.map(columnOf)
    const at = owned.findIndex((column) => column !== null && (around.version === 'v0.0.6' || column.entity === entity))
    const column = owned[at < 0 ? owned.findIndex((one) => one !== null) : at]
    const junction = parts.find((_, index) => owned[index] !== column)
    if (parts.length !== 2 || !column || junction === undefined || junction === '') {
      problems.push(
        graphProblem(
          'bad_join',
          `${name} "${text}" is not a column of ${entity} and one of the junction table`,
          reader.place(name),
          name === 'left_join_on'
            ? `write "${entity}.COLUMN = JUNCTION_COLUMN"`
            : `write "JUNCTION_COLUMN = ${entity}.COLUMN"`,
        ),
      )
      return null
    }
    checkSide(column, { from: entity, to: entity }, reader.place(name), around)
    return { ...column, junction_column: junction.split('.').at(-1)! }
  }
  const leftSide = left === null ? null : sideOf(left, 'left_join_on', ends.from)
  const rightSide = right === null ? null : sideOf(right, 'right_join_on', ends.to)
  if (tableRef === null || primaryKey === null || leftSide === null || rightSide === null) return null
  return {
    kind: 'junction_table',
    table_ref: tableRef,
    primary_key: primaryKey,
    left: leftSide,
    right: rightSide,
    inner: true,
  }
}

/** A join between two columns of different names, neither of which identifies its entity, is nearly always a mix-up. */
function warnOfUnlikeKeys(
  sides: readonly [ColumnOf, ColumnOf],
  place: Place,
  { entities, problems }: Surroundings,
): void {
  const [left, right] = sides
  if (left.entity === right.entity || left.column.toLowerCase() === right.column.toLowerCase()) return
  const owners = sides.map((side) => entities.find(({ slug }) => slug === side.entity))
  if (owners.some((owner, index) => owner === undefined || owner.primary_key === sides[index]!.column)) return
  const message = `neither ${left.entity}.${left.column} nor ${right.entity}.${right.column} is the primary key of its entity`
  problems.push(graphProblem('unlike_keys', message, place, 'check that both columns hold the same ids', 'warning'))
}

/** `slug.COLUMN`; the last dot parts them. */
function columnOf(text: string): ColumnOf | null {
  const dot = text.lastIndexOf('.')
  return dot <= 0 || dot === text.length - 1 || /\s/.test(text)
    ? null
    : { entity: text.slice(0, dot), column: text.slice(dot + 1) }
}

/** In v0.0.6 the sides may name tables; since v1.0.0 they name the slugs of the two entities. */
function checkSide(side: ColumnOf, ends: Ends, place: Place, { version, problems }: Surroundings): void {
  if (version === 'v0.0.6' || side.entity === ends.from || side.entity === ends.to) return
  const near = nearest(side.entity, [ends.from, ends.to])
  const known = [...new Set([ends.from, ends.to])].map((slug) => `"${slug}"`).join(' or ')
  problems.push(
    graphProblem(
      'bad_join',
      `the join names "${side.entity}", which is neither side of the relationship`,
      place,
      near === null ? `name the slug ${known}` : `did you mean "${near}"?`,
    ),
  )
}
