/**
 * What a mapping changes in an event, as pieces that go straight into its bytes: constants are encoded once, whole rows are
 * passed on as the snapshot has them, and the rest is computed. The same result as `splice`, which works on text.
 */
import { encodeJson, type JsonObject, type JsonValue } from '../json.ts'
import { directiveOf, isDirective, isRecord } from '../mapping/directive.ts'
import { type CompiledMapping, compileMapping } from '../mapping/mapping.ts'
import { keysOf, stripRoot } from '../mapping/path.ts'
import type { Match } from './match.ts'
import type { Found } from './scan.ts'
import { nodeAt, type Shape, type ShapeNode } from './shape.ts'
import type { ValueWriter } from './value-writer.ts'
import { isInherited } from './view.ts'

const openBrace = 0x7b

type Piece =
  | { readonly kind: 'constant'; readonly text: string }
  | { readonly kind: 'row'; readonly entity: string }
  | { readonly kind: 'computed'; readonly mapping: CompiledMapping }
  | { readonly kind: 'object'; readonly members: readonly PatchMember[] }

export interface PatchMember {
  readonly name: string
  readonly piece: Piece
}

/** The mapping as pieces, or null where only its result says what it changes. */
export function patchOf(kit: JsonObject, space: string): readonly PatchMember[] | null {
  const members: PatchMember[] = []
  for (const [name, value] of Object.entries(kit)) {
    if (isInherited(name) || /^\d+$/.test(name) || name.startsWith('@') || name.startsWith('__segment')) return null
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
    const [root, inSpace, entity] = keys
    if (keys.length === 3 && root === '__segment_entities' && inSpace === space) return { kind: 'row', entity: entity! }
    return { kind: 'computed', mapping: compileMapping({ value }) }
  }
  if (isRecord(value)) {
    const members = patchOf(value, space)
    return members === null ? null : { kind: 'object', members }
  }
  return Array.isArray(value)
    ? { kind: 'computed', mapping: compileMapping({ value }) }
    : { kind: 'constant', text: encodeJson(value) }
}

/** Every path that the patch may set: the scanner looks for them. */
export function patchPaths(members: readonly PatchMember[], above: readonly string[] = []): (readonly string[])[] {
  return members.flatMap(({ name, piece }) => {
    const path = [...above, name]
    return piece.kind === 'object' ? [path, ...patchPaths(piece.members, path)] : [path]
  })
}

export interface PatchSource {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  readonly found: Found
  readonly matches: readonly Match[]
  /** The event as the mapping sees it; asked only where something is computed. */
  readonly event: () => JsonObject
}

interface PlacedMember {
  readonly piece: Piece
  readonly members: readonly PlacedMember[]
  readonly node: ShapeNode
  /** `,"name":` */
  readonly head: Buffer
  readonly name: string
}

interface Edit {
  readonly start: number
  readonly end: number
  readonly head: Buffer | null
  /** Where in the head to begin: 1 leaves out the comma. */
  readonly headStart: number
  readonly text: string
}

export type Patch = (source: PatchSource, writer: ValueWriter) => Buffer | null

/** The patch for events that were scanned with this shape. It gives null where the event has to be parsed after all. */
export function placedPatch(members: readonly PatchMember[], shape: Shape): Patch {
  const placed = place(members, shape, [])
  return (source, writer) => {
    const edits: Edit[] = []
    if (!edit(placed, shape.root, source, edits)) return null
    if (edits.length > 1) edits.sort((a, b) => a.start - b.start)
    return write(source, edits, writer)
  }
}

function place(members: readonly PatchMember[], shape: Shape, above: readonly string[]): PlacedMember[] {
  return members.map(({ name, piece }) => {
    const path = [...above, name]
    const inner = piece.kind === 'object' ? place(piece.members, shape, path) : []
    const head = Buffer.from(`,${JSON.stringify(name)}:`)
    return { piece, members: inner, node: nodeAt(shape, path), head, name }
  })
}

/** False: an object meets an object at a depth that only the values tell. */
function edit(members: readonly PlacedMember[], node: ShapeNode, source: PatchSource, edits: Edit[]): boolean {
  const { found, bytes } = source
  const tail = found.tails[node.slot] as number
  let isFirst = tail === (found.starts[node.slot] as number) + 1
  for (const member of members) {
    const start = found.starts[member.node.slot] as number
    const onObject = start >= 0 && bytes[start] === openBrace
    if (onObject && member.piece.kind === 'object') {
      if (!edit(member.members, member.node, source, edits)) return false
      continue
    }
    const text = textOf(member, source)
    if (text === undefined) continue
    if (start >= 0) {
      if (onObject && text.charCodeAt(0) === openBrace) return false
      edits.push({ start, end: found.ends[member.node.slot] as number, head: null, headStart: 0, text })
    } else {
      edits.push({ start: tail, end: tail, head: member.head, headStart: isFirst ? 1 : 0, text })
      isFirst = false
    }
  }
  return true
}

function textOf({ piece, members }: PlacedMember, source: PatchSource): string | undefined {
  switch (piece.kind) {
    case 'constant':
      return piece.text
    case 'row':
      return (
        source.matches.findLast(({ binding, row }) => row !== null && binding.entity === piece.entity)?.row ?? undefined
      )
    case 'computed': {
      const { value } = piece.mapping.transform(source.event()) as { value?: JsonValue }
      return value === undefined ? undefined : encodeJson(value)
    }
    case 'object': {
      const texts = members.flatMap((member) => {
        const text = textOf(member, source)
        return text === undefined ? [] : [`${JSON.stringify(member.name)}:${text}`]
      })
      return `{${texts.join(',')}}`
    }
  }
}

function write({ bytes, start, end }: PatchSource, edits: readonly Edit[], writer: ValueWriter): Buffer {
  let size = end - start
  for (const { head, text } of edits) size += (head === null ? 0 : head.length) + 3 * text.length
  writer.begin(size)
  let at = start
  for (const { start: from, end: to, head, headStart, text } of edits) {
    writer.bytes(bytes, at, from)
    if (head !== null) writer.bytes(head, headStart, head.length)
    writer.text(text)
    at = to
  }
  writer.bytes(bytes, at, end)
  return writer.end()
}
