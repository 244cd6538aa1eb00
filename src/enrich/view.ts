/**
 * An event cut down to the paths that something reads, made from its bytes: what reads no more than these cannot tell it
 * from the whole event.
 */
import { type JsonObject, type JsonValue, parseJson } from '../json.ts'
import type { Found } from './scan.ts'
import { nodeAt, type Shape, type ShapeNode } from './shape.ts'

const openBrace = 0x7b
const quote = 0x22

export interface View {
  readonly root: ShapeNode
  /** By slot: 1 is on the way to what is read, 2 is read whole. */
  readonly wanted: Uint8Array
}

export function viewOf(shape: Shape, paths: Iterable<readonly string[]>): View {
  const wanted = new Uint8Array(shape.slots)
  for (const path of paths) {
    for (let length = 0; length < path.length; length++) wanted[nodeAt(shape, path.slice(0, length)).slot]! |= 1
    wanted[nodeAt(shape, path).slot]! |= 2
  }
  return { root: shape.root, wanted }
}

export function eventFrom(view: View, bytes: Buffer, found: Found): JsonObject {
  return objectFrom(view, view.root, bytes, found)
}

function objectFrom(view: View, node: ShapeNode, bytes: Buffer, found: Found): JsonObject {
  const object: JsonObject = {}
  for (const child of node.children) {
    const wanted = view.wanted[child.slot] as number
    const start = found.starts[child.slot] as number
    if (wanted === 0 || start < 0) continue
    if (wanted > 1) object[child.name] = valueAt(child, bytes, found)
    else object[child.name] = bytes[start] === openBrace ? objectFrom(view, child, bytes, found) : null
  }
  return object
}

/** The value of a node that was found. */
export function valueAt({ slot }: ShapeNode, bytes: Buffer, found: Found): JsonValue {
  const start = found.starts[slot] as number
  const end = found.ends[slot] as number
  if (bytes[start] === quote && found.plain[slot] === 1) return bytes.toString('latin1', start + 1, end - 1)
  return parseJson(bytes.toString('utf8', start, end))
}

/** Names that objects and lists answer to without having them: a path with one of them is left to the whole event. */
export function isInherited(name: string): boolean {
  return name in Object.prototype || name in Array.prototype || name in String.prototype || name in Number.prototype
}
