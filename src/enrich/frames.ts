/**
 * What events have in common: most of a stream are of a few kinds, and events of one kind differ in the values of their scalars,
 * while the text between these, the frame, is the same. Frames that were scanned are remembered as a tree, text by text; where one
 * fits, an event need only be compared with it, which takes half the time of a scan and finds the same. It is followed
 * in `scan.as.ts`. Scalars that are the same in all events of a frame become part of it, once some were watched.
 */
import { memory, reserve } from '../memory.ts'
import type { Found } from './scan.ts'
import type { ShapeNode } from './shape.ts'

/** Texts of one frame: `scan.as.ts` has room for so many marks. */
const textsMost = 512
/** Longer events are not taken apart. */
const eventBytesMost = 32 * 1024
/** Alternatives at one place: where there would be more, names are probably values. */
const alternativesMost = 8
const bytesMost = 192 * 1024
/** A frame that is learned has to fit so many events to have been worth it. */
const learningCost = 16
const credit = 64 * learningCost
const creditMost = 1024 * learningCost
/** Where learning was of no use there is none until so many events fitted nothing; then all is learned anew. */
const pauseEvents = 65_536
/** In the meantime, what is known is in use until so many more events did not fit than did: in vain, comparing costs time. */
const pauseCredit = 4096

// A text, as `scan.as.ts` knows it: its length, the first text after its value, the next alternative, the places of the frame that
// ends with it; then its bytes, filled up with zeros to sixteen.
const headBytes = 16
const nextAt = 4
const alternativeAt = 8
const placesAt = 12
/** Start, end and tail as text and distance, and the text before its value. */
const placeBytes = 32

/** Of so many events that fit a frame, or groups of them, one is watched; so many after a new frame was learned. */
const watchEvery = 4
const watchesForNew = 256
const watchesMost = 2048
/** A scalar that is the same in so many of them belongs to the frame, which is settled then. */
const watchedEnough = 12
/** Settled frames stay in use while they fit this share of the events; so many events are forgiven. */
const settledShare = 1 / 8
const settledCredit = 1024

const room = reserve(bytesMost)

/** What events of one frame had in common, of those that were watched. */
interface Watched {
  events: number
  /** Null: not the same in all. */
  readonly scalars: (string | null)[]
}

/** The frames of one shape. */
export class Frames {
  readonly #nodes: readonly ShapeNode[]
  #end = room
  /** Where the trees begin. In that of settled frames, scalars that are always the same are part of the texts. */
  readonly #roots = { all: 0, settled: 0 }
  readonly #watched = new Map<number, Watched>()
  #settledCredit = settledCredit
  #untilWatch = watchEvery
  #watches = 0
  #credit = credit
  #pause = 0
  #fits = 0

  constructor(root: ShapeNode) {
    this.#nodes = nodesBelow(root)
  }

  /** Where those begin that may fit, or 0. */
  get first(): number {
    return this.#roots.all
  }

  /** The same of settled ones, which are compared first. */
  get settled(): number {
    return this.#roots.settled
  }

  /** Somebody else has used the memory. */
  forget(): void {
    this.#end = room
    this.#roots.all = 0
    this.#roots.settled = 0
    this.#watched.clear()
    this.#settledCredit = settledCredit
  }

  /** Events that one fitted. */
  get fits(): number {
    return this.#fits
  }

