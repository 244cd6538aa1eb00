import { describe, expect, test } from 'vitest'
import { type CacheState, cachedRows } from '../../../src/snapshot/row-cache.ts'

/** A cached reader of a million rows, and what became of each window. */
function cached(rowOf: (key: string) => string | undefined = (key) => `row of ${key}`) {
  const told: CacheState[] = []
  let reads = 0
  const get = cachedRows(
    (key) => {
      reads++
      return rowOf(key)
    },
    (state) => told.push(state),
  )
  return { get, told, reads: () => reads }
}

const lookups = 3_000_000
/** Spread evenly, without order. */
const even = (n: number) => `k${(n * 2_654_435_761) % 1_000_000}`
/** Nine in ten lookups are of a thousand keys. */
const skewed = (n: number) => (n % 10 === 0 ? even(n) : `hot${(n * 7919) % 1000}`)

describe('the cache of rows', () => {
  test('stays in use where keys repeat, and saves most reads', () => {
    const { get, told, reads } = cached()
    let wrong = 0
    for (let n = 0; n < lookups; n++) if (get(skewed(n)) !== `row of ${skewed(n)}`) wrong++
    expect(wrong).toBe(0)
    expect(told.length).toBeGreaterThan(40)
    expect(told.every(({ active, hitRatio }) => active && hitRatio > 0.85)).toBe(true)
    expect(reads()).toBeLessThan(lookups * 0.12)
  })

  test('is given up where they do not, and tried again once in a million lookups', () => {
    const { get, told } = cached()
    for (let n = 0; n < lookups; n++) get(even(n))
    expect(told.map(({ active }) => active)).toEqual([false, false, false])
    expect(told.every(({ hitRatio }) => hitRatio < 0.05)).toBe(true)
  })

  test('follows a stream that changes', () => {
    const { get, told } = cached()
    for (let n = 0; n < lookups; n++) get(n < lookups / 2 ? even(n) : skewed(n))
    expect(told[0]).toMatchObject({ active: false })
    expect(told.at(-1)).toMatchObject({ active: true })
  })

  test('keeps no long rows, and no absent ones', () => {
    const long = 'x'.repeat(5000)
    const { get, reads } = cached((key) => (key === 'long' ? long : undefined))
    for (let n = 0; n < 100; n++) {
      expect(get('long')).toBe(long)
      expect(get('absent')).toBeUndefined()
    }
    expect(reads()).toBe(200)
  })
})
