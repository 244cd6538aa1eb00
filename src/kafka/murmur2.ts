/** The hash by which Java producers choose a partition, so that a key stays on the partition where its other producers put it. */

/** Signed 32 bits, as `org.apache.kafka.common.utils.Utils.murmur2`. */
export function murmur2(bytes: Uint8Array, start = 0, end = bytes.length): number {
  const length = end - start
  let hash = 0x9747b28c ^ length
  let at = start
  for (; at + 4 <= end; at += 4) {
    let word =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)
    word = Math.imul(word, 0x5bd1e995)
    word ^= word >>> 24
    hash = Math.imul(hash, 0x5bd1e995) ^ Math.imul(word, 0x5bd1e995)
  }
  const rest = end - at
  if (rest > 2) hash ^= (bytes[at + 2] as number) << 16
  if (rest > 1) hash ^= (bytes[at + 1] as number) << 8
  if (rest > 0) hash = Math.imul(hash ^ (bytes[at] as number), 0x5bd1e995)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0x5bd1e995)
  return hash ^ (hash >>> 15)
}

/** The partition of a key among `count`. */
export function partitionOf(bytes: Uint8Array, start: number, end: number, count: number): number {
  return (murmur2(bytes, start, end) & 0x7fffffff) % count
}
