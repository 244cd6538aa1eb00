/** The WebAssembly of the event path: what `scan.as.ts` and `express.as.ts` export, at work on the memory of the event path. */
import { compileWasm, instantiateWasm, sharedMemory } from '../memory.ts'
import { scanCode } from './scan-code.ts'

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
    settled: number,
  ): number
  weave(from: number, end: number, heads: number, count: number, to: number): number
  weaveCounted(from: number, heads: number, count: number, to: number): number
  read(at: number, end: number, most: number, base: number, firstTimestamp: number, appendTime: number): number
  look(
    count: number,
    slots: number,
    bytesMax: number,
    depthMax: number,
    keysMax: number,
    frames: number,
    settled: number,
    nodes: number,
  ): number
  asked(): number
  askedTo(): number
  decide(place: number, at: number, bias: number, nodes: number): number
  remember(): number
  compose(place: number, count: number, slots: number): number
}

/** One memory serves many, one after another: calls and the use of what they found are synchronous. */
export const code = instantiateWasm<Code>(compileWasm(Buffer.from(scanCode, 'base64')), sharedMemory)
