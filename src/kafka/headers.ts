/** Headers of output records: the input's bytes as they came, without those we set ourselves, and then ours. */
import { ownHeaders } from '../enrich/provenance.ts'
import type { Message } from '../enrich/source.ts'
import type { RecordWriter } from './record-writer.ts'
import { varintSize, writeVarint } from './varint.ts'

/** Encodes headers one after another, without a count before them. */
export function encodeHeaders(
  headers: readonly (readonly [name: string, value: string | Uint8Array | null])[],
): Buffer {
  const fields: (Uint8Array | null)[] = []
  for (const [name, value] of headers) {
    fields.push(Buffer.from(name), typeof value === 'string' ? Buffer.from(value) : value)
  }
  const size = fields.reduce((total, field) => total + varintSize(field?.length ?? -1) + (field?.length ?? 0), 0)
  const bytes = Buffer.alloc(size)
  let at = 0
  for (const field of fields) {
    at = writeVarint(bytes, at, field?.length ?? -1)
    if (field === null) continue
    bytes.set(field, at)
    at += field.length
  }
  return bytes
}

/**
 * The headers of a message that stay. `scan` looks once; `count` and `size` and `write` then speak of that message, so that no
 * object is made for it.
 */
export class KeptHeaders {
  readonly #replaced: readonly Buffer[]
  readonly #firstBytes: ReadonlySet<number>
  #message: Message | null = null
  /** Start of the first header, after the count. */
  #start = 0
  #all = true
  #count = 0
  #size = 0
  #at = 0

  constructor(replaced: readonly string[] = ownHeaders) {
    this.#replaced = replaced.map((name) => Buffer.from(name))
    this.#firstBytes = new Set(this.#replaced.map((name) => name[0] ?? 0))
  }

  get count(): number {
    return this.#count
  }

  get size(): number {
    return this.#size
  }

  scan(message: Message): void {
    this.#message = message
    this.#all = true
    this.#count = 0
    this.#size = 0
    if (message.headersStart >= message.headersEnd) {
      this.#start = message.headersEnd
      return
    }
    const { bytes } = message
    this.#at = message.headersStart
    const count = this.#varint(bytes)
    this.#start = this.#at
    for (let left = count; left > 0; left--) {
      const from = this.#at
      if (this.#next(bytes)) {
        this.#count++
        this.#size += this.#at - from
      } else this.#all = false
    }
  }

  write(writer: RecordWriter): void {
    const message = this.#message
    if (message === null || this.#size === 0) return
    const { bytes } = message
    if (this.#all) {
      writer.raw(bytes, this.#start, this.#start + this.#size)
      return
    }
    this.#at = this.#start
    while (this.#at < message.headersEnd) {
      const from = this.#at
      if (this.#next(bytes)) writer.raw(bytes, from, this.#at)
    }
  }

  /** Passes over one header; true when it stays. */
  #next(bytes: Buffer): boolean {
    const nameLength = this.#varint(bytes)
    const name = this.#at
    this.#at += nameLength
    const valueLength = this.#varint(bytes)
    if (valueLength > 0) this.#at += valueLength
    if (!this.#firstBytes.has(bytes[name] as number)) return true
    for (const replaced of this.#replaced) {
      if (replaced.length === nameLength && replaced.compare(bytes, name, name + nameLength) === 0) return false
    }
    return true
  }

  #varint(bytes: Buffer): number {
    let byte = bytes[this.#at++] as number
    let value = byte & 127
    for (let shift = 7; byte > 127; shift += 7) {
      byte = bytes[this.#at++] as number
      value |= (byte & 127) << shift
    }
    return (value >>> 1) ^ -(value & 1)
  }
}
