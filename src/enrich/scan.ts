/**
 * One pass over the bytes of an event: proof that they are JSON of an object in UTF-8, and where the wanted paths stand.
 * Where it is not sure it says so, and the event is parsed instead: it never decides that something is wrong.
 */
import type { Limits } from './decode.ts'
import type { Shape, ShapeNode } from './shape.ts'

/** Where the nodes of a shape stand in the bytes; of duplicates the last. By slot. */
export interface Found {
  /** First byte of the value, or -1: it is not there. */
  readonly starts: Int32Array
  readonly ends: Int32Array
  /** Of a text: 1 when its characters are its bytes, that is, ASCII without escapes. */
  readonly plain: Uint8Array
  /** Of an object that has children in the shape: the position after its last value, or after its brace when it is empty. */
  readonly tails: Int32Array
}

export function foundFor(shape: Shape): Found {
  return {
    starts: new Int32Array(shape.slots),
    ends: new Int32Array(shape.slots),
    plain: new Uint8Array(shape.slots),
    tails: new Int32Array(shape.slots),
  }
}

/** Deeper events are parsed: the scan uses the stack. */
const depthMax = 500
const quote = 0x22
const comma = 0x2c
const colon = 0x3a
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d

/** What a byte means inside a text. */
const ordinary = 0
const ending = 1
const escaping = 2
const beyondAscii = 3
const forbidden = 4
const kinds = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte === quote) return ending
  if (byte === 0x5c) return escaping
  if (byte >= 0x80) return beyondAscii
  return byte < 0x20 ? forbidden : ordinary
})

// The state of the scan in hand. Module variables, because fields of an object cost more, and a scan is synchronous. Nothing
// looks at the end while reading: what runs over it does not end exactly there.
let source: Uint8Array = new Uint8Array(0)
let at = 0
let depthLeft = 0
let keysLeft = 0
let isPlain = false
let found: Found

export interface ScanOptions {
  readonly shape: Shape
  readonly found: Found
  readonly limits: Limits
}

/** True: the bytes are a JSON object within the limits, and `found` says where everything is. False: nobody knows yet. */
export function scan(bytes: Uint8Array, start: number, end: number, options: ScanOptions): boolean {
  const { shape, limits } = options
  if (start < 0 || end - start > limits.bytesMax) return false
  source = bytes
  at = start
  found = options.found
  found.starts.fill(-1)
  depthLeft = Math.min(limits.depthMax, depthMax)
  keysLeft = limits.keysMax
  if (next() !== openBrace) return false
  found.starts[0] = at
  if (!object(shape.root)) return false
  found.ends[0] = at
  while (at < end && isSpace(bytes[at] as number)) at++
  return at === end
}

