/** Pieces that go straight into an event's bytes. The same result as `splice`, which works on text. */
import type { Span } from '../memory.ts'
import { type PieceMember, type PieceSource, type PlacedMember, placePieces, textOf } from './pieces.ts'
import type { Shape, ShapeNode } from './shape.ts'
import type { ValueWriter } from './value-writer.ts'

const openBrace = 0x7b

interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** Null: the event has to be parsed after all. */
export type WriteValue = (source: PieceSource, writer: ValueWriter) => Span | null

export function patchWriter(members: readonly PieceMember[], shape: Shape): WriteValue {
  const placed = placePieces(members, shape, { isEvent: true })
  return (source, writer) => {
    const edits: Edit[] = []
    if (!edit(placed, shape.root, source, edits)) return null
    if (edits.length > 1) edits.sort((a, b) => a.start - b.start)
    return write(source, edits, writer)
  }
}

/** False: an object meets an object at a depth that only the values tell. */
function edit(members: readonly PlacedMember[], node: ShapeNode, source: PieceSource, edits: Edit[]): boolean {
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
      edits.push({ start, end: found.ends[member.node.slot] as number, text })
    } else {
      edits.push({ start: tail, end: tail, text: (isFirst ? member.head.slice(1) : member.head) + text })
      isFirst = false
    }
  }
  return true
}

function write({ bytes, start, end }: PieceSource, edits: readonly Edit[], writer: ValueWriter): Span {
  let size = end - start
  for (const { text } of edits) size += 3 * text.length
  writer.begin(size)
  let at = start
  for (const { start: from, end: to, text } of edits) {
    writer.bytes(bytes, at, from)
    writer.text(text)
    at = to
  }
  writer.bytes(bytes, at, end)
  return writer.end()
}
