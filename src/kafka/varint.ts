/** Kafka's variable-length integers: zigzag, seven bits a byte, lowest first. Sizes and writes; reading is in the record reader. */

/** Bytes that `value` takes as a zigzag varint of 32 bits. */
export function varintSize(value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0
  let size = 1
  while (rest > 127) {
    rest >>>= 7
    size++
  }
  return size
}

/** Bytes that `value`, a safe integer, takes as a zigzag varint of 64 bits. */
export function varlongSize(value: number): number {
  let rest = value >= 0 ? value * 2 : -value * 2 - 1
  let size = 1
  while (rest > 127) {
    rest = Math.floor(rest / 128)
    size++
  }
  return size
}

/** Writes and returns the position after. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0
  let next = at
  while (rest > 127) {
    bytes[next++] = (rest & 127) | 128
    rest >>>= 7
  }
  bytes[next++] = rest
  return next
}

export function writeVarlong(bytes: Uint8Array, at: number, value: number): number {
  let rest = value >= 0 ? value * 2 : -value * 2 - 1
  let next = at
  while (rest > 127) {
    bytes[next++] = (rest % 128) | 128
    rest = Math.floor(rest / 128)
  }
  bytes[next++] = rest
  return next
}
