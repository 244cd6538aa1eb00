/**
 * The inner part of `express.ts`, in AssemblyScript: records of Kafka's format become records of Kafka's format, without an object
 * for any of them. It knows the way that most events take; where it is not sure it leaves the record as it is, to be visited.
 *
 * The memory behind `scan.as.ts`'s, as `in-hand.ts` and `express.ts` know it.
 */
import { hashOf } from '../key.as'
import { copyTo, ends, plain, scan, stands, starts, tails, valueFrom, weave, weaveCounted } from './scan.as'

export { scan, weave, weaveCounted }

const records: usize = 0x25000
const recordBytes: usize = 0x40
/** Of the keys of each record, how they were asked for, or 0. */
const rows: usize = 0x25600
const keysMost: usize = 4
/** Slot of each decisive node, and whether its value decides. */
const decisive: usize = 0x25800
const signature: usize = 0x25a00
const signatureBytes: usize = 256
/** Length and bytes of known signatures. */
const entries: usize = 0x25c00
const entryBytes: usize = 288
/** Of each decision: its program, events that took it, how many keys it has, their entities in a byte each, and their slots. */
const decisions: usize = 0x37c00
const decisionBytes: usize = 32
/** Of each delivery of the record in hand: sizes, and what is written instead of bytes of the event. */
const drafts: usize = 0x39c00
const draftBytes: usize = 0x400
const editsMost: i32 = 35
const editBytes: usize = 28
const lanesMost: usize = 4
const lanes: usize = 0x3bc00
const laneBytes: usize = 0x40
const openBrace: u32 = 0x7b

/**
 * Keys whose rows are asked for, one after another: hash, length, entity, then where the text of the row begins and ends, counted
 * from here, 0 for no row; size of all this, and the key. Behind them is room for the texts. See `snapshot/rows.as.ts`.
 */
const exchange: usize = 0x3bd00
const askBytes: usize = 32
/** Further keys are not asked for: there has to be room for texts. */
const askedMost: usize = exchange + 0x2000
const entitiesMost: u32 = 31
let askedEnd: usize = exchange
let askedEntities: i32 = 0

let cursor: usize = 0

// @ts-ignore: decorator
@inline
function varint(): i32 {
  return <i32>varlong()
}

function varlong(): i64 {
  let byte: u64 = load<u8>(cursor++)
  let value = byte & 127
  for (let shift: u64 = 7; byte > 127 && shift < 70; shift += 7) {
    byte = load<u8>(cursor++)
    value |= (byte & 127) << shift
  }
  return <i64>(value >> 1) ^ -(<i64>(value & 1))
}

/** A field of a record; false: it does not end where the record does. */
function field(record: usize, end: usize): bool {
  const length = varint()
  if (length < 0) {
    store<i32>(record, -1)
    store<i32>(record, -1, 4)
    return cursor <= end
  }
  if (cursor > end || <usize>length > end - cursor) return false
  store<usize>(record, cursor)
  cursor += length
  store<usize>(record, cursor, 4)
  return true
}

/** Reads up to `most` records that are whole before `end`; how many. `appendTime`: of all of them, or -1: they have their own. */
export function read(at: usize, end: usize, most: i32, base: f64, firstTimestamp: f64, appendTime: f64): i32 {
  let record = records
  let count = 0
  for (; count < most && at < end; count++) {
    cursor = at
    const length = varint()
    if (cursor > end || length < 0 || <usize>length > end - cursor) break
    at = cursor + length
    cursor++ // attributes, unused
    const timestamp = firstTimestamp + <f64>varlong()
    store<f64>(record, base + <f64>varint(), 32)
    store<f64>(record, appendTime < 0 ? timestamp : appendTime, 40)
    if (!field(record, at) || !field(record + 8, at)) break
    store<usize>(record, cursor, 16)
    store<usize>(record, at, 20)
    store<i32>(record, 0, 24)
    record += recordBytes
  }
  return count
}

