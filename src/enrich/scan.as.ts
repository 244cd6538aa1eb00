/**
 * The inner part of `scan.ts`, in AssemblyScript: one pass over the bytes of an event, texts sixteen bytes at a time. After a
 * change run `npm run scanner`, which compiles it with `express.as.ts` into `scan-code.ts`. Positions are addresses; 0 means: not sure, or no JSON.
 *
 * The memory, as `scan.ts` knows it: what a scan finds, by slot, at `starts`, `ends`, `tails` and `plain`, of some scans one
 * after another; from `nodes` on the nodes of the shape, each with address and length of its name, first child, next sibling
 * (-1: none), end of the slots below it, and the lengths of its children's names as bits; then names, and the event. The byte
 * after the event is 0, which ends whatever runs over the event's end.
 */
export const starts: usize = 0
export const ends: usize = 0x2000
export const tails: usize = 0x4000
export const plain: usize = 0x6000
const nodes: usize = 0x8000
const nodeBytes: usize = 24

const quote: u32 = 0x22
const comma: u32 = 0x2c
const colon: u32 = 0x3a
const openBrace: u32 = 0x7b
const closeBrace: u32 = 0x7d
const openBracket: u32 = 0x5b
const closeBracket: u32 = 0x5d

let keysLeft: i32 = 0
let isPlain: i32 = 0
/** From an address here to a position in the caller's bytes. */
let bias: i32 = 0
/** The slot from which on this scan keeps what it finds. */
let base: usize = 0

/**
 * `start`: the caller's position of the first byte. `at`: the slot where what is found begins. `frames`, `settled`: the first of
 * those that may fit, or 0. The result: 0 not sure, 1 scanned, 2 a frame fits, 3 a settled one.
 */
export function scan(
  from: usize,
  end: usize,
  start: i32,
  at: usize,
  slots: usize,
  depthMax: i32,
  keysMax: i32,
  frames: usize,
  settled: usize,
): i32 {
  bias = start - <i32>from
  base = at
  if (settled != 0) {
    const places = follow(settled, from, end)
    if (places != 0) {
      placeAll(places, slots)
      return 3
    }
  }
  if (frames != 0) {
    const places = follow(frames, from, end)
    if (places != 0) {
      placeAll(places, slots)
      return 2
    }
  }
  keysLeft = keysMax
  for (let slot = at; slot < at + slots; slot++) store<i32>(starts + (slot << 2), -1)
  let p = next(from)
  if (load<u8>(p) != openBrace) return 0
  store<i32>(starts + (at << 2), <i32>p + bias)
  p = object(p, 0, depthMax)
  if (p == 0) return 0
  store<i32>(ends + (at << 2), <i32>p + bias)
  while (p < end && isSpace(load<u8>(p))) p++
  return p == end ? 1 : 0
}

// @ts-ignore: decorator
@inline
function isSpace(byte: u32): bool {
  return byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09
}

// @ts-ignore: decorator
@inline
function next(p: usize): usize {
  if (<u32>load<u8>(p) > 0x20) return p
  return spaces(p)
}

function spaces(p: usize): usize {
  while (isSpace(load<u8>(p))) p++
  return p
}

/** `node`: what is wanted in it, or -1 when it is only passed over. */
function object(p: usize, node: i32, depthLeft: i32): usize {
  if (--depthLeft < 0) return 0
  let tail = ++p
  p = next(p)
  let byte: u32 = load<u8>(p)
  if (byte != closeBrace) {
    for (;;) {
      if (byte != quote || --keysLeft < 0) return 0
      const nameStart = p + 1
      p = text(p)
      if (p == 0) return 0
      let child: i32 = -1
      if (node >= 0) {
        if (!isPlain && holdsEscape(nameStart, p - 1)) return 0
        child = childOf(node, nameStart, p - 1)
      }
      p = next(p)
      if (load<u8>(p) != colon) return 0
      p = next(p + 1)
      p = child < 0 ? value(p, depthLeft) : wanted(p, child, depthLeft)
      if (p == 0) return 0
      tail = p
      p = next(p)
      byte = load<u8>(p)
      if (byte == closeBrace) break
      if (byte != comma) return 0
      p = next(p + 1)
      byte = load<u8>(p)
    }
  }
  if (node >= 0) store<i32>(tails + ((base + node) << 2), <i32>tail + bias)
  return p + 1
}

