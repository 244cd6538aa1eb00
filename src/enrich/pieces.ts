/**
 * A mapping taken apart into pieces of text: constants are encoded once, rows, their columns and properties of the event are
 * passed on as they stand, and only the rest is computed. What the pieces give is what `transform` and `encodeJson` would.
 */
import { encodeJson, type JsonObject, type JsonValue } from '../json.ts'
import { directiveOf, isDirective, isRecord } from '../mapping/directive.ts'
import { type CompiledMapping, compileMapping } from '../mapping/mapping.ts'
import { keysOf, stripRoot } from '../mapping/path.ts'
import type { Row } from '../row-text.ts'
import type { Match } from './match.ts'
import type { RowReader } from './row-reader.ts'
import type { Found } from './scan.ts'
import { nodeAt, type Shape, type ShapeNode } from './shape.ts'
import { isProto, textAt } from './view.ts'

export type Path = readonly string[]

type Piece =
  | { readonly kind: 'constant'; readonly text: string }
  | { readonly kind: 'row'; readonly entity: string }
  | { readonly kind: 'column'; readonly entity: string; readonly column: string }
  | { readonly kind: 'property'; readonly path: Path }
  | { readonly kind: 'computed'; readonly mapping: CompiledMapping }
  | { readonly kind: 'object'; readonly members: readonly PieceMember[] }

export interface PieceMember {
  readonly name: string
  readonly piece: Piece
}

/** The mapping as pieces, or null where only its result says what it has. */
export function piecesOf(kit: JsonObject, space: string): readonly PieceMember[] | null {
  const members: PieceMember[] = []
  for (const [name, value] of Object.entries(kit)) {
    if (isProto(name) || /^\d+$/.test(name) || name.startsWith('@') || name.startsWith('__segment')) return null
    const piece = pieceOf(value, space)
    if (piece === null) return null
    members.push({ name, piece })
  }
  return members
}

function pieceOf(value: JsonValue, space: string): Piece | null {
  if (isDirective(value)) {
    const { name, argument } = directiveOf(value)
    const keys = name === '@path' && typeof argument === 'string' ? keysOf(stripRoot(argument)) : []
    return pathPiece(keys, space) ?? { kind: 'computed', mapping: compileMapping({ value }) }
  }
  if (isRecord(value)) {
    const members = piecesOf(value, space)
    return members === null ? null : { kind: 'object', members }
  }
  return Array.isArray(value)
    ? { kind: 'computed', mapping: compileMapping({ value }) }
    : { kind: 'constant', text: encodeJson(value) }
}

function pathPiece(keys: Path, space: string): Piece | null {
  const [root, inSpace, entity, column] = keys
  if (root === undefined) return null
  if (root !== '__segment_entities') return { kind: 'property', path: keys }
  if (inSpace !== space || entity === undefined || keys.length > 4) return null
  return column === undefined ? { kind: 'row', entity } : { kind: 'column', entity, column }
}

/** Every path that is set in the output. */
export function setPaths(members: readonly PieceMember[], above: Path = []): Path[] {
  return members.flatMap(({ name, piece }) => {
    const path = [...above, name]
    return piece.kind === 'object' ? [path, ...setPaths(piece.members, path)] : [path]
  })
}

/** What the computed pieces read, as the mapping tells its reads. */
export function computedReads(members: readonly PieceMember[]): string[] {
  return members.flatMap(({ piece }) => {
    if (piece.kind === 'computed') return piece.mapping.reads
    return piece.kind === 'object' ? computedReads(piece.members) : []
  })
}

export interface PieceSource {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  readonly found: Found
  readonly matches: readonly Match[]
  readonly rows: RowReader
  /** The event as the computed pieces see it. */
  readonly event: () => JsonObject
}

/** A piece with the places where it is found in a scanned event. */
export interface PlacedMember {
  readonly name: string
  readonly piece: Piece
  readonly members: readonly PlacedMember[]
  /** Where the output has it, when the output is the event; else the root. */
  readonly node: ShapeNode
  /** Of a property: where the event has it, and the nodes above. */
  readonly property: ShapeNode | null
  readonly above: readonly ShapeNode[]
  /** `,"name":` */
  readonly head: string
  /** `"name":` */
  readonly headOfFirst: string
}

/** `isEvent`: the output is the event, and the shape has the paths that are set. */
export function placePieces(
  members: readonly PieceMember[],
  shape: Shape,
  { isEvent, above = [] }: { readonly isEvent: boolean; readonly above?: Path },
): PlacedMember[] {
  return members.map(({ name, piece }) => {
    const path = [...above, name]
    const read = piece.kind === 'property' ? piece.path : []
    return {
      name,
      piece,
      members: piece.kind === 'object' ? placePieces(piece.members, shape, { isEvent, above: path }) : [],
      node: isEvent ? nodeAt(shape, path) : shape.root,
      property: piece.kind === 'property' ? nodeAt(shape, read) : null,
      above: read.slice(0, -1).map((_, depth) => nodeAt(shape, read.slice(0, depth + 1))),
      head: `,${JSON.stringify(name)}:`,
      headOfFirst: `${JSON.stringify(name)}:`,
    }
  })
}

/** JSON text of a piece; undefined: the output does not have it. */
export function textOf({ piece, members, property, above }: PlacedMember, source: PieceSource): string | undefined {
  switch (piece.kind) {
    case 'constant':
      return piece.text
    case 'row':
      return rowOf(piece.entity, source)?.text
    case 'column': {
      const row = rowOf(piece.entity, source)
      return row === undefined ? undefined : source.rows.columnText(row, piece.column)
    }
    case 'property':
      return textAt(property!, above, source.bytes, source.found)
    case 'computed': {
      const { value } = piece.mapping.transform(source.event()) as { value?: JsonValue }
      return value === undefined ? undefined : encodeJson(value)
    }
    case 'object':
      return objectText(members, source)
  }
}

export function objectText(members: readonly PlacedMember[], source: PieceSource): string {
  let all = ''
  for (const member of members) {
    const text = textOf(member, source)
    if (text !== undefined) all += member.head + text
  }
  return all === '' ? '{}' : `{${all.slice(1)}}`
}

/** The row that the event has of an entity; of several the last. */
export function rowOf(entity: string, { matches }: PieceSource): Row | undefined {
  let found: Row | undefined
  for (const { binding, row } of matches) if (row !== null && binding.entity === entity) found = row
  return found
}
