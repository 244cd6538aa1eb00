import { expect, test } from 'vitest'
import { FetchLimits } from '../../../src/kafka/fetch-limits.ts'

const kibibyte = 1024

function sizes(limits: FetchLimits, answers: number): number[][] {
  return Array.from({ length: answers }, () => {
    const now = [limits.partitionBytes / kibibyte, limits.bytes / kibibyte]
    limits.grow()
    return now
  })
}

test('a fetch begins small and doubles up to the most', () => {
  const limits = new FetchLimits({ partitionBytes: 300 * kibibyte, bytes: 1000 * kibibyte })
  expect(sizes(limits, 5)).toEqual([
    [64, 256],
    [128, 512],
    [256, 1000],
    [300, 1000],
    [300, 1000],
  ])
})

test('who asks for less than that gets it from the start', () => {
  expect(sizes(new FetchLimits({ partitionBytes: 0.5 * kibibyte, bytes: 10 * kibibyte }), 2)).toEqual([
    [0.5, 10],
    [0.5, 10],
  ])
})