/** Scans the values of the records, and looks for what was decided on events like them. How many fitted a frame, or a settled one, and how many are new. */
export function look(
  count: i32,
  slots: usize,
  bytesMax: usize,
  depthMax: i32,
  keysMax: i32,
  frames: usize,
  settled: usize,
  nodes: i32,
): i32 {
  let fits = 0
  let settledFits = 0
  let news = 0
  askedEnd = exchange
  askedEntities = 0
  for (let place = 0; place < count; place++) {
    const record = records + <usize>place * recordBytes
    const from = load<usize>(record, 8)
    const end = load<usize>(record, 12)
    if (<i32>from < 0 || end - from > bytesMax) continue
    const at = <usize>place * slots
    const after = load<u8>(end)
    store<u8>(end, 0)
    const sure = scan(from, end, <i32>from, at, slots, depthMax, keysMax, frames, settled)
    store<u8>(end, after)
    if (sure == 0) continue
    const number = decide(place, at, 0, nodes)
    store<i32>(record, sure | ((number + 1) << 2), 24)
    if (sure == 2) fits++
    if (sure == 3) settledFits++
    if (sure == 1 || number < 0) news++
  }
  return fits | (settledFits << 8) | (news << 16)
}

/** Of which entities rows are asked for by the records in hand, as bits. */
export function asked(): i32 {
  return askedEntities
}

/** Where all that is asked for ends. */
export function askedTo(): usize {
  return askedEnd
}

let lastNumber: i32 = 0

/**
 * The number of the decision, -1: none is known, -2: its like is not remembered. `place`: of a record in hand, whose keys are hashed
 * then, or -1. `bias`: from an address to a position.
 */
export function decide(place: i32, at: usize, bias: i32, nodes: i32): i32 {
  if (nodes < 0) return -2
  if (hasSigned(entries + <usize>lastNumber * entryBytes, at, bias, nodes)) {
    if (place >= 0) hashKeys(place, at, lastNumber)
    return lastNumber
  }
  let p = signature
  for (let node = decisive; node < decisive + (<usize>nodes << 3); node += 8) {
    const slot = (at + load<usize>(node)) << 2
    const start = load<i32>(starts + slot)
    if (start < 0) store<u8>(p++, 0)
    else if (load<i32>(node, 4) == 0) store<u8>(p++, load<u8>(start - bias) == 0x7b ? 1 : 2)
    else {
      const length = <usize>(load<i32>(ends + slot) - start)
      if (p + length + 2 > signature + signatureBytes) return -2
      store<u8>(p, 3)
      store<u8>(p, <u8>length, 1)
      p = copyTo(p + 2, <usize>(start - bias), length)
    }
    if (p > signature + signatureBytes) return -2
  }
  v128.store(p, i64x2.splat(0))
  const length = p - signature
  let hash: u64 = length
  for (let part = signature; part < p; part += 8) hash = rotl((hash ^ load<u64>(part)) * 0x9e3779b97f4a7c15, 29)
  const number = <i32>(hash ^ (hash >> 32)) & 255
  const entry = entries + <usize>number * entryBytes
  store<i32>(signature - 16, number)
  store<usize>(signature - 16, length, 4)
  if (load<usize>(entry) != length) return -1
  for (let done: usize = 0; done < length; done += 16)
    if (v128.any_true(v128.xor(v128.load(entry + 16 + done), v128.load(signature + done)))) return -1
  lastNumber = number
  if (place >= 0) hashKeys(place, at, number)
  return number
}

/** Whether these are the decisive bytes, without gathering them: the event before is often alike. */
function hasSigned(entry: usize, at: usize, bias: i32, nodes: i32): bool {
  let p = entry + 16
  const end = p + load<usize>(entry)
  if (load<i32>(entry) < 0) return false
  for (let node = decisive; node < decisive + (<usize>nodes << 3); node += 8) {
    const slot = (at + load<usize>(node)) << 2
    const start = load<i32>(starts + slot)
    const mark: u32 = load<u8>(p++)
    if (start < 0) {
      if (mark != 0) return false
    } else if (load<i32>(node, 4) == 0) {
      if (mark != (load<u8>(start - bias) == 0x7b ? 1 : 2)) return false
    } else {
      const length = load<i32>(ends + slot) - start
      if (mark != 3 || <i32>load<u8>(p++) != length || !stands(p, <usize>(start - bias), length)) return false
      p += length
    }
  }
  return p == end
}

