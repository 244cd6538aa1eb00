/**
 * An event cut down to the paths that something reads, made from its bytes: what reads no more than these cannot tell it
 * from the whole event.
 */
import { encodeJson, type JsonObject, type JsonValue, parseJson } from '../json.ts'
import type { Found } from './scan.ts'
import { nodeAt, type Shape, type ShapeNode } from './shape.ts'

const openBrace = 0x7b
const quote = 0x22
const minus = 0x2d
const point = 0x2e

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

/** Whether a text was found whose characters are the bytes between its quotes. */
export function isPlainText({ slot }: ShapeNode, bytes: Buffer, { starts, plain }: Found): boolean {
  const start = starts[slot] as number
  return start >= 0 && bytes[start] === quote && plain[slot] === 1
}

/** The value of a node that was found. */
export function valueAt(node: ShapeNode, bytes: Buffer, found: Found): JsonValue {
  const { slot } = node
  const start = found.starts[slot] as number
  const end = found.ends[slot] as number
  if (isPlainText(node, bytes, found)) return bytes.toString('latin1', start + 1, end - 1)
  if (isPrintedNumber(bytes, start, end)) return Number(bytes.toString('latin1', start, end))
  return parseJson(bytes.toString('utf8', start, end))
}

/**
 * JSON text of a node that was found, as `encodeJson` would write its value again. Null stands for what is below null;
 * undefined: it is not there. `above`: the nodes on the way.
 */
export function textAt(node: ShapeNode, above: readonly ShapeNode[], bytes: Buffer, found: Found): string | undefined {
  const { slot } = node
  const start = found.starts[slot] as number
  if (start < 0) {
    for (const { slot: higher } of above) {
      const at = found.starts[higher] as number
      if (at >= 0 && bytes[at] !== openBrace) return 'null'
    }
    return undefined
  }
  const end = found.ends[slot] as number
  const first = bytes[start] as number
  const isSame =
    first === quote
      ? found.plain[slot] === 1
      : first === 0x74 || first === 0x66 || first === 0x6e || isPrintedNumber(bytes, start, end)
  return isSame ? bytes.toString('latin1', start, end) : encodeJson(parseJson(bytes.toString('utf8', start, end)))
}

/** A number that a double holds and that is written as it would be printed: at most 15 digits, no exponent, no zeros at the end. */
function isPrintedNumber(bytes: Buffer, start: number, end: number): boolean {
  let at = bytes[start] === minus ? start + 1 : start
  if (end - at > 16) return false
  const first = bytes[at] as number
  if (first < 0x30 || first > 0x39) return false
  if (first === 0x30) {
    if (at + 1 === end) return at === start // not -0
    if (bytes[at + 1] !== point || bytes[at + 2] === 0x30) return false // small decimals may be printed with an exponent
  }
  let hasPoint = false
  for (at++; at < end; at++) {
    const byte = bytes[at] as number
    if (byte === point) hasPoint = true
    else if (byte < 0x30 || byte > 0x39) return false
  }
  return hasPoint ? bytes[end - 1] !== 0x30 : end - start <= 15
}

/** The one name that objects built here cannot have like any other: a path with it is left to the whole event. */
export const isProto = (name: string): boolean => name === '__proto__'
