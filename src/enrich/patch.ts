/** Pieces that go straight into an event's bytes. The same result as `splice`, which works on text. */
import type { Span } from '../memory.ts'
import type { Row } from '../row-text.ts'
import { type PieceMember, type PieceSource, type PlacedMember, placePieces, rowOf, textOf } from './pieces.ts'
import { rowBytesMax } from './row-writer.ts'
import type { Shape, ShapeNode } from './shape.ts'
import type { ValueWriter } from './value-writer.ts'

const openBrace = 0x7b

interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
  /** Follows the text. */
  readonly row: Row | null
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
    const row = member.piece.kind === 'row' ? rowOf(member.piece.entity, source) : null
    const text = member.piece.kind === 'row' ? '' : textOf(member, source)
    if (row === undefined || text === undefined) continue
    if (start >= 0) {
      if (onObject && (row !== null || text.charCodeAt(0) === openBrace)) return false
      edits.push({ start, end: found.ends[member.node.slot] as number, text, row })
    } else {
      const head = isFirst ? member.head.slice(1) : member.head
      edits.push({ start: tail, end: tail, text: row === null ? head + text : head, row })
      isFirst = false
    }
  }
  return true
}

function write({ bytes, start, end }: PieceSource, edits: readonly Edit[], writer: ValueWriter): Span {
  let size = end - start
  for (const { text, row } of edits) size += 3 * text.length + (row === null ? 0 : rowBytesMax(row))
  writer.begin(size)
  let at = start
  for (const { start: from, end: to, text, row } of edits) {
    writer.bytes(bytes, at, from)
    if (row === null) writer.text(text)
    else writer.row(text, row)
    at = to
  }
  writer.bytes(bytes, at, end)
  return writer.end()
}
