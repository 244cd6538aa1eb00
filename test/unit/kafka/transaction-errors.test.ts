import { expect, test } from 'vitest'
import { protocolError } from '../../../src/kafka/kafka-error.ts'
import { judge, TransactionAborted } from '../../../src/kafka/transaction-errors.ts'

test.each([22, 25, 27])('error %d: the batches are read again, after joining again', (code) => {
  const { kind, error } = judge(protocolError(code), 'id', false)
  expect(kind).toBe('moved')
  expect((error as TransactionAborted).lostMembership).toBe(true)
})

test.each([45, 48, 49, 59])('error %d: the batches are read again by the same member', (code) => {
  const { kind, error } = judge(protocolError(code), 'id', false)
  expect(kind).toBe('broken')
  expect((error as TransactionAborted).lostMembership).toBe(false)
})

test.each([47, 90])(
  'error %d: a transaction that took too long is repeated, a young one was ended by another process',
  (code) => {
    expect(judge(protocolError(code), 'id', true)).toMatchObject({
      kind: 'late',
      error: expect.any(TransactionAborted),
    })
    expect(judge(protocolError(code), 'id', false)).toMatchObject({ kind: 'fatal', error: { code: 'KAFKA_FENCED' } })
  },
)

test('what is denied, or is no answer of a broker, ends the process', () => {
  expect(judge(protocolError(53), 'id', false)).toMatchObject({ kind: 'fatal', error: { code: 'KAFKA_DENIED' } })
  expect(judge(new Error('a mistake of ours'), 'id', false)).toMatchObject({ kind: 'fatal' })
})
