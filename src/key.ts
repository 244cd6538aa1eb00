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
  let high = highSeed
  let low = lowSeed
  for (let at = 0; at < key.length; at++) {
    const unit = key.charCodeAt(at)
    high = Math.imul(high ^ unit, highFactor)
    low = Math.imul(low ^ unit, lowFactor)
    low ^= low >>> 13
  }
  return mixed(high, low)
}

/** The same of a key that stands here in ASCII. */
export function asciiHash(bytes: Uint8Array, start: number, end: number): number {
  let high = highSeed
  let low = lowSeed
  for (let at = start; at < end; at++) {
    const unit = bytes[at] as number
    high = Math.imul(high ^ unit, highFactor)
    low = Math.imul(low ^ unit, lowFactor)
    low ^= low >>> 13
  }
  return mixed(high, low)
}

const highSeed = 0x9e3779b9 | 0
const lowSeed = 0x85ebca6b | 0
const highFactor = 0x01000193
const lowFactor = 0x5bd1e995

function mixed(high: number, low: number): number {
  high ^= high >>> 16
  high = Math.imul(high, 0x85ebca6b)
  high ^= high >>> 13
  low = Math.imul(low ^ high, 0xc2b2ae35)
  low ^= low >>> 16
  return (high >>> 0) * 2 ** 21 + (low >>> 11)
}

/** Above every `keyHash`. */
export const keyHashEnd = 2 ** 53