/** What was looked for last is known from now on, by the number that is told. */
export function remember(): i32 {
  const number = load<i32>(signature - 16)
  const entry = entries + <usize>number * entryBytes
  store<usize>(entry, load<usize>(signature - 16, 4))
  memory.copy(entry + 16, signature, signatureBytes + 16)
  return number
}

function hashKeys(place: i32, at: usize, number: i32): void {
  const decision = decisions + <usize>number * decisionBytes
  const count = load<usize>(decision, 8)
  for (let key: usize = 0; key < count; key++) {
    const slot = at + load<usize>(decision + 16 + (key << 2))
    const start = load<i32>(starts + (slot << 2))
    const to = rows + ((<usize>place * keysMost + key) << 2)
    const entity = load<u8>(decision + 12 + key)
    store<usize>(to, 0)
    if (start < 0 || load<u8>(start) != 0x22 || load<u8>(plain + slot) != 1) continue
    const length = load<usize>(ends + (slot << 2)) - start - 2
    const size = askBytes + ((length + 15) & ~15)
    if (entity >= entitiesMost || askedEnd + size > askedMost) continue
    const ask = askedEnd
    askedEnd += size
    askedEntities |= 1 << entity
    store<usize>(to, ask)
    store<f64>(ask, hashOf(start + 1, <usize>start + 1 + length))
    store<usize>(ask, length, 8)
    store<i32>(ask, entity, 12)
    store<i32>(ask, 0, 16)
    store<usize>(ask, size, 24)
    copyTo(ask + askBytes, start + 1, length)
  }
}

/** Writes the outputs of the records from `place` on, as long as it is sure of them; the first of which it is not. */
export function compose(place: i32, count: i32, slots: usize): i32 {
  while (place < count && isComposed(place, slots)) place++
  return place
}

// Of the record in hand.
let keptCount: i32 = 0
let keptStart: usize = 0
let keptEnd: usize = 0

function isComposed(place: i32, slots: usize): bool {
  const record = records + <usize>place * recordBytes
  const number = (load<i32>(record, 24) >> 2) - 1
  if (number < 0) return false
  const decision = decisions + <usize>number * decisionBytes
  const program = load<usize>(decision)
  if (program == 0) return false
  const own = rows + ((<usize>place * keysMost) << 2)
  const keys = load<usize>(decision, 8)
  for (let key: usize = 0; key < keys; key++) {
    const ask = load<usize>(own + (key << 2))
    if (ask == 0 || load<i32>(ask, 16) == 0) return false
  }
  const deliveries = load<i32>(program)
  if (deliveries > 0) {
    if (!keep(record)) return false
    for (let lane = lanes; lane < lanes + lanesMost * laneBytes; lane += laneBytes) {
      store<usize>(lane, load<usize>(lane), 20)
      store<i32>(lane, load<i32>(lane, 8), 24)
    }
    let draft = drafts
    let delivery = program + 16
    for (let left = deliveries; left > 0; left--, delivery += 64, draft += draftBytes)
      if (!drafted(delivery, draft, record, <usize>place * slots, own)) return false
    draft = drafts
    delivery = program + 16
    for (let left = deliveries; left > 0; left--, delivery += 64, draft += draftBytes) write(delivery, draft, record)
    for (let lane = lanes; lane < lanes + lanesMost * laneBytes; lane += laneBytes) {
      store<usize>(lane, load<usize>(lane, 20))
      store<i32>(lane, load<i32>(lane, 24), 8)
    }
  }
  store<i32>(decision, load<i32>(decision, 4) + 1, 4)
  return true
}

/** The headers of the input that stay: all, or one of them may be ours, and it is not sure. */
function keep(record: usize): bool {
  cursor = load<usize>(record, 16)
  keptEnd = load<usize>(record, 20)
  keptCount = cursor < keptEnd ? varint() : 0
  keptStart = cursor
  for (let left = keptCount; left > 0; left--) {
    const nameLength = varint()
    if (nameLength < 0 || <usize>nameLength > keptEnd - cursor) return false
    if (load<u16>(cursor) == 0x656c && load<u8>(cursor, 2) == 0x2e) return false // le.
    cursor += nameLength
    const valueLength = varint()
    if (valueLength > 0) {
      if (cursor > keptEnd || <usize>valueLength > keptEnd - cursor) return false
      cursor += valueLength
    }
  }
  return cursor == keptEnd
}

