/**
 * One pass over the bytes of an event: proof that they are JSON of an object in UTF-8, and where the wanted paths stand.
 * Where it is not sure it says so, and the event is parsed instead: it never decides that something is wrong. The pass itself
 * is WebAssembly (`scan.as.ts`): texts go by sixteen bytes at a time, which takes it from 1.5 to 0.65 us for 1 KB.
 */
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
const inputAt = 0x24000

/** As much of the platform's WebAssembly as is used here: the types of Node have none. */
interface Platform {
  readonly Module: new (code: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: unknown }
}

interface Code {
  readonly memory: { readonly buffer: ArrayBuffer }
  scan(from: number, end: number, start: number, slots: number, depthMax: number, keysMax: number): number
}

const { Module, Instance } = (globalThis as unknown as { WebAssembly: Platform }).WebAssembly
const module = new Module(Buffer.from(scanCode, 'base64'))

/** One memory serves many shapes, one after another: a scan and the use of what it found are synchronous. */
class Memory {
  readonly #code: Code = new Instance(module).exports as Code
  readonly bytes: Buffer = Buffer.from(this.#code.memory.buffer)
  readonly found: Found = {
    starts: new Int32Array(this.bytes.buffer as ArrayBuffer, startsAt, slotsMax),
    ends: new Int32Array(this.bytes.buffer as ArrayBuffer, endsAt, slotsMax),
    plain: new Uint8Array(this.bytes.buffer as ArrayBuffer, plainAt, slotsMax),
    tails: new Int32Array(this.bytes.buffer as ArrayBuffer, tailsAt, slotsMax),
  }
  /** Whose nodes are in it. */
  #shape: Shape | null = null
  scans = 0

  /** Scans what stands from `inputAt` on; `start` is what the first byte's position is called. */
  scan(shape: Shape, length: number, start: number, depthMax: number, keysMax: number): boolean {
    if (this.#shape !== shape) writeNodes((this.#shape = shape), this.bytes)
    this.bytes[inputAt + length] = 0
    this.scans++
    return this.#code.scan(inputAt, inputAt + length, start, shape.slots, depthMax, keysMax) === 1
  }
}

const memories: Memory[] = []

export interface ScannerOptions {
  readonly shape: Shape
  readonly limits: Limits
  /** Scanners with the same number share a memory: what one has found is gone when the other scans. Events have 0. */
  readonly memory?: number
}

/** Null: so many paths are wanted that they do not fit. */
export function openScanner({ shape, limits, memory: number = 0 }: ScannerOptions): Scanner | null {
  if (shape.slots > slotsMax || nameBytes(shape.root) > inputAt - namesAt) return null
  const memory = (memories[number] ??= new Memory())
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
      bytes.copy(memory.bytes, inputAt, start, end)
      return memory.scan(shape, length, start, depthMax, keysMax)
    },
    scanText(text) {
      if (3 * text.length > bytesMax) return false
      const length = memory.bytes.write(text, inputAt)
      scans = memory.scans + 1
      return memory.scan(shape, length, inputAt, depthMax, keysMax)
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
