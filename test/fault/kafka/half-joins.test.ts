/** A rebalance whose last answer is lost: the member has the new generation, and still the old partitions. */
import { afterAll, expect, test } from 'vitest'
import type { KafkaConnection } from '../../../src/kafka/connection.ts'
import {
  assigned,
  judge,
  type Member,
  newLane,
  nothingWrong,
  publishNumbers,
  startMember,
  untilConsumed,
} from '../../support/delivery.ts'
import { until } from '../../support/kafka.ts'
import { api, type KafkaProxy, useSpoiledBroker } from '../../support/kafka-proxy.ts'

let proxy: KafkaProxy
let connection: KafkaConnection
useSpoiledBroker((made) => {
  proxy = made.proxy
  connection = { ...made.connection, clientId: 'publisher' }
})
const members: Member[] = []
afterAll(() => {
  for (const { child } of members) child.kill('SIGKILL')
})

test.each(['at_least_once', 'exactly_once'] as const)(
  '%s: a member that never hears its new partitions joins again, and each event comes once',
  async (delivery) => {
    const { brokers } = connection
    const lane = await newLane(connection)
    const member = (owner: string) => {
      const options = { brokers, delivery, owner, sessionTimeoutMs: 10_000, batchMilliseconds: 5 }
      members.push(startMember({ ...lane, ...options }))
      return members.at(-1)!
    }
    await publishNumbers(connection, lane, 0, 2000)
    let first: string | undefined
    let lost = 0
    proxy.spoil = ({ key, bytes }) => {
      if (key !== api.syncGroup || lost > 0) return null
      const [id] = /test-[0-9a-f-]{36}/.exec(bytes.toString('latin1')) ?? []
      const again = first !== undefined && id === first
      first ??= id
      if (again) lost++
      return again ? { kind: 'lose answer' } : null
    }
    const one = member('one')
    await until(() => assigned(one) === 4, 'the first has all partitions')
    const two = member('two')
    await publishNumbers(connection, lane, 2000, 6000)
    await until(() => assigned(one) === 2 && assigned(two) === 2, 'each has two partitions')
    await untilConsumed(connection, lane, [one, two])
    expect(lost).toBe(1)
    const { repeated, ...verdict } = await judge(connection.brokers, lane, 8000)
    expect(verdict).toMatchObject({ lost: 0, unidentified: 0, outOfOrder: 0 })
    if (delivery === 'exactly_once') expect(repeated).toBe(nothingWrong.repeated)
  },
  120_000,
)