// @ts-ignore: decorator
@inline
function varintSize(value: usize): usize {
  // Of a number from 0 on, zigzag: 2 * value.
  return value < 64 ? 1 : value < 8192 ? 2 : value < 1048576 ? 3 : value < 134217728 ? 4 : 5
}

function varlongSize(value: i64): usize {
  let rest = <u64>((value << 1) ^ (value >> 63))
  let size: usize = 1
  while (rest > 127) {
    rest >>= 7
    size++
  }
  return size
}

// @ts-ignore: decorator
@inline
function putVarint(p: usize, value: usize): usize {
  return putVarlong(p, value)
}

function putVarlong(p: usize, value: i64): usize {
  let rest = <u64>((value << 1) ^ (value >> 63))
  while (rest > 127) {
    store<u8>(p++, <u8>(rest | 128))
    rest >>= 7
  }
  store<u8>(p, <u8>rest)
  return p + 1
}

// A delivery: members, lane, our headers' start and end, where in them the offset ends twice, how many they are, most bytes of key,
// value and input headers; offsets from and to; number of members; of a payload the address of its braces, of an event 0.
// A draft: record's size, value's size, first edit, address, number in the batch; then the edits: start, end, member, which of its heads
// (0: none), next edit, address and length of the text.

let edits: usize = 0
let editCount: i32 = 0
let firstEdit: usize = 0
let lastEdit: usize = 0
let growth: i32 = 0
let base: usize = 0
let ownRows: usize = 0

/** Whether the delivery can be written, and how large it will be. */
function drafted(delivery: usize, draft: usize, record: usize, at: usize, own: usize): bool {
  const lane = load<usize>(delivery, 4)
  const offset = load<f64>(record, 32)
  const timestamp = load<f64>(record, 40)
  if (offset < load<f64>(delivery, 32) || offset >= load<f64>(delivery, 40)) return false
  if (timestamp < load<f64>(lane, 48) || timestamp > load<f64>(lane, 56)) return false
  edits = draft + 24
  editCount = 0
  firstEdit = 0
  lastEdit = 0
  growth = 0
  base = at
  ownRows = own
  const braces = load<usize>(delivery, 52)
  const isMade = braces == 0 ? edited(load<usize>(delivery), load<i32>(delivery, 48), 0) : made(delivery, record, braces)
  if (!isMade) return false
  const valueSize = load<usize>(record, 12) - load<usize>(record, 8) + growth
  const keyStart = load<i32>(record)
  const keySize = keyStart < 0 ? 0 : load<i32>(record, 4) - keyStart
  const inputSize = <usize>keySize + load<usize>(record, 20) - load<usize>(record, 16)
  if (inputSize + valueSize > load<usize>(delivery, 28)) return false
  const bodySize =
    varintSize(keySize) +
    keySize +
    varintSize(valueSize) +
    valueSize +
    varintSize(keptCount + load<i32>(delivery, 24)) +
    (keptEnd - keptStart) +
    (load<usize>(delivery, 12) - load<usize>(delivery, 8))
  const to = load<usize>(lane, 20)
  const count = load<usize>(lane, 24)
  if (count == 0) return false
  if (to + load<usize>(lane, 12) + bodySize + 21 > load<usize>(lane, 16)) return false
  const size: usize = 1 + varlongSize(<i64>(timestamp - load<f64>(lane, 32))) + varintSize(count) + bodySize
  const next = to + varintSize(size) + size
  if (next + 64 > load<usize>(lane, 4)) return false
  store<usize>(lane, next, 20)
  store<usize>(lane, count + 1, 24)
  store<usize>(draft, size)
  store<usize>(draft, valueSize, 4)
  store<usize>(draft, firstEdit, 8)
  store<usize>(draft, to, 12)
  store<usize>(draft, count, 16)
  return true
}

// A member: kind, slot, head's address and length, the same where it is the first; where its text comes from, in two fields: of a
// row its key, of a constant address and length, of a column the row's key and its path, of a property its slot and the slots above;
// members below, and how many of them are its own.
// A path: how many values are before the column, then the lengths of the heads up to it. Slots above: how many, then each.
const memberBytes: usize = 40
const isObject = 0
const isRow = 1
const isConstant = 2
const isColumn = 3

