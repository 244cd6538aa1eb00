/** Pieces that go straight into an event's bytes. The same result as `splice`, which works on text. */
import type { Span } from '../memory.ts'
import type { Row } from '../row-text.ts'
import { type PieceSource, type PlacedMember, rowOf, textOf } from './pieces.ts'
import { rowBytesMax } from './row-writer.ts'
import type { Shape, ShapeNode } from './shape.ts'
import type { ValueWriter } from './value-writer.ts'

const openBrace = 0x7b

/** What is written instead of the event's bytes from `start` to `end`: a text, and a row that follows it. */
interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
  readonly row: Row | null
  next: Edit | null
}

/** Null: the event has to be parsed after all. */
export type WriteValue = (source: PieceSource, writer: ValueWriter) => Span | null

export function patchWriter(placed: readonly PlacedMember[], shape: Shape): WriteValue {
  return (source, writer) => {
    const edits = new Edits()
    return edit(placed, shape.root, source, edits) ? write(source, edits, writer) : null
  }
}

/** Edits in the order of the bytes; at one place in the order in which they came. A list, because arrays begin with room for many. */
class Edits {
  first: Edit | null = null
  /** Upper bound of the bytes of all. */
  bytesMax = 0

  add(start: number, end: number, text: string, row: Row | null): void {
    this.bytesMax += 3 * text.length + (row === null ? 0 : rowBytesMax(row))
    let before: Edit | null = null
    let next = this.first
    while (next !== null && next.start <= start) {
      before = next
      next = next.next
    }
    const edit = { start, end, text, row, next }
    if (before === null) this.first = edit
    else before.next = edit
  }
}

/** False: an object meets an object at a depth that only the values tell. */
function edit(members: readonly PlacedMember[], node: ShapeNode, source: PieceSource, edits: Edits): boolean {
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
      edits.add(start, found.ends[member.node.slot] as number, text, row)
    } else {
      const head = isFirst ? member.headOfFirst : member.head
      edits.add(tail, tail, row === null ? head + text : head, row)
      isFirst = false
    }
  }
  return true
}

function write({ bytes, start, end }: PieceSource, { first, bytesMax }: Edits, writer: ValueWriter): Span {
  writer.begin(end - start + bytesMax)
  let at = start
  for (let edit = first; edit !== null; edit = edit.next) {
    writer.bytes(bytes, at, edit.start)
    if (edit.row === null) writer.text(edit.text)
    else writer.row(edit.text, edit.row)
    at = edit.end
  }
  writer.bytes(bytes, at, end)
  return writer.end()
}
