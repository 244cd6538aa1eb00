import { expect, test } from 'vitest'
import { createErrorFromCode } from '../../../src/kafka/internals.ts'
import { comingPartition, patiently } from '../../../src/kafka/patience.ts'

test('an answer that passes by itself is waited for', async () => {
  const answers = [14, 15, 16, 5]
  const asked = patiently(async () => {
    const code = answers.shift()
    if (code !== undefined) throw createErrorFromCode(code)
    return 'answer'
  })
  expect(await asked).toBe('answer')
  expect(answers).toEqual([])
})

test('any other is not', async () => {
  let asked = 0
  const refused = patiently(async () => {
    asked++
    throw createErrorFromCode(29)
  })
  await expect(refused).rejects.toMatchObject({ code: 29 })
  expect(asked).toBe(1)
})

test('of a partition that is coming, what brokers say of it is waited for where that is asked', async () => {
  const answers = [3, 6]
  const asked = patiently(async () => {
    const code = answers.shift()
    if (code !== undefined) throw createErrorFromCode(code)
    return 'answer'
  }, comingPartition)
  expect(await asked).toBe('answer')
})
