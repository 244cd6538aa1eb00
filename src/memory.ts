/**
 * One piece of memory for bytes on their way through the event path. What lies in it is scanned where it lies, and copied
 * within it for 15 ns where a copy between two buffers costs 80 to 150 (Node 20 makes an object for each). Bytes are in it
 * only while one message is in hand or until they are drained, so it is small, never grows, and nobody has to give anything back.
 */
import { assert } from './assert.ts'

/** As much of the platform's WebAssembly as is used here: the types of Node have none. */
interface Platform {
  readonly Memory: new (size: { initial: number; maximum: number }) => WasmMemory
  readonly Module: new (code: Uint8Array) => object
  readonly Instance: new (
    module: object,
    imports: { readonly env: { readonly memory: WasmMemory } },
  ) => { readonly exports: unknown }
}

export interface WasmMemory {
  readonly buffer: ArrayBuffer
}

const { Memory, Module, Instance } = (globalThis as unknown as { WebAssembly: Platform }).WebAssembly

const pageBytes = 64 * 1024

/** Memory of a fixed size, filled with 0. */
export function newMemory(bytes: number): WasmMemory {
  const pages = Math.ceil(bytes / pageBytes)
  return new Memory({ initial: pages, maximum: pages })
}

export function compileWasm(code: Uint8Array): object {
  return new Module(code)
}

/** What the code exports, at work on this memory. */
export function instantiateWasm<Exports>(module: object, memory: WasmMemory): Exports {
  return new Instance(module, { env: { memory } }).exports as Exports
}

/** Bytes from `start` to `end` of `bytes`. */
export interface Span {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
}

export function spanOf(bytes: Buffer): Span {
  return { bytes, start: 0, end: bytes.length }
}

export function bytesOf({ bytes, start, end }: Span): Buffer {
  return bytes.subarray(start, end)
}

const bytesMax = 4 * 1024 * 1024

export const sharedMemory = newMemory(bytesMax)

/** The whole of it: a position in these bytes is an address. */
export const memory: Buffer = Buffer.from(sharedMemory.buffer)

/** The same, for numbers, and for whoever copies eight bytes at a time. */
export const memoryView = new DataView(sharedMemory.buffer)

/** From 0 on lie the tables of the WebAssembly, whose places are in its code. */
export const tablesBytes = 0x5dd00
let reserved = tablesBytes

/** The address of so many bytes that are the caller's for ever. For modules, when they are loaded. */
export function reserve(bytes: number): number {
  const address = reserved
  reserved += (bytes + 15) & ~15
  assert(reserved + 16 <= bytesMax, 'the memory of the event path is too small')
  return address
}

/** (module (import "env" "memory" (memory 0)) (func (export "copy") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))) */
const copyCode = Buffer.from(
  '0061736d0100000001070160037f7f7f00020f0103656e76066d656d6f7279020000030201000708010463' +
    '6f707900000a0e010c00200020012002fc0a00000b',
  'hex',
)
const { copy } = instantiateWasm<{ copy(to: number, from: number, length: number): void }>(
  compileWasm(copyCode),
  sharedMemory,
)

/** Below this many bytes a loop is faster than a native copy. */
const nativeBytesMin = 48

/** Copies `source` from `start` to `end` to `at` in `target`. */
export function copyBytes(target: Buffer, at: number, source: Uint8Array, start: number, end: number): void {
  if (target === memory && source === memory) copy(at, start, end - start)
  else if (end - start < nativeBytesMin) {
    let to = at
    for (let from = start; from < end; from++) target[to++] = source[from] as number
  } else if (source instanceof Buffer) source.copy(target, at, start, end)
  else target.set(source.subarray(start, end), at)
}

/**
 * Copies values in UTF-8, with their lengths before them, to `at` in the memory, eight bytes at a time: a native copy costs as much
 * as a hundred bytes. As numbers they come through unchanged, because none is NaN: its last byte would be FF, or 7F after one from
 * F0 on, and a value ends in ASCII. Reads and writes up to seven bytes more. The number of bytes.
 */
export function copyValues(at: number, source: DataView<ArrayBuffer>, start: number, end: number): number {
  const target = memoryView
  for (let from = start, to = at; from < end; from += 8, to += 8)
    target.setFloat64(to, source.getFloat64(from, true), true)
  return end - start
}
