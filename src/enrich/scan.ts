/**
 * One pass over the bytes of an event: proof that they are JSON of an object in UTF-8, and where the wanted paths stand.
 * Where it is not sure it says so, and the event is parsed instead: it never decides that something is wrong. The pass itself
 * is WebAssembly (`scan.as.ts`): texts go by sixteen bytes at a time, which takes it from 1.5 to 0.65 us for 1 KB.
 */
import { copyBytes, memory, reserve, sharedMemory } from '../memory.ts'
import type { Limits } from './decode.ts'
import { Frames } from './frames.ts'
import { decideAt, sureAt, valueEndAt, valueStartAt } from './in-hand.ts'
import { code } from './native.ts'
import type { Shape, ShapeNode } from './shape.ts'
import type { View } from './view.ts'

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

export interface Scanner {
  readonly frames: Frames
  /** Of the last scan for each place. */
  readonly found: readonly Found[]
  /** How often the memory was another scanner's in between: what was numbered before has no number any more. */
  readonly claims: number
  /** True: the bytes are a JSON object within the limits, and `found[place]` says where everything is. False: nobody knows yet. */
  scan(place: number, bytes: Buffer, start: number, end: number): boolean
  /** The same for the first messages in hand, each at its place; `sureAt` says what it says. True: nothing about them is new. */
  look(count: number): boolean
  /**
   * After the scan for this place: the number of what was decided on an event with the same decisive values. -1: nothing yet,
   * and `remember` gives a number; -2: its like gets none. Of a place in hand the number is in the table as well, and its keys' hashes.
   */
  decide(place: number): number
  remember(): number
  /** From now on nothing has a number. */
  stopDeciding(): void
}

/** Larger and deeper events are parsed: the memory is fixed, and the scan uses the stack. */
const inputBytesMax = 1024 * 1024
const depthMost = 500

// A memory, as `scan.as.ts` knows it.
const slotsMax = 2048
const startsAt = 0
const endsAt = 0x2000
const tailsAt = 0x4000
const plainAt = 0x6000
const nodesAt = 0x8000
const nodeBytes = 24
const namesAt = nodesAt + slotsMax * nodeBytes
const namesEnd = 0x24000
const decisiveAt = 0x25800
const decisiveMost = 60
const entriesAt = 0x25c00
const entryBytes = 288
const entriesMost = 256

const inputAt = reserve(inputBytesMax + 32)
/** Whose nodes and frames are in the memory. */
let inHand: Frames | null = null

