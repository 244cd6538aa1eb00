/**
 * One pass over the bytes of an event: proof that they are JSON of an object in UTF-8, and where the wanted paths stand.
 * Where it is not sure it says so, and the event is parsed instead: it never decides that something is wrong. The pass itself
 * is WebAssembly (`scan.as.ts`): texts go by sixteen bytes at a time, which takes it from 1.5 to 0.65 us for 1 KB.
 */
import { compileWasm, copyBytes, instantiateWasm, memory, reserve, sharedMemory } from '../memory.ts'
import type { Limits } from './decode.ts'
import { Frames } from './frames.ts'
import { scanCode } from './scan-code.ts'
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

export interface Scanner {
  readonly frames: Frames
  /** Of the last scan for each place. */
  readonly found: readonly Found[]
  /** True: the bytes are a JSON object within the limits, and `found[place]` says where everything is. False: nobody knows yet. */
  scan(place: number, bytes: Buffer, start: number, end: number): boolean
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

interface Code {
  scan(
    from: number,
    end: number,
    start: number,
    at: number,
    slots: number,
    depthMax: number,
    keysMax: number,
    frames: number,
  ): number
  weave(from: number, end: number, heads: number, count: number, to: number): number
}

/** What `scan.as.ts` exports. One memory serves many shapes, one after another: scans and the use of what they found are synchronous. */
export const code = instantiateWasm<Code>(compileWasm(Buffer.from(scanCode, 'base64')), sharedMemory)

const inputAt = reserve(inputBytesMax + 32)
/** Whose nodes and frames are in the memory. */
let inHand: Frames | null = null

/** With at most so many places. Null: so many paths are wanted that they do not fit. */
export function openScanner(options: {
  readonly shape: Shape
  readonly limits: Limits
  readonly places: number
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
  return {
    frames,
    found,
    scan(place, bytes, start, end) {
      const length = end - start
      if (start < 0 || length > bytesMax) return false
      if (inHand !== frames) {
        writeNodes(shape)
        frames.forget()
        inHand = frames
      }
      let from = start
      if (bytes !== memory) {
        from = inputAt
        copyBytes(memory, from, bytes, start, end)
      }
      const after = memory[from + length] as number
      memory[from + length] = 0
      const sure = code.scan(from, from + length, start, place * slots, slots, depthMax, keysMax, frames.first)
      memory[from + length] = after
      if (sure === 2) frames.fitted()
      else if (sure === 1) frames.learn(from, from + length, start - from, found[place]!)
      return sure > 0
    },
  }
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
