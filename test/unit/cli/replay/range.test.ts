/** The bounds as typed, and what they come to in each partition. */
import { describe, expect, test } from 'vitest'
import { fixBounds, type Offsets } from '../../../../src/cli/replay/bounds.ts'
import { parseBound, parseRange } from '../../../../src/cli/replay/range.ts'

const now = Date.parse('2026-11-25T12:00:00Z')
const bound = (text: string) => parseBound(text, '--from', now)

describe('a bound', () => {
  test('is an offset, offsets by partition, a time, earliest or latest', () => {
    expect(bound('123')).toEqual({ kind: 'offset', offset: 123 })
    expect(bound('0:123,1:456')).toEqual({
      kind: 'offsets',
      offsets: new Map([
        [0, 123],
        [1, 456],
      ]),
    })
    expect(bound('earliest')).toEqual({ kind: 'earliest' })
    expect(bound('2026-11-25')).toEqual({ kind: 'time', milliseconds: Date.parse('2026-11-25T00:00:00Z') })
    expect(bound('2026-11-25T01:00+02:00')).toEqual({ kind: 'time', milliseconds: Date.parse('2026-11-24T23:00:00Z') })
    expect(bound('-2h')).toEqual({ kind: 'time', milliseconds: now - 7_200_000 })
  })

  test.each(['', 'x', '-5', '1.5', '0:1,0:2', '1700000000000', '2026-02-30', '2026-11-25T10:00', '2026-11-25T25:00Z'])(
    'is never guessed: "%s" is refused with a hint',
    (text) => {
      expect(() => bound(text)).toThrow(expect.objectContaining({ code: 'USAGE' }))
    },
  )

  test.each([
    ['5', '4'],
    ['-1h', '-2h'],
    ['0:5', '0:4'],
    ['0:1,1:1', '0:4'],
  ])('from %s to %s is refused', (from, to) => {
    expect(() => parseRange(from, to, now)).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })
})

describe('fixed bounds', () => {
  const admin: Offsets = {
    offsets: async () => [
      { partition: 0, low: 10, high: 100 },
      { partition: 1, low: 0, high: 0 },
    ],
    offsetsAt: async () => [
      { partition: 0, offset: 40 },
      { partition: 1, offset: 0 },
    ],
  }
  const fix = (from: string, to: string, topics = ['t']) => fixBounds(admin, topics, parseRange(from, to, now))

  test('never lie beyond what is there, and an empty partition is an empty stretch', async () => {
    expect(await fix('earliest', '5000')).toEqual([
      { topic: 't', partition: 0, from: 10, to: 100, expired: null },
      { topic: 't', partition: 1, from: 0, to: 0, expired: null },
    ])
  })

  test('a time is the first message at or after it', async () => {
    expect(await fix('-2h', 'latest')).toMatchObject([
      { from: 40, to: 100 },
      { from: 0, to: 0 },
    ])
  })

  test('what has expired is named, and the rest remains', async () => {
    expect(await fix('0:4', '0:20')).toEqual([
      { topic: 't', partition: 0, from: 10, to: 20, expired: { from: 4, to: 10 } },
    ])
  })

  test('partitions that do not exist, and offsets by partition of several topics, are refused', async () => {
    await expect(fix('7:0', 'latest')).rejects.toMatchObject({ code: 'USAGE' })
    await expect(fix('0:1', 'latest', ['a', 'b'])).rejects.toMatchObject({ code: 'USAGE' })
  })
})
