/**
 * Rows that were read lately, where that pays: with keys that repeat a hit saves most of a point read, with keys that do not a
 * cache costs more than it gives. So it is tried now and then, and kept while enough lookups hit.
 */
import { LRUCache } from 'lru-cache'
import type { GetValues } from './table.ts'

/** Some 8 MB of rows of ten columns. */
const rowsMax = 16_384
/** Longer rows are read each time: the memory stays below 64 MiB whatever the rows are. */
const rowCharactersMax = 2048
/** Lookups of one trial, and of one look at a cache in use; the first fill it. */
const windowLookups = 65_536
/** Lookups without it before it is tried again. */
const pauseLookups = 1_000_000
/** A miss costs a third of what a hit saves: below this share it does not pay. */
const hitRatioMin = 0.35

export interface CacheState {
  readonly active: boolean
  /** Of the last window. */
  readonly hitRatio: number
}

/** `told`: each time a window ends and the cache was or is in use. */
export function cachedRows(read: GetValues, told: (state: CacheState) => void): GetValues {
  const rows = new LRUCache<string, string>({ max: rowsMax })
  let active = true
  let left = windowLookups
  let hits = 0
  let isFirst = true

  function windowEnds(): void {
    if (!active) {
      active = true
      isFirst = true
    } else {
      const hitRatio = hits / windowLookups
      // The first window fills it, and is judged more mildly.
      active = hitRatio >= (isFirst ? hitRatioMin / 2 : hitRatioMin)
      isFirst = false
      if (!active) rows.clear()
      told({ active, hitRatio })
    }
    hits = 0
    left = active ? windowLookups : pauseLookups
  }

  return (key) => {
    if (--left < 0) windowEnds()
    if (!active) return read(key)
    const kept = rows.get(key)
    if (kept !== undefined) {
      hits++
      return kept
    }
    const row = read(key)
    if (row !== undefined && row.length <= rowCharactersMax) rows.set(key, row)
    return row
  }
}
