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