/** What is written into this object. False: only the long way says. */
function edited(member: usize, count: i32, slot: usize): bool {
  const tail = load<i32>(tails + ((base + slot) << 2))
  let isFirst = tail == load<i32>(starts + ((base + slot) << 2)) + 1
  while (count > 0) {
    const below = load<i32>(member, 32)
    const own = load<usize>(member, 4)
    const start = load<i32>(starts + ((base + own) << 2))
    const onObject = start >= 0 && load<u8>(start) == openBrace
    if (load<i32>(member) == isObject) {
      if (!onObject || !edited(member + memberBytes, load<i32>(member, 36), own)) return false
    } else {
      if (!findText(member)) return false
      if (textSize > 0) {
        if (onObject && load<u8>(text) == openBrace) return false
        const end = start >= 0 ? load<i32>(ends + ((base + own) << 2)) : tail
        const head = start >= 0 ? 0 : isFirst ? 16 : 8
        if (start < 0) isFirst = false
        if (!edit(start >= 0 ? start : tail, end, member, head)) return false
      }
    }
    member += memberBytes * (1 + below)
    count -= 1
  }
  return true
}

/** A payload: nothing of the event's bytes stays but what is taken out of them. */
function made(delivery: usize, record: usize, braces: usize): bool {
  const start = load<i32>(record, 8)
  if (!open(start, 0, 0, braces)) return false
  if (!fill(load<usize>(delivery), load<i32>(delivery, 48), start, braces)) return false
  return close(start, load<i32>(record, 12), braces)
}

function open(start: i32, member: usize, head: usize, braces: usize): bool {
  text = braces
  textSize = 1
  return edit(start, start, member, head)
}

function close(start: i32, end: i32, braces: usize): bool {
  text = braces + 1
  textSize = 1
  return edit(start, end, 0, 0)
}

/** Between the braces of an object of the payload. */
function fill(member: usize, count: i32, start: i32, braces: usize): bool {
  let isFirst = true
  for (; count > 0; count--) {
    const head = isFirst ? 16 : 8
    if (load<i32>(member) == isObject) {
      if (!open(start, member, head, braces)) return false
      if (!fill(member + memberBytes, load<i32>(member, 36), start, braces)) return false
      if (!close(start, start, braces)) return false
      isFirst = false
    } else {
      if (!findText(member)) return false
      if (textSize > 0) {
        if (!edit(start, start, member, head)) return false
        isFirst = false
      }
    }
    member += memberBytes * (1 + load<i32>(member, 32))
  }
  return true
}

let text: usize = 0
/** 0: the event has no such property, and nothing is written. */
let textSize: i32 = 0

/** The text of a member of this record. False: only the long way says. */
function findText(member: usize): bool {
  const kind = load<i32>(member)
  const from = load<usize>(member, 24)
  const more = load<usize>(member, 28)
  if (kind == isConstant) {
    text = from
    textSize = <i32>more
    return true
  }
  if (kind != isRow && kind != isColumn) return findProperty(from, more)
  const ask = load<usize>(ownRows + (from << 2))
  text = exchange + load<usize>(ask, 16)
  textSize = load<i32>(ask, 20) - load<i32>(ask, 16)
  return kind == isRow || findColumn(more)
}

/** In the row that is the text. */
function findColumn(path: usize): bool {
  let p = text
  for (let before = load<i32>(path); before > 0; before--) {
    path += 4
    p = valueFrom(p + load<usize>(path))
    if (p == 0) return false
  }
  text = p + load<usize>(path, 4)
  const end = valueFrom(text)
  textSize = <i32>(end - text)
  return end != 0
}

function findProperty(slot: usize, above: usize): bool {
  const start = load<i32>(starts + ((base + slot) << 2))
  textSize = 0
  if (start < 0) {
    for (let left = load<i32>(above); left > 0; left--) {
      above += 4
      const higher = load<i32>(starts + ((base + load<usize>(above)) << 2))
      if (higher >= 0 && load<u8>(higher) != openBrace) return false
    }
    return true
  }
  text = start
  const end = load<i32>(ends + ((base + slot) << 2))
  textSize = end - start
  const first: u32 = load<u8>(start)
  if (first == 0x22) return load<u8>(plain + base + slot) == 1
  return first == 0x74 || first == 0x66 || first == 0x6e || isPrintedNumber(start, end)
}

