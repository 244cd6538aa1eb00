import { expect, test } from 'vitest'
import { pacer, paceText } from '../../../../src/cli/replay/pace.ts'

test('rate and time left come from the last ten seconds', () => {
  const pace = pacer(100_000)
  expect(pace(0, 0)).toEqual({ perSecond: 0, secondsLeft: null })
  expect(pace(1000, 1000)).toEqual({ perSecond: 1000, secondsLeft: 99 })
  for (let second = 2; second <= 30; second++) pace(1000 + 100 * (second - 1), second * 1000)
  const { perSecond, secondsLeft } = pace(4000, 31_000)
  expect(perSecond).toBeCloseTo(100)
  expect(secondsLeft).toBeCloseTo(960)
})

test.each([
  [{ perSecond: 1234.4, secondsLeft: 125 }, '≈ 1,234/s, 2:05 left'],
  [{ perSecond: 10, secondsLeft: 7384.2 }, '≈ 10/s, 2:03:05 left'],
  [{ perSecond: 0, secondsLeft: null }, '≈ 0/s'],
])('%j is shown as %s', (pace, text) => expect(paceText(pace)).toBe(text))
