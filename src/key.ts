/**
 * The one text form of a primary key, used by the sync for rows and by the event path for match properties: the JSON type
 * is ignored (`42`, `42.0` and `"42"` are the key 42), text is exact.
 */
import { canonicalNumber, ExactNumber } from './json.ts'

export type KeyProblem = 'key_missing' | 'key_wrong_type'

/** The key text of an event's value, or why there is none: null and absent are missing, objects and arrays of a wrong type. */
export function keyOf(value: unknown): { readonly key: string } | KeyProblem {
  if (typeof value === 'string') return { key: value }
  if (typeof value === 'number')
    return Number.isSafeInteger(value) ? { key: String(value + 0) } : { key: canonicalNumber(String(value)) }
  if (value === undefined || value === null) return 'key_missing'
  if (typeof value === 'boolean') return { key: String(value) }
  if (value instanceof ExactNumber) return { key: canonicalNumber(value.toString()) }
  return 'key_wrong_type'
}

/** 53 bits of the key's UTF-16 units, as a whole number from 0 on. It is in the snapshot files: changing it changes their format. */
export function keyHash(key: string): number {
  let high = 0x9e3779b9 | 0
  let low = 0x85ebca6b | 0
  for (let at = 0; at < key.length; at++) {
    const unit = key.charCodeAt(at)
    high = Math.imul(high ^ unit, 0x01000193)
    low = Math.imul(low ^ unit, 0x5bd1e995)
    low ^= low >>> 13
  }
  high ^= high >>> 16
  high = Math.imul(high, 0x85ebca6b)
  high ^= high >>> 13
  low = Math.imul(low ^ high, 0xc2b2ae35)
  low ^= low >>> 16
  return (high >>> 0) * 2 ** 21 + (low >>> 11)
}

/** Above every `keyHash`. */
export const keyHashEnd = 2 ** 53