/** As in `view.ts`. */
function isPrintedNumber(start: usize, end: usize): bool {
  let at = load<u8>(start) == 0x2d ? start + 1 : start
  if (end - at > 16) return false
  const first: u32 = load<u8>(at)
  if (first < 0x30 || first > 0x39) return false
  if (first == 0x30) {
    if (at + 1 == end) return at == start
    if (load<u8>(at, 1) != 0x2e || load<u8>(at, 2) == 0x30) return false
  }
  let hasPoint = false
  for (at++; at < end; at++) {
    const byte: u32 = load<u8>(at)
    if (byte == 0x2e) hasPoint = true
    else if (byte < 0x30 || byte > 0x39) return false
  }
  return hasPoint ? load<u8>(end - 1) != 0x30 : end - start <= 15
}

/** Takes the text in the order of the bytes; at one place in the order in which they came. */
function edit(start: i32, end: i32, member: usize, head: usize): bool {
  if (editCount == editsMost) return false
  const made = edits + <usize>editCount * editBytes
  editCount++
  const headSize = head == 0 ? 0 : load<i32>(member + head, 4)
  growth += headSize + textSize - (end - start)
  let before: usize = 0
  let next = firstEdit
  if (lastEdit != 0 && load<i32>(lastEdit) <= start) {
    before = lastEdit
    next = 0
  }
  while (next != 0 && load<i32>(next) <= start) {
    before = next
    next = load<usize>(next, 16)
  }
  store<i32>(made, start)
  store<i32>(made, end, 4)
  store<usize>(made, member, 8)
  store<usize>(made, head, 12)
  store<usize>(made, next, 16)
  store<usize>(made, text, 20)
  store<i32>(made, textSize, 24)
  if (before == 0) firstEdit = made
  else store<usize>(before, made, 16)
  if (next == 0) lastEdit = made
  return true
}

/** Writes it where it was drafted. */
function write(delivery: usize, draft: usize, record: usize): void {
  const lane = load<usize>(delivery, 4)
  const timestamp = load<f64>(record, 40)
  let p = putVarint(load<usize>(draft, 12), load<usize>(draft))
  store<u8>(p, 0) // attributes, unused
  p = putVarlong(p + 1, <i64>(timestamp - load<f64>(lane, 32)))
  p = putVarint(p, load<usize>(draft, 16))
  const keyStart = load<usize>(record)
  if (<i32>keyStart < 0) store<u8>(p++, 1)
  else {
    const keySize = load<usize>(record, 4) - keyStart
    p = copyTo(putVarint(p, keySize), keyStart, keySize)
  }
  p = putVarint(p, load<usize>(draft, 4))
  let at = load<usize>(record, 8)
  for (let edit = load<usize>(draft, 8); edit != 0; edit = load<usize>(edit, 16)) {
    p = copyTo(p, at, load<usize>(edit) - at)
    const member = load<usize>(edit, 8)
    const head = load<usize>(edit, 12)
    if (head != 0) p = copyTo(p, load<usize>(member + head), load<usize>(member + head, 4))
    p = copyTo(p, load<usize>(edit, 20), load<usize>(edit, 24))
    at = load<usize>(edit, 4)
  }
  p = copyTo(p, at, load<usize>(record, 12) - at)
  p = putVarint(p, keptCount + load<i32>(delivery, 24))
  p = copyTo(p, keptStart, keptEnd - keptStart)
  const own = load<usize>(delivery, 8)
  const inSource = p + load<usize>(delivery, 16)
  const inEventId = p + load<usize>(delivery, 20)
  copyTo(p, own, load<usize>(delivery, 12) - own)
  let rest = <u64>load<f64>(record, 32)
  for (let back: usize = 1; rest > 0 || back == 1; back++) {
    const tenth = rest / 10
    const digit = <u8>(48 + (rest - tenth * 10))
    store<u8>(inSource - back, digit)
    store<u8>(inEventId - back, digit)
    rest = tenth
  }
  if (timestamp > load<f64>(lane, 40)) store<f64>(lane, timestamp, 40)
}
