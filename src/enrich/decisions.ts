/**
 * What the destinations and triggers say of an event, remembered: most events of a stream are alike in the few values that
 * decide. The memory is small and exact: an entry holds the very bytes that it was decided on.
 */
import type { Found } from './scan.ts'
import type { ShapeNode } from './shape.ts'
import type { View } from './view.ts'

const entriesMax = 256
/** Values longer than this together are not worth remembering. */
const bytesMax = 256
/** So many misses more than hits: the values of this stream do not repeat. */
const missesMax = 10_000

interface Entry<Decision> {
  readonly bytes: Uint8Array
  readonly decision: Decision
}

export class Decisions<Decision> {
  readonly #nodes: readonly { readonly slot: number; readonly whole: boolean }[]
  readonly #entries: (Entry<Decision> | undefined)[] = new Array(entriesMax).fill(undefined)
  readonly #bytes = new Uint8Array(bytesMax + 16)
  #last: Entry<Decision> | null = null
  #length = 0
  #place = 0
  #misses = 0

  constructor(view: View) {
    const nodes: { slot: number; whole: boolean }[] = []
    const visit = (node: ShapeNode): void => {
      const wanted = view.wanted[node.slot] as number
      if (wanted === 0) return
      nodes.push({ slot: node.slot, whole: wanted > 1 })
      if (wanted <= 1) for (const child of node.children) visit(child)
    }
    for (const child of view.root.children) visit(child)
    this.#nodes = nodes
  }

  /** What was decided on the same values before, or `decide`'s answer. */
  of(bytes: Uint8Array, found: Found, decide: () => Decision): Decision {
    if (this.#misses > missesMax) return decide()
    const last = this.#last
    if (last !== null && this.#hasSigned(last.bytes, bytes, found)) return last.decision
    if (!this.#sign(bytes, found)) return decide()
    let entry = this.#entries[this.#place]
    if (entry !== undefined && this.#isSame(entry.bytes)) {
      if (this.#misses > 0) this.#misses--
    } else {
      this.#misses++
      entry = { bytes: this.#bytes.slice(0, this.#length), decision: decide() }
      this.#entries[this.#place] = entry
    }
    this.#last = entry
    return entry.decision
  }

  /** Whether these are the deciding bytes, without gathering them: the event before is often of the same kind. */
  #hasSigned(signature: Uint8Array, bytes: Uint8Array, { starts, ends }: Found): boolean {
    let length = 0
    for (const { slot, whole } of this.#nodes) {
      const start = starts[slot] as number
      const mark = markOf(bytes, start, whole)
      if (signature[length++] !== mark) return false
      if (mark !== wholeMark) continue
      const end = ends[slot] as number
      if (signature[length++] !== end - start) return false
      for (let at = start; at < end; at++) if (signature[length++] !== bytes[at]) return false
    }
    return true
  }

  /** Gathers the deciding bytes, each with what tells where it ends, and their hash. False: too many. */
  #sign(bytes: Uint8Array, { starts, ends }: Found): boolean {
    const signature = this.#bytes
    let length = 0
    let hash = 17
    for (const { slot, whole } of this.#nodes) {
      const start = starts[slot] as number
      const mark = markOf(bytes, start, whole)
      if (mark !== wholeMark) {
        signature[length++] = mark
        hash = (hash * 31 + mark) | 0
        if (length > bytesMax) return false
        continue
      }
      const end = ends[slot] as number
      if (end - start > bytesMax - length) return false
      signature[length++] = mark
      signature[length++] = end - start
      for (let at = start; at < end; at++) {
        const byte = bytes[at] as number
        signature[length++] = byte
        hash = (hash * 31 + byte) | 0
      }
      if (length > bytesMax) return false
    }
    this.#length = length
    this.#place = (hash ^ (hash >>> 15)) & (entriesMax - 1)
    return true
  }

  #isSame(bytes: Uint8Array): boolean {
    const length = this.#length
    if (bytes.length !== length) return false
    const signature = this.#bytes
    for (let at = 0; at < length; at++) if (bytes[at] !== signature[at]) return false
    return true
  }
}

/** The value follows, with its length. */
const wholeMark = 3

/** What is to be known of a value besides its bytes: it is not there, is an object, is none, or it decides as a whole. */
function markOf(bytes: Uint8Array, start: number, whole: boolean): number {
  if (start < 0) return 0
  return whole ? wholeMark : bytes[start] === 0x7b ? 1 : 2
}
