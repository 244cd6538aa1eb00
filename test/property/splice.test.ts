/** Law: in an event output every byte that the mapping does not touch is the input's. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { splice } from '../../src/enrich/splice.ts'
import { encodeJson, type JsonObject } from '../../src/json.ts'

/** A document as the pieces of its text: the oracle merges the pieces and joins them again. */
type Piece = { readonly text: string } | ObjectPiece
interface ObjectPiece {
  readonly members: readonly Member[]
  readonly inside: string
}
interface Member {
  readonly name: string
  readonly before: string
  readonly colon: string
  readonly value: Piece
  readonly after: string
}

const names = ['a', 'b', 'price', 'é', 'a"b', '', '__proto__', 'constructor', 'x.y']
const space = fc.constantFrom('', '', ' ', '\n  ', '\t', ' \r\n')
const scalar = fc.constantFrom(
  '1.0',
  '1e2',
  '-0',
  '12345678901234567890',
  '1e400',
  '0.10',
  'true',
  'null',
  '""',
  '"a\\u0062"',
  '"}\\"{"',
  '"\\\\"',
  '"😀 \\ud83d"',
  '[]',
  '[ 1,{"a":2} , "]"]',
)

const { object } = fc.letrec<{ object: ObjectPiece; piece: Piece }>((tie) => ({
  piece: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar.map((text): Piece => ({ text })),
    tie('object'),
  ),
  object: fc.record({
    inside: space,
    members: fc.array(
      fc.record({
        name: fc.constantFrom(...names),
        before: space,
        colon: fc.tuple(space, space, fc.boolean()).map(([left, right]) => `${left}:${right}`),
        value: tie('piece'),
        after: space,
      }),
      { maxLength: 5 },
    ),
  }),
}))

const patch = fc.dictionary(
  fc.constantFrom(...names, 'new'),
  fc.oneof(
    fc.constantFrom<unknown>(1, 'text', null, true, 12.5, [1, { a: 1 }], {}),
    fc.dictionary(
      fc.constantFrom(...names, 'new'),
      fc.oneof(
        fc.constantFrom<unknown>(2, 'deep', null),
        fc.dictionary(fc.constantFrom(...names), fc.constantFrom<unknown>(3, 'deeper')),
      ),
    ),
  ),
  { maxKeys: 4 },
) as fc.Arbitrary<JsonObject>

test('a merged event is the input with nothing but the named paths changed, over generated documents', () => {
  fc.assert(
    fc.property(object, patch, fc.constantFrom('', ' ', '\n'), (document, changes, edge) => {
      const text = edge + render(document) + edge
      const result = splice(text, changes)
      expect(result).toBe(edge + render(merge(document, changes)) + edge)
      expect(() => JSON.parse(result)).not.toThrow()
    }),
    { numRuns: Number(process.env.RUNS ?? 10_000) },
  )
})

test('a mapping that sets nothing leaves the event as it came', () => {
  fc.assert(
    fc.property(object, (document) => {
      expect(splice(render(document), {})).toBe(render(document))
    }),
  )
})

function render(piece: Piece): string {
  if ('text' in piece) return piece.text
  const members = piece.members.map(
    ({ name, before, colon, value, after }) => `${before}${JSON.stringify(name)}${colon}${render(value)}${after}`,
  )
  return `{${members.length === 0 ? piece.inside : members.join(',')}}`
}

function merge(piece: ObjectPiece, changes: JsonObject): ObjectPiece {
  const members = [...piece.members]
  const added: Member[] = []
  for (const [name, value] of Object.entries(changes)) {
    const at = members.findLastIndex((member) => member.name === name)
    const old = members[at]
    if (old === undefined) added.push({ name, before: '', colon: ':', value: { text: encodeJson(value) }, after: '' })
    else if ('members' in old.value && typeof value === 'object' && value !== null && !Array.isArray(value))
      members[at] = { ...old, value: merge(old.value, value) }
    else members[at] = { ...old, value: { text: encodeJson(value) } }
  }
  if (added.length === 0) return { ...piece, members }
  const last = members.at(-1)
  if (last === undefined)
    return {
      ...piece,
      members: added.map((member, index) => (index === added.length - 1 ? { ...member, after: piece.inside } : member)),
    }
  // New members stand behind the last value; the white space before the brace stays there.
  return {
    ...piece,
    members: [
      ...members.slice(0, -1),
      { ...last, after: '' },
      ...added.slice(0, -1),
      { ...added.at(-1)!, after: last.after },
    ],
  }
}