/** The byte at the next position that is not white space. */
function next(): number {
  let byte = source[at] as number
  if (byte > 0x20) return byte
  while (isSpace(byte)) byte = source[++at] as number
  return byte
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

/** `node`: what is wanted in it, or null when it is only passed over. */
function object(node: ShapeNode | null): boolean {
  if (--depthLeft < 0) return false
  let tail = ++at
  let byte = next()
  if (byte !== closeBrace) {
    for (;;) {
      if (byte !== quote || --keysLeft < 0) return false
      const nameStart = at + 1
      if (!text()) return false
      let child: ShapeNode | null = null
      if (node !== null) {
        if (!isPlain && holdsEscape(nameStart, at - 1)) return false
        child = childOf(node, nameStart, at - 1)
      }
      if (next() !== colon) return false
      at++
      byte = next()
      if (child === null ? !value(byte) : !wanted(child, byte)) return false
      tail = at
      byte = next()
      if (byte === closeBrace) break
      if (byte !== comma) return false
      at++
      byte = next()
    }
  }
  at++
  depthLeft++
  if (node !== null) found.tails[node.slot] = tail
  return true
}

function childOf(node: ShapeNode, start: number, end: number): ShapeNode | null {
  const length = end - start
  if ((node.childLengths & (1 << (length & 31))) === 0) return null
  const { children } = node
  for (let index = 0; index < children.length; index++) {
    const child = children[index] as ShapeNode
    const name = child.nameBytes
    if (name.length !== length) continue
    let same = 0
    while (same < length && source[start + same] === name[same]) same++
    if (same === length) return child
  }
  return null
}

/** A value below which others may be wanted: then it must be an object or null, else only parsing says what it means. */
function wanted(node: ShapeNode, byte: number): boolean {
  const { slot, slotsEnd } = node
  for (let below = slot + 1; below < slotsEnd; below++) found.starts[below] = -1
  found.starts[slot] = at
  if (node.children.length === 0) {
    if (!value(byte)) return false
    found.plain[slot] = isPlain ? 1 : 0
  } else if (byte === openBrace) {
    if (!object(node)) return false
  } else if (byte !== 0x6e || !word(byte)) return false
  found.ends[slot] = at
  return true
}

function value(byte: number): boolean {
  switch (byte) {
    case quote:
      return text()
    case openBrace:
      return object(null)
    case openBracket:
      return list()
    case 0x74: // true, false, null
    case 0x66:
    case 0x6e:
      return word(byte)
    default:
      return number(byte)
  }
}

function list(): boolean {
  if (--depthLeft < 0) return false
  at++
  let byte = next()
  if (byte !== closeBracket) {
    for (;;) {
      if (!value(byte)) return false
      byte = next()
      if (byte === closeBracket) break
      if (byte !== comma) return false
      at++
      byte = next()
    }
  }
  at++
  depthLeft++
  return true
}

function word(first: number): boolean {
  const bytes = source
  const from = at
  if (first === 0x74) {
    at += 4
    return bytes[from + 1] === 0x72 && bytes[from + 2] === 0x75 && bytes[from + 3] === 0x65
  }
  if (first === 0x6e) {
    at += 4
    return bytes[from + 1] === 0x75 && bytes[from + 2] === 0x6c && bytes[from + 3] === 0x6c
  }
  at += 5
  const same = bytes[from + 1] === 0x61 && bytes[from + 2] === 0x6c && bytes[from + 3] === 0x73
  return same && bytes[from + 4] === 0x65
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39
}

/** -? (0 | 1-9 digits) (. digits)? ([eE] sign? digits)? */
function number(first: number): boolean {
  const bytes = source
  let p = at
  let byte = first
  if (byte === 0x2d) byte = bytes[++p] as number
  if (byte === 0x30) byte = bytes[++p] as number
  else {
    if (!isDigit(byte)) return false
    do byte = bytes[++p] as number
    while (isDigit(byte))
  }
  if (byte === 0x2e) {
    byte = bytes[++p] as number
    if (!isDigit(byte)) return false
    do byte = bytes[++p] as number
    while (isDigit(byte))
  }
  if (byte === 0x65 || byte === 0x45) {
    byte = bytes[++p] as number
    if (byte === 0x2b || byte === 0x2d) byte = bytes[++p] as number
    if (!isDigit(byte)) return false
    do byte = bytes[++p] as number
    while (isDigit(byte))
  }
  at = p
  return true
}

/** From quote to quote. */
function text(): boolean {
  const bytes = source
  let p = at + 1
  isPlain = true
  for (;;) {
    let kind = kinds[bytes[p] as number]
    while (kind === ordinary) {
      // Four a turn: most of an event are the characters of its texts, and this is a sixth off the whole scan.
      if ((kind = kinds[bytes[++p] as number]) !== ordinary) break
      if ((kind = kinds[bytes[++p] as number]) !== ordinary) break
      if ((kind = kinds[bytes[++p] as number]) !== ordinary) break
      kind = kinds[bytes[++p] as number]
    }
    if (kind === ending) {
      at = p + 1
      return true
    }
    isPlain = false
    p = kind === escaping ? escaped(p + 1) : kind === beyondAscii ? sequence(p) : -1
    if (p < 0) return false
  }
}

/** The position after what follows a backslash, or -1. */
function escaped(p: number): number {
  switch (source[p]) {
    case 0x75: // u
      for (let digit = 1; digit <= 4; digit++) {
        const byte = source[p + digit] as number
        const lower = byte | 0x20
        if (!isDigit(byte) && !(lower >= 0x61 && lower <= 0x66)) return -1
      }
      return p + 5
    case quote:
    case 0x5c:
    case 0x2f:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return p + 1
    default:
      return -1
  }
}

/** The position after one character of UTF-8 that is not ASCII, or -1: no overlong forms, no surrogates, nothing above U+10FFFF. */
function sequence(p: number): number {
  const first = source[p] as number
  const second = source[p + 1] as number
  if (first >= 0xc2 && first <= 0xdf) return isContinuation(second) ? p + 2 : -1
  if (first < 0xe0 || first > 0xf4 || !isContinuation(second) || !isContinuation(source[p + 2] as number)) return -1
  if (first <= 0xef) {
    if ((first === 0xe0 && second < 0xa0) || (first === 0xed && second > 0x9f)) return -1
    return p + 3
  }
  if ((first === 0xf0 && second < 0x90) || (first === 0xf4 && second > 0x8f)) return -1
  return isContinuation(source[p + 3] as number) ? p + 4 : -1
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80
}

function holdsEscape(start: number, end: number): boolean {
  for (let p = start; p < end; p++) if (source[p] === 0x5c) return true
  return false
}