function childOf(node: i32, start: usize, end: usize): i32 {
  const length = end - start
  const at = nodes + <usize>node * nodeBytes
  if ((load<u32>(at + 20) & (1 << (<u32>length & 31))) == 0) return -1
  let child = load<i32>(at + 8)
  while (child >= 0) {
    const c = nodes + <usize>child * nodeBytes
    if (load<usize>(c + 4) == length && memory.compare(load<usize>(c), start, length) == 0) return child
    child = load<i32>(c + 12)
  }
  return -1
}

/** A value below which others may be wanted: then it must be an object or null, else only parsing says what it means. */
function wanted(p: usize, node: i32, depthLeft: i32): usize {
  const at = nodes + <usize>node * nodeBytes
  const slotsEnd = load<i32>(at + 16)
  for (let below = node + 1; below < slotsEnd; below++) store<i32>(starts + ((base + below) << 2), -1)
  store<i32>(starts + ((base + node) << 2), <i32>p + bias)
  const byte: u32 = load<u8>(p)
  if (load<i32>(at + 8) < 0) {
    p = value(p, depthLeft)
    store<u8>(plain + base + node, <u8>isPlain)
  } else if (byte == openBrace) p = object(p, node, depthLeft)
  else p = byte == 0x6e ? word(p, byte) : 0
  store<i32>(ends + ((base + node) << 2), <i32>p + bias)
  return p
}

function value(p: usize, depthLeft: i32): usize {
  const byte: u32 = load<u8>(p)
  if (byte == quote) return text(p)
  if (byte == openBrace) return object(p, -1, depthLeft)
  if (byte == openBracket) return list(p, depthLeft)
  if (byte == 0x74 || byte == 0x66 || byte == 0x6e) return word(p, byte)
  return number(p)
}

function list(p: usize, depthLeft: i32): usize {
  if (--depthLeft < 0) return 0
  p = next(p + 1)
  if (load<u8>(p) != closeBracket) {
    for (;;) {
      p = value(p, depthLeft)
      if (p == 0) return 0
      p = next(p)
      const byte: u32 = load<u8>(p)
      if (byte == closeBracket) break
      if (byte != comma) return 0
      p = next(p + 1)
    }
  }
  return p + 1
}

function word(p: usize, first: u32): usize {
  if (first == 0x74) return load<u32>(p) == 0x65757274 ? p + 4 : 0
  if (first == 0x6e) return load<u32>(p) == 0x6c6c756e ? p + 4 : 0
  return load<u32>(p + 1) == 0x65736c61 ? p + 5 : 0
}

// @ts-ignore: decorator
@inline
function isDigit(byte: u32): bool {
  return byte - 0x30 <= 9
}

/** -? (0 | 1-9 digits) (. digits)? ([eE] sign? digits)? */
function number(p: usize): usize {
  let byte: u32 = load<u8>(p)
  if (byte == 0x2d) byte = load<u8>(++p)
  if (byte == 0x30) byte = load<u8>(++p)
  else {
    if (!isDigit(byte)) return 0
    do byte = load<u8>(++p)
    while (isDigit(byte))
  }
  if (byte == 0x2e) {
    byte = load<u8>(++p)
    if (!isDigit(byte)) return 0
    do byte = load<u8>(++p)
    while (isDigit(byte))
  }
  if (byte == 0x65 || byte == 0x45) {
    byte = load<u8>(++p)
    if (byte == 0x2b || byte == 0x2d) byte = load<u8>(++p)
    if (!isDigit(byte)) return 0
    do byte = load<u8>(++p)
    while (isDigit(byte))
  }
  return p
}

