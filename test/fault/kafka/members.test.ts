import { afterEach, beforeAll, expect, test } from 'vitest'
import type { KafkaConnection } from '../../../src/kafka/connection.ts'
import {
  assigned,
  judge,
  type Lane,
  type Member,
  newLane,
  publishNumbers,
  startMember,
  untilConsumed,
} from '../../support/delivery.ts'
import { sharedConnection, until } from '../../support/kafka.ts'

let connection: KafkaConnection
beforeAll(async () => {
  connection = await sharedConnection()
})

const members: Member[] = []
afterEach(() => {
  for (const { child } of members.splice(0)) child.kill('SIGKILL')
})

function member(lane: Lane): Member {
  const { brokers } = connection
  const options = { ...lane, brokers, delivery: 'at_least_once' as const, owner: '', sessionTimeoutMs: 2000 }
  members.push(startMember(options))
  return members.at(-1)!
}

const left = (who: Member) => until(() => who.lines.at(-1) === 'left', 'the member has left')

test("a killed member's partitions move to the other, and nothing is lost", { timeout: 120_000 }, async () => {
  const lane = await newLane(connection)
  await publishNumbers(connection, lane, 0, 6000)
  const one = member(lane)
  const two = member(lane)
  await until(() => [one, two].every((each) => assigned(each) === 2), 'each has two partitions')
  await publishNumbers(connection, lane, 6000, 6000)
  one.child.kill('SIGKILL')
  await until(() => assigned(two) === 4, 'the other has all')
  await untilConsumed(connection, lane, members)
  const verdict = await judge(connection.brokers, lane, 12_000)
  console.log('killed:', JSON.stringify(verdict))
  expect(verdict).toMatchObject({ lost: 0, unidentified: 0, outOfOrder: 0 })
  // What was in flight in the killed process: a batch of each of its partitions at most.
  expect(verdict.repeated).toBeLessThan(200)
})

test('members that come and go in order lose and repeat nothing', { timeout: 120_000 }, async () => {
  const lane = await newLane(connection)
  await publishNumbers(connection, lane, 0, 12_000)
  const one = member(lane)
  await until(() => assigned(one) === 4, 'the first has all')
  const two = member(lane)
  await until(() => assigned(two) === 2, 'the second has two')
  const three = member(lane)
  await until(() => assigned(three) > 0, 'the third has some')
  one.child.kill('SIGTERM')
  await left(one)
  await publishNumbers(connection, lane, 12_000, 4000)
  two.child.kill('SIGTERM')
  await left(two)
  await untilConsumed(connection, lane, members)
  const verdict = await judge(connection.brokers, lane, 16_000)
  expect(verdict).toMatchObject({ lost: 0, repeated: 0, unidentified: 0, outOfOrder: 0 })
})
