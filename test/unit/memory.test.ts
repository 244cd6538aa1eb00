import { expect, test } from 'vitest'
import { copyBytes, memory, reserve } from '../../src/memory.ts'

const place = reserve(4096)

test.each([
  ['within the memory', true, true],
  ['into the memory', false, true],
  ['out of the memory', true, false],
  ['between others', false, false],
])('bytes are copied %s, few or many, and no others change', (_, from, to) => {
  for (const length of [0, 1, 15, 16, 47, 48, 49, 1000]) {
    const source = from ? memory : Buffer.alloc(1100)
    const target = to ? memory : Buffer.alloc(1100, 0xee)
    const start = from ? place : 7
    const at = to ? place + 2048 : 3
    target.fill(0xee, at, at + length + 8)
    for (let index = 0; index < length; index++) source[start + index] = (index * 7 + length) & 0xff
    copyBytes(target, at, source, start, start + length)
    expect(target.subarray(at, at + length).equals(source.subarray(start, start + length))).toBe(true)
    expect([...target.subarray(at + length, at + length + 8)]).toEqual(new Array(8).fill(0xee))
  }
})

test('reserved bytes are the caller’s alone, and what is not there cannot be reserved', () => {
  const one = reserve(10)
  expect(reserve(1)).toBeGreaterThanOrEqual(one + 10)
  expect(() => reserve(memory.length)).toThrow('too small')
})