/** From quote to quote. Signed comparison: below a space are control characters and every byte from 0x80 on. */
function text(p: usize): usize {
  p++
  isPlain = 1
  while (true) {
    const chunk = v128.load(p)
    const special = v128.or(
      v128.or(i8x16.eq(chunk, i8x16.splat(0x22)), i8x16.eq(chunk, i8x16.splat(0x5c))),
      i8x16.lt_s(chunk, i8x16.splat(0x20)),
    )
    const mask = i8x16.bitmask(special)
    if (mask == 0) {
      p += 16
      continue
    }
    p += <usize>ctz(mask)
    const byte: u32 = load<u8>(p)
    if (byte == quote) return p + 1
    isPlain = 0
    if (byte == 0x5c) p = escaped(p + 1)
    else if (byte >= 0x80) {
      do p = sequence(p)
      while (p != 0 && <u32>load<u8>(p) >= 0x80)
    } else return 0
    if (p == 0) break
  }
  return 0
}

/** The position after what follows a backslash. */
function escaped(p: usize): usize {
  const byte: u32 = load<u8>(p)
  if (byte == 0x75) {
    for (let digit: usize = 1; digit <= 4; digit++) {
      const hex: u32 = load<u8>(p + digit)
      const lower = hex | 0x20
      if (!isDigit(hex) && !(lower >= 0x61 && lower <= 0x66)) return 0
    }
    return p + 5
  }
  const isLetter = byte == 0x62 || byte == 0x66 || byte == 0x6e || byte == 0x72 || byte == 0x74
  return isLetter || byte == quote || byte == 0x5c || byte == 0x2f ? p + 1 : 0
}

// @ts-ignore: decorator
@inline
function isContinuation(byte: u32): bool {
  return (byte & 0xc0) == 0x80
}

/** The position after one character of UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. */
function sequence(p: usize): usize {
  const first: u32 = load<u8>(p)
  const second: u32 = load<u8>(p + 1)
  if (first >= 0xc2 && first <= 0xdf) return isContinuation(second) ? p + 2 : 0
  if (first < 0xe0 || first > 0xf4 || !isContinuation(second) || !isContinuation(load<u8>(p + 2))) return 0
  if (first <= 0xef) {
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f)) return 0
    return p + 3
  }
  if ((first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) return 0
  return isContinuation(load<u8>(p + 3)) ? p + 4 : 0
}

/**
 * The values of a row become an object at `to`: before each value its head, which has its length in a place of sixteen bytes
 * before it and is filled up to sixteen itself. The address after the object, or 0. Writes up to 16 bytes more than that.
 */
export function weave(from: usize, end: usize, heads: usize, count: i32, to: usize): usize {
  keysLeft = i32.MAX_VALUE
  let p = from
  for (; count > 0; count--) {
    to = copyTo(to, heads + 16, load<usize>(heads))
    heads = headAfter(heads)
    const start = p
    p = value(p, 500)
    if (p == 0) return 0
    to = copyTo(to, start, p - start)
    if (load<u8>(p) != comma) break
    from = ++p
  }
  if (p != end || count != 1) return 0
  store<u8>(to, closeBrace)
  return to + 1
}

// @ts-ignore: decorator
@inline
function headAfter(head: usize): usize {
  return head + 16 + ((load<usize>(head) + 15) & ~15)
}

/** A length that stands before a value: texts, objects and lists that are as long as this, or longer, say themselves where they end. */
export const longValue: usize = 127

/** The same for values with their lengths before them, in a byte each, instead of commas between. */
export function weaveCounted(from: usize, heads: usize, count: i32, to: usize): usize {
  let p = from
  for (; count > 0; count--) {
    to = copyTo(to, heads + 16, load<usize>(heads))
    heads = headAfter(heads)
    let size: usize = load<u8>(p++)
    if (size == longValue) {
      const end = valueFrom(p)
      if (end == 0) return 0
      size = end - p
    }
    to = copyTo(to, p, size)
    p += size
  }
  store<u8>(to, closeBrace)
  return to + 1
}

/** The address after the value, or 0. */
export function valueFrom(p: usize): usize {
  keysLeft = i32.MAX_VALUE
  return value(p, 500)
}

