/** Decompression of snappy and LZ4, which Kafka producers use most, without a native package. Both copy from what they have written. */

class Window {
  #bytes: Buffer
  #at = 0

  constructor(size: number) {
    this.#bytes = Buffer.allocUnsafe(size)
  }

  get length(): number {
    return this.#at
  }

  append(source: Buffer, start: number, end: number): void {
    if (end > source.length || end < start) throw new RangeError('compressed data ends early')
    this.#reserve(end - start)
    this.#at += source.copy(this.#bytes, this.#at, start, end)
  }

  /** Copies `length` bytes from `distance` back; the two may overlap, which repeats them. */
  repeat(distance: number, length: number): void {
    if (distance < 1 || distance > this.#at) throw new RangeError('compressed data points before its beginning')
    this.#reserve(length)
    const bytes = this.#bytes
    let at = this.#at
    if (distance >= length) bytes.copyWithin(at, at - distance, at - distance + length)
    else for (let left = length; left > 0; left--, at++) bytes[at] = bytes[at - distance] as number
    this.#at += length
  }

  done(): Buffer {
    return this.#bytes.subarray(0, this.#at)
  }

  #reserve(count: number): void {
    if (this.#at + count <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + count))
    this.#bytes.copy(larger, 0, 0, this.#at)
    this.#bytes = larger
  }
}

const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const xerialHeadBytes = 16

/** Snappy as Kafka carries it: Java writes blocks with a head (xerial), others one bare block. */
export function unsnappy(bytes: Buffer): Buffer {
  if (!bytes.subarray(0, xerialMagic.length).equals(xerialMagic)) return snappyBlock(bytes)
  const blocks: Buffer[] = []
  for (let at = xerialHeadBytes; at + 4 <= bytes.length; ) {
    const end = at + 4 + bytes.readUInt32BE(at)
    blocks.push(snappyBlock(bytes.subarray(at + 4, end)))
    at = end
  }
  return Buffer.concat(blocks)
}

function snappyBlock(bytes: Buffer): Buffer {
  let at = 0
  let size = 0
  for (let shift = 0; ; shift += 7) {
    const byte = bytes.readUInt8(at++)
    size += (byte & 127) * 2 ** shift
    if (byte < 128) break
  }
  const window = new Window(size)
  while (at < bytes.length) {
    const tag = bytes[at++] as number
    const kind = tag & 3
    if (kind === 0) {
      let length = tag >> 2
      if (length >= 60) {
        const lengthBytes = length - 59
        length = bytes.readUIntLE(at, lengthBytes)
        at += lengthBytes
      }
      window.append(bytes, at, at + length + 1)
      at += length + 1
    } else if (kind === 1) {
      window.repeat(((tag >> 5) << 8) | bytes.readUInt8(at), ((tag >> 2) & 7) + 4)
      at += 1
    } else {
      const distanceBytes = kind === 2 ? 2 : 4
      window.repeat(bytes.readUIntLE(at, distanceBytes), (tag >> 2) + 1)
      at += distanceBytes
    }
  }
  if (window.length !== size) throw new RangeError('snappy data ends early')
  return window.done()
}

const lz4Magic = 0x184d2204

/** LZ4 as Kafka carries it: the frame format. Its checksums are left alone: the record batch has its own. */
export function unlz4(bytes: Buffer): Buffer {
  if (bytes.readUInt32LE(0) !== lz4Magic) throw new RangeError('this is no LZ4 frame')
  const flags = bytes.readUInt8(4)
  const blockChecksum = (flags & 0x10) !== 0
  const sized = (flags & 0x08) !== 0
  let at = 6 + (sized ? 8 : 0) + ((flags & 0x01) !== 0 ? 4 : 0) + 1
  const window = new Window(sized ? Number(bytes.readBigUInt64LE(6)) : bytes.length * 4)
  for (;;) {
    const head = bytes.readUInt32LE(at)
    at += 4
    if (head === 0) return window.done()
    const size = head & 0x7fffffff
    if ((head & 0x80000000) !== 0) window.append(bytes, at, at + size)
    else lz4Block(bytes, at, at + size, window)
    at += size + (blockChecksum ? 4 : 0)
  }
}

function lz4Block(bytes: Buffer, start: number, end: number, window: Window): void {
  let at = start
  const long = (short: number): number => {
    let length = short
    for (let byte = 255; short === 15 && byte === 255; length += byte) byte = bytes.readUInt8(at++)
    return length
  }
  while (at < end) {
    const token = bytes.readUInt8(at++)
    const literals = long(token >> 4)
    window.append(bytes, at, at + literals)
    at += literals
    if (at >= end) return // the last sequence has no copy
    const distance = bytes.readUInt16LE(at)
    at += 2
    window.repeat(distance, long(token & 15) + 4)
  }
}
