/**
 * One pass over the bytes of an event: proof that they are JSON of an object in UTF-8, and where the wanted paths stand.
 * Where it is not sure it says so, and the event is parsed instead: it never decides that something is wrong. The pass itself
 * is WebAssembly (`scan.as.ts`): texts go by sixteen bytes at a time, which takes it from 1.5 to 0.65 us for 1 KB.
 */
import {
  compileWasm,
  copyBytes,
  memory as eventMemory,
  instantiateWasm,
  newMemory,
  reserve,
  sharedMemory,
  tablesBytes,
  type WasmMemory,
} from '../memory.ts'
import type { Limits } from './decode.ts'
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
  /** Of the last scan. */
  readonly found: Found
  /** True: the bytes are a JSON object within the limits, and `found` says where everything is. False: nobody knows yet. */
  scan(bytes: Buffer, start: number, end: number): boolean
  /** The same for a text; `found` then speaks of places in `bytes`. */
  scanText(text: string): boolean
  /** Valid until the next scan. */
  readonly bytes: Buffer
  /** Whether no other scanner has used the memory since. */
  isCurrent(): boolean
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

interface Code {
  scan(from: number, end: number, start: number, slots: number, depthMax: number, keysMax: number): number
}

const module = compileWasm(Buffer.from(scanCode, 'base64'))

/** One memory serves many shapes, one after another: a scan and the use of what it found are synchronous. */
class Memory {
  readonly bytes: Buffer
  readonly #inputAt: number
  readonly #code: Code
  readonly found: Found
  /** Whose nodes are in it. */
  #shape: Shape | null = null
  scans = 0

  constructor(memory: WasmMemory, bytes: Buffer, inputAt: number) {
    this.bytes = bytes
    this.#inputAt = inputAt
    this.#code = instantiateWasm<Code>(module, memory)
    this.found = {
      starts: new Int32Array(memory.buffer, startsAt, slotsMax),
      ends: new Int32Array(memory.buffer, endsAt, slotsMax),
      plain: new Uint8Array(memory.buffer, plainAt, slotsMax),
      tails: new Int32Array(memory.buffer, tailsAt, slotsMax),
    }
  }

  /** Scans bytes of a memory where they are, others in a copy; their positions stay what they were. */
  scan(shape: Shape, bytes: Buffer, start: number, end: number, depthMax: number, keysMax: number): boolean {
    let from = start
    if (bytes !== this.bytes) {
      from = this.#inputAt
      copyBytes(this.bytes, from, bytes, start, end)
    }
    return this.#scan(shape, from, from + end - start, start, depthMax, keysMax)
  }

  scanText(shape: Shape, text: string, depthMax: number, keysMax: number): boolean {
    const from = this.#inputAt
    return this.#scan(shape, from, from + this.bytes.write(text, from), from, depthMax, keysMax)
  }

  #scan(shape: Shape, from: number, end: number, start: number, depthMax: number, keysMax: number): boolean {
    if (this.#shape !== shape) writeNodes((this.#shape = shape), this.bytes)
    this.scans++
    const { bytes } = this
    const after = bytes[end] as number
    bytes[end] = 0
    const isSure = this.#code.scan(from, end, start, shape.slots, depthMax, keysMax) === 1
    bytes[end] = after
    return isSure
  }
}

function ownMemory(): Memory {
  const memory = newMemory(tablesBytes + inputBytesMax + 32)
  return new Memory(memory, Buffer.from(memory.buffer), tablesBytes)
}

/** Number 0 is the memory of the event path. */
const memories: Memory[] = [new Memory(sharedMemory, eventMemory, reserve(inputBytesMax + 32))]

export interface ScannerOptions {
  readonly shape: Shape
  readonly limits: Limits
  /** Scanners with the same number share a memory: what one has found is gone when the other scans. Events have 0. */
  readonly memory?: number
}

/** Null: so many paths are wanted that they do not fit. */
export function openScanner({ shape, limits, memory: number = 0 }: ScannerOptions): Scanner | null {
  if (shape.slots > slotsMax || nameBytes(shape.root) > tablesBytes - namesAt) return null
  const memory = (memories[number] ??= ownMemory())
  const bytesMax = Math.min(limits.bytesMax, inputBytesMax)
  const depthMax = Math.min(limits.depthMax, depthMost)
  const { keysMax } = limits
  let scans = -1
  return {
    found: memory.found,
    bytes: memory.bytes,
    isCurrent: () => memory.scans === scans,
    scan(bytes, start, end) {
      const length = end - start
      if (start < 0 || length > bytesMax) return false
      return memory.scan(shape, bytes, start, end, depthMax, keysMax)
    },
    scanText(text) {
      if (3 * text.length > bytesMax) return false
      scans = memory.scans + 1
      return memory.scanText(shape, text, depthMax, keysMax)
    },
  }
}

function nameBytes({ nameBytes: own, children }: ShapeNode): number {
  return children.reduce((sum, child) => sum + nameBytes(child), own.length)
}

/** The shape as `scan.as.ts` reads it. */
function writeNodes(shape: Shape, memory: Buffer): void {
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