/** The address after it. Writes up to 16 bytes more, and reads as many. */
export function copyTo(to: usize, from: usize, length: usize): usize {
  if (length > 512) memory.copy(to, from, length)
  else for (let done: usize = 0; done < length; done += 16) v128.store(to + done, v128.load(from + done))
  return to + length
}

/** Where each text of a frame stands in the event, and whether the value behind it is plain. */
const marks: usize = 0x24000

/** The frame that fits, as the places of its slots, or 0. See `frames.ts`. */
function follow(known: usize, from: usize, end: usize): usize {
  let p = from
  let mark = marks
  while (true) {
    let length = load<usize>(known)
    while (!stands(known + 16, p, length)) {
      known = load<usize>(known, 8)
      if (known == 0) return 0
      length = load<usize>(known)
    }
    store<u32>(mark, <u32>p)
    p += length
    const places = load<usize>(known, 12)
    if (places != 0) return p == end ? places : 0
    if (<u32>load<u8>(p) == quote) {
      // As `text`: the position after it depends on fewer steps here, and every text waits for the one before.
      let at = p + 1
      let quotes: i32
      let others: i32
      while (true) {
        const chunk = v128.load(at)
        quotes = i8x16.bitmask(i8x16.eq(chunk, i8x16.splat(0x22)))
        others = i8x16.bitmask(
          v128.or(i8x16.eq(chunk, i8x16.splat(0x5c)), i8x16.lt_s(chunk, i8x16.splat(0x20))),
        )
        if ((quotes | others) != 0) break
        at += 16
      }
      if (quotes != 0 && (others & (quotes ^ (quotes - 1))) == 0) {
        p = at + <usize>ctz(quotes) + 1
        isPlain = 1
      } else p = text(p)
    } else p = scalar(p)
    if (p == 0) return 0
    store<u32>(mark, <u32>isPlain, 4)
    mark += 8
    known = load<usize>(known, 4)
    if (known == 0) break
  }
  return 0
}

// @ts-ignore: decorator
@inline
function scalar(p: usize): usize {
  const byte: u32 = load<u8>(p)
  if (byte == quote) return text(p)
  if (byte == 0x74 || byte == 0x66 || byte == 0x6e) return word(p, byte)
  return number(p)
}

/** Whether this text stands at `p`. Reads up to 16 bytes behind both. */
// @ts-ignore: decorator
@inline
export function stands(text: usize, p: usize, length: usize): bool {
  let done: usize = 16
  for (; done <= length; done += 16)
    if (v128.any_true(v128.xor(v128.load(text + (done - 16)), v128.load(p + (done - 16))))) return false
  // Of the rest, the bytes that are the text's.
  const rest = v128.xor(v128.load(text + (done - 16)), v128.load(p + (done - 16)))
  return (i8x16.bitmask(i8x16.ne(rest, i8x16.splat(0))) & ((1 << (<i32>length & 15)) - 1)) == 0
}

/** Of each slot: text and distance of its start, end and tail, and the text before it where it is a scalar. Text -1: it is not there. */
function placeAll(places: usize, slots: usize): void {
  for (let slot = base; slot < base + slots; slot++, places += 32) {
    const text = load<i32>(places)
    if (text < 0) {
      store<i32>(starts + (slot << 2), -1)
      continue
    }
    store<i32>(starts + (slot << 2), placed(places))
    store<i32>(ends + (slot << 2), placed(places + 8))
    store<i32>(tails + (slot << 2), placed(places + 16))
    store<u8>(plain + slot, load<u8>(marks + ((<usize>load<i32>(places, 24)) << 3), 4))
  }
}

// @ts-ignore: decorator
@inline
function placed(place: usize): i32 {
  return load<i32>(marks + (<usize>load<i32>(place) << 3)) + load<i32>(place, 4) + bias
}

function holdsEscape(start: usize, end: usize): bool {
  for (let p = start; p < end; p++) if (load<u8>(p) == 0x5c) return true
  return false
}