/** With at most so many places. Null: so many paths are wanted that they do not fit. */
export function openScanner(options: {
  readonly shape: Shape
  readonly limits: Limits
  readonly places: number
  /** The values that decide. */
  readonly decisive?: View
}): Scanner | null {
  const { shape, limits } = options
  const { slots } = shape
  if (slots > slotsMax || nameBytes(shape.root) > namesEnd - namesAt) return null
  const places = Math.min(options.places, Math.floor(slotsMax / slots))
  const bytesMax = Math.min(limits.bytesMax, inputBytesMax)
  const depthMax = Math.min(limits.depthMax, depthMost)
  const { keysMax } = limits
  const frames = new Frames(shape.root)
  const found = Array.from({ length: places }, (_, place) => foundAt(place * slots, slots))
  const decisive = options.decisive === undefined ? [] : decisiveNodes(options.decisive)
  let nodes = options.decisive === undefined || decisive.length > decisiveMost ? -1 : decisive.length
  let claims = 0
  // Of the last scan.
  let bias = 0
  let isInHand = false

  function claim(): void {
    if (inHand === frames) return
    inHand = frames
    claims++
    writeNodes(shape)
    frames.forget()
    for (const [index, { slot, whole }] of decisive.slice(0, decisiveMost).entries()) {
      memory.writeInt32LE(slot, decisiveAt + 8 * index)
      memory.writeInt32LE(whole ? 1 : 0, decisiveAt + 8 * index + 4)
    }
    for (let entry = 0; entry < entriesMost; entry++) memory.writeInt32LE(-1, entriesAt + entry * entryBytes)
  }

  return {
    frames,
    found,
    get claims() {
      return claims
    },
    scan(place, bytes, start, end) {
      const length = end - start
      if (start < 0 || length > bytesMax) return false
      claim()
      let from = start
      if (bytes !== memory) {
        from = inputAt
        copyBytes(memory, from, bytes, start, end)
      }
      bias = start - from
      isInHand = false
      const after = memory[from + length] as number
      memory[from + length] = 0
      const { first, settled } = frames
      const sure = code.scan(from, from + length, start, place * slots, slots, depthMax, keysMax, first, settled)
      memory[from + length] = after
      if (sure >= 2) {
        frames.fitted(sure === 2 ? 1 : 0, sure === 3 ? 1 : 0)
        if (sure === 2 && frames.isWatching()) frames.watch(from, from + length, bias, found[place]!)
      } else if (sure === 1) frames.learn(from, from + length, bias, found[place]!)
      return sure > 0
    },
    look(count) {
      claim()
      bias = 0
      isInHand = true
      const seen = code.look(count, slots, bytesMax, depthMax, keysMax, frames.first, frames.settled, nodes)
      frames.fitted(seen & 255, (seen >> 8) & 255)
      if ((seen & 255) > 0 && frames.isWatching())
        for (let place = 0; place < count; place++) {
          if (sureAt(place) !== 2) continue
          frames.watch(valueStartAt(place), valueEndAt(place), 0, found[place]!)
          break
        }
      if (seen >> 16 === 0) return true
      for (let place = 0; place < count; place++)
        if (sureAt(place) === 1) frames.learn(valueStartAt(place), valueEndAt(place), 0, found[place]!)
      return false
    },
    decide(place) {
      const number = code.decide(isInHand ? place : -1, place * slots, bias, nodes)
      if (isInHand) decideAt(place, number)
      return number
    },
    remember: () => code.remember(),
    stopDeciding() {
      nodes = -1
    },
  }
}

/** The nodes whose values decide, in the order of their slots: of some it is enough whether they are objects. */
function decisiveNodes(view: View): { slot: number; whole: boolean }[] {
  const nodes: { slot: number; whole: boolean }[] = []
  const visit = (node: ShapeNode): void => {
    const wanted = view.wanted[node.slot] as number
    if (wanted === 0) return
    nodes.push({ slot: node.slot, whole: wanted > 1 })
    if (wanted <= 1) for (const child of node.children) visit(child)
  }
  for (const child of view.root.children) visit(child)
  return nodes
}

function foundAt(at: number, slots: number): Found {
  const { buffer } = sharedMemory
  return {
    starts: new Int32Array(buffer, startsAt + 4 * at, slots),
    ends: new Int32Array(buffer, endsAt + 4 * at, slots),
    plain: new Uint8Array(buffer, plainAt + at, slots),
    tails: new Int32Array(buffer, tailsAt + 4 * at, slots),
  }
}

function nameBytes({ nameBytes: own, children }: ShapeNode): number {
  return children.reduce((sum, child) => sum + nameBytes(child), own.length)
}

/** The shape as `scan.as.ts` reads it. */
function writeNodes(shape: Shape): void {
  let nameAt = namesAt
  const write = (node: ShapeNode, sibling: ShapeNode | undefined): void => {
    const { slot, nameBytes, children, slotsEnd, childLengths } = node
    memory.set(nameBytes, nameAt)
    const fields = [nameAt, nameBytes.length, children[0]?.slot ?? -1, sibling?.slot ?? -1, slotsEnd, childLengths]
    for (const [index, field] of fields.entries()) memory.writeInt32LE(field, nodesAt + slot * nodeBytes + 4 * index)
    nameAt += nameBytes.length
    for (const [index, child] of children.entries()) write(child, children[index + 1])
  }
  write(shape.root, undefined)
}
