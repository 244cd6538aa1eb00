import { expect, test } from 'vitest'
import { Pace, Room } from '../../../src/snapshot/pace.ts'

/** Whether any of so many lookups is told that it pays, with so many in a second. */
function pays({ rows, perSecond, lookups = 65_536 }: { rows: number; perSecond: number; lookups?: number }): boolean {
  let now = 5000
  const pace = new Pace(rows, () => now)
  let told = false
  for (let n = 0; n < lookups; n++) {
    now += 1000 / perSecond
    if (pace.lookup()) told = true
  }
  return told
}

test('it pays when each row, on average, is asked for once an hour', () => {
  const [rows, lookups] = [1_000_000, 125_000]
  expect([5000, 278, 277, 10].map((perSecond) => pays({ rows, perSecond, lookups }))).toEqual([
    true,
    true,
    false,
    false,
  ])
  expect([3, 2.7].map((perSecond) => pays({ rows: 10_000, perSecond }))).toEqual([true, false])
})

test('it is judged by an eighth as many lookups as there are rows, but 65,536 at least, and again by the next ones', () => {
  expect([65_535, 65_536].map((lookups) => pays({ rows: 1000, perSecond: 1e6, lookups }))).toEqual([false, true])
  const many = { rows: 8_000_000, perSecond: 1e6 }
  expect([999_999, 1_000_000].map((lookups) => pays({ ...many, lookups }))).toEqual([false, true])
  let now = 0
  const pace = new Pace(500_000, () => now)
  const window = (seconds: number) => {
    const told = Array.from({ length: 65_536 }, () => pace.lookup()).lastIndexOf(true)
    now += seconds * 1000
    return told
  }
  // The time of a window is known when the next one ends.
  expect([window(1000), window(10), window(0)]).toEqual([65_535, -1, 65_535])
})

test('room is given as a whole or not at all', () => {
  const room = new Room(100)
  expect([room.take(60), room.take(41), room.take(40), room.take(1)]).toEqual([true, false, true, false])
  room.give(60)
  expect([room.take(61), room.take(60)]).toEqual([false, true])
})
