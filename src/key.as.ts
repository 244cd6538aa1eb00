/** `key.ts` in AssemblyScript. */

/** `keyHash` of the key that stands here in UTF-8. */
export function hashOf(at: usize, end: usize): f64 {
  let high: u32 = 0x9e3779b9
  let low: u32 = 0x85ebca6b
  while (at < end) {
    let unit: u32 = load<u8>(at++)
    if (unit > 0x7f) {
      if (unit < 0xe0) unit = ((unit & 0x1f) << 6) | (load<u8>(at++) & 0x3f)
      else if (unit < 0xf0) {
        unit = ((unit & 0x0f) << 12) | ((<u32>load<u8>(at) & 0x3f) << 6) | (load<u8>(at, 1) & 0x3f)
        at += 2
      } else {
        // Two units of UTF-16.
        const point =
          ((unit & 0x07) << 18) |
          ((<u32>load<u8>(at) & 0x3f) << 12) |
          ((<u32>load<u8>(at, 1) & 0x3f) << 6) |
          (load<u8>(at, 2) & 0x3f)
        at += 3
        const first: u32 = 0xd7c0 + (point >> 10)
        high = (high ^ first) * 0x01000193
        low = (low ^ first) * 0x5bd1e995
        low ^= low >> 13
        unit = 0xdc00 | (point & 0x3ff)
      }
    }
    high = (high ^ unit) * 0x01000193
    low = (low ^ unit) * 0x5bd1e995
    low ^= low >> 13
  }
  high ^= high >> 16
  high *= 0x85ebca6b
  high ^= high >> 13
  low = (low ^ high) * 0xc2b2ae35
  low ^= low >> 16
  return <f64>high * 2097152 + <f64>(low >> 11)
}