  /** So many events fitted a frame, and so many a settled one. */
  fitted(events: number, settled: number): void {
    this.#fits += events + settled
    if (this.#credit < creditMost) this.#credit += events + settled
    if (this.#roots.settled === 0) return
    this.#settledCredit = Math.min(settledCredit, this.#settledCredit + settled - events * settledShare)
    if (this.#settledCredit >= 0) return
    this.#roots.settled = 0 // what was always the same is another now
    this.#watched.clear()
    this.#settledCredit = settledCredit
    this.#untilWatch = pauseEvents
    this.#watches = watchesMost
  }

  /** Whether events that fit a frame are watched now; asked once for each, or for each group of them. */
  isWatching(): boolean {
    if (this.#watches === 0 || --this.#untilWatch > 0) return false
    this.#untilWatch = watchEvery
    this.#watches--
    return true
  }

  /** An event that fits a frame, but no settled one. */
  watch(from: number, end: number, bias: number, found: Found): void {
    const texts = textsOf(from, end)
    const leaf = this.#leafOf(texts)
    if (leaf === 0) return
    const scalars = texts.slice(1).map(({ start }, index) => memory.toString('latin1', texts[index]!.end, start))
    const watched = this.#watched.get(leaf)
    if (watched === undefined) this.#watched.set(leaf, { events: 1, scalars })
    else {
      for (const [index, scalar] of scalars.entries())
        if (watched.scalars[index] !== scalar) watched.scalars[index] = null
      if (++watched.events === watchedEnough) this.#settle(texts, watched.scalars, bias, found)
    }
  }

  #settle(texts: readonly Text[], scalars: readonly (string | null)[], bias: number, found: Found): void {
    const wanted = new Set(this.#nodes.map(({ slot }) => (found.starts[slot] as number) - bias))
    const settled: Text[] = []
    for (const [index, text] of texts.entries()) {
      const before = settled.at(-1)
      const isConstant = index > 0 && scalars[index - 1] !== null && !wanted.has(texts[index - 1]!.end)
      if (before !== undefined && isConstant) settled[settled.length - 1] = { start: before.start, end: text.end }
      else settled.push(text)
    }
    const places = settled.length === texts.length ? null : this.#placesOf(settled, bias, found)
    if (places !== null) this.#add('settled', settled, places)
  }

  /** The text that ends the frame, or 0. */
  #leafOf(texts: readonly Text[]): number {
    let above = 0
    for (const text of texts) {
      let at = this.#firstBelow('all', above)
      while (at !== 0 && !isText(at, text)) at = memory.readInt32LE(at + alternativeAt)
      if (at === 0) return 0
      above = at
    }
    return memory.readInt32LE(above + placesAt) === 0 ? 0 : above
  }

  #firstBelow(tree: 'all' | 'settled', above: number): number {
    return above === 0 ? this.#roots[tree] : memory.readInt32LE(above + nextAt)
  }

  /** An event that none fits; scanned, and an object. `bias`: from an address to a position in `found`. */
  learn(from: number, end: number, bias: number, found: Found): void {
    if (end - from > eventBytesMost) return
    if (this.#pause > 0) {
      this.#pause--
      this.#credit--
      if (this.#pause === 0 || this.#credit === 0) this.forget() // to begin anew, or because more do not fit than do
      if (this.#pause === 0) this.#credit = credit
      return
    }
    this.#credit -= learningCost
    if (this.#credit < learningCost) {
      this.#credit = pauseCredit
      this.#pause = pauseEvents
    }
    const texts = textsOf(from, end)
    const places = texts.length > textsMost ? null : this.#placesOf(texts, bias, found)
    if (places !== null) this.#add('all', texts, places)
  }

  #add(tree: 'all' | 'settled', texts: readonly Text[], places: readonly Place[]): void {
    const bytes = texts.reduce((sum, text) => sum + textBytes(text), placeBytes * places.length)
    if (bytes > bytesMost) return
    if (this.#end + bytes > room + bytesMost) {
      this.forget()
      if (tree === 'settled') return
    }
    let above = 0
    for (const text of texts) {
      const here = this.#alternative(tree, above, text)
      if (here === null) return
      above = here
    }
    if (memory.readInt32LE(above + placesAt) !== 0) return
    if (tree === 'all') this.#watches = Math.min(watchesMost, this.#watches + watchesForNew)
    memory.writeInt32LE(this.#end, above + placesAt)
    for (const place of places) {
      for (const [index, number] of place.entries()) memory.writeInt32LE(number, this.#end + 4 * index)
      this.#end += placeBytes
    }
  }

  /** This text behind the value of the text `above`, or at the beginning for 0. Null: there are too many others. */
  #alternative(tree: 'all' | 'settled', above: number, text: Text): number | null {
    const first = this.#firstBelow(tree, above)
    let alternatives = 0
    let longer = 0
    for (let at = first; at !== 0; at = memory.readInt32LE(at + alternativeAt)) {
      if (isText(at, text)) return at
      if (memory.readInt32LE(at) > text.end - text.start) longer = at
      if (++alternatives === alternativesMost) return null
    }
    // The longer ones first: one may begin like another, and where it stands the other does not fit.
    const at = this.#write(text, longer === 0 ? first : memory.readInt32LE(longer + alternativeAt))
    if (longer !== 0) memory.writeInt32LE(at, longer + alternativeAt)
    else if (above !== 0) memory.writeInt32LE(at, above + nextAt)
    else this.#roots[tree] = at
    return at
  }

  #write(text: Text, alternative: number): number {
    const at = this.#end
    memory.fill(0, at, at + textBytes(text))
    memory.writeInt32LE(text.end - text.start, at)
    memory.writeInt32LE(alternative, at + alternativeAt)
    memory.copy(memory, at + headBytes, text.start, text.end)
    this.#end += textBytes(text)
    return at
  }

  /** By slot; null: it takes more than a frame to say what the event is. */
  #placesOf(texts: readonly Text[], bias: number, { starts, ends, tails }: Found): Place[] | null {
    const places: Place[] = []
    for (const { slot, children } of this.#nodes) {
      if ((starts[slot] as number) < 0) {
        places.push(nowhere)
        continue
      }
      const address = (starts[slot] as number) - bias
      const isObject = memory[address] === 0x7b
      if (children.length > 0 && !isObject) return null // null may become a value that has to be parsed
      const start = placeIn(texts, address)
      const tail = isObject && children.length > 0 ? placeIn(texts, (tails[slot] as number) - bias) : start
      const [before, distance] = start
      const isScalar = distance === texts[before]!.end - texts[before]!.start
      places.push([...start, ...placeIn(texts, (ends[slot] as number) - bias), ...tail, isScalar ? before : 0])
    }
    return places
  }
}

interface Text {
  readonly start: number
  readonly end: number
}

type Place = readonly number[]
const nowhere: Place = [-1, 0, 0, 0, 0, 0, 0]

function nodesBelow(node: ShapeNode): ShapeNode[] {
  return [node, ...node.children.flatMap(nodesBelow)]
}

/** Which text an address belongs to, and how far it is from the beginning of it. Behind a value it belongs to the next text. */
function placeIn(texts: readonly Text[], address: number): [text: number, distance: number] {
  const text = texts.findIndex(({ end }) => address <= end)
  return [text, address - texts[text]!.start]
}

function textBytes({ start, end }: Text): number {
  return headBytes + ((end - start + 16) & ~15)
}

function isText(at: number, { start, end }: Text): boolean {
  const length = end - start
  return (
    memory.readInt32LE(at) === length &&
    memory.compare(memory, start, end, at + headBytes, at + headBytes + length) === 0
  )
}

/** The texts of an event around and between its scalars. It is JSON. */
function textsOf(from: number, end: number): Text[] {
  const texts: Text[] = []
  let start = from
  const value = (at: number, valueEnd: number) => {
    texts.push({ start, end: at })
    start = valueEnd
    return valueEnd
  }
  for (let at = from; at < end; ) {
    const byte = memory[at] as number
    if (byte === 0x22) {
      const after = textEnd(at)
      let next = after
      while ((memory[next] as number) <= 0x20 && next < end) next++
      at = memory[next] === 0x3a ? after : value(at, after)
    } else if (byte === 0x74 || byte === 0x66 || byte === 0x6e) at = value(at, at + (byte === 0x66 ? 5 : 4))
    else if (byte === 0x2d || isDigit(byte)) {
      let after = at + 1
      while (isNumberByte(memory[after] as number) && after < end) after++
      at = value(at, after)
    } else at++
  }
  texts.push({ start, end })
  return texts
}

/** Behind the quote that ends the text which begins with the quote at `at`. */
function textEnd(at: number): number {
  let next = at + 1
  while (memory[next] !== 0x22) next += memory[next] === 0x5c ? 2 : 1
  return next + 1
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39
}

function isNumberByte(byte: number): boolean {
  return isDigit(byte) || byte === 0x2e || byte === 0x65 || byte === 0x45 || byte === 0x2b || byte === 0x2d
}
