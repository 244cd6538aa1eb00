import { expect, test } from 'vitest'
import type { Protocol } from '../../../src/kafka/internals.ts'
import { toleratesLeaderless } from '../../../src/kafka/leaderless.ts'

/** A request whose answer is an error where any partition has one, as kafkajs's Metadata is. */
function request(apiKey: number): Protocol<unknown> {
  return {
    request: { apiKey, apiVersion: 0, apiName: 'any', encode: async () => ({}) as never },
    response: {
      decode: async () => ({}) as never,
      parse: async (answer: { topicMetadata: { partitionMetadata: { partitionErrorCode: number }[] }[] }) => {
        for (const { partitionMetadata } of answer.topicMetadata)
          for (const { partitionErrorCode } of partitionMetadata)
            if (partitionErrorCode !== 0) throw new Error(`error ${partitionErrorCode}`)
        return answer
      },
    },
  } as Protocol<unknown>
}

const answerWith = (code: number) =>
  ({
    topicMetadata: [
      {
        topic: 't',
        partitionMetadata: [
          { partitionErrorCode: 0, partitionId: 0, leader: 1 },
          { partitionErrorCode: code, partitionId: 1, leader: -1 },
        ],
      },
    ],
  }) as never

test('a partition without a leader is one whose leader is -1, and the others are known', async () => {
  const answer = await toleratesLeaderless(request(3)).response.parse(answerWith(5))
  expect(answer).toMatchObject({
    topicMetadata: [{ partitionMetadata: [{ leader: 1 }, { leader: -1, partitionErrorCode: 0 }] }],
  })
})

test('other errors of partitions, and other requests, stay what they are', async () => {
  await expect(toleratesLeaderless(request(3)).response.parse(answerWith(29))).rejects.toThrow('error 29')
  await expect(toleratesLeaderless(request(2)).response.parse(answerWith(5))).rejects.toThrow('error 5')
})
