import { expect, test } from 'vitest'
import { murmur2, partitionOf } from '../../../src/kafka/murmur2.ts'

test.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('the hash of %s is the one that Java gives', (text, hash) => {
  expect(murmur2(Buffer.from(text))).toBe(hash)
})

test('a key inside a larger buffer has the same hash', () => {
  expect(murmur2(Buffer.from('xxfoobaryy'), 2, 8)).toBe(-790332482)
})

test('a partition is never negative', () => {
  expect(partitionOf(Buffer.from('foobar'), 0, 6, 12)).toBe((-790332482 & 0x7fffffff) % 12)
})
