/**
 * Two processes share four partitions and are killed at random moments; the broker is killed, or stopped in order. Bigger, or again:
 * `SEED=n KILLS=30 RESTARTS=6 EVENTS=100000 BATCH_BYTES=2000 npx vitest run --project integration test/fault/kafka/kills.test.ts`
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  abortedRecords,
  assigned,
  judge,
  type Member,
  newLane,
  partitions,
  publishNumbers,
  startMember,
  untilConsumed,
} from '../../support/delivery.ts'
import { connectionTo, until } from '../../support/kafka.ts'
import { startBroker, type TestBroker } from '../../support/kafka-broker.ts'
import { random } from '../../support/random.ts'

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)
const kills = Number(process.env.KILLS ?? 10)
const events = Number(process.env.EVENTS ?? 20_000)
const brokerRestarts = Number(process.env.RESTARTS ?? Math.max(1, Math.floor(kills / 5)))
const sessionTimeoutMs = 3000
const maxBytesPerPartition = Number(process.env.BATCH_BYTES ?? 2000)
/** Of so many bytes of small messages; a fetch brings at least one whole batch of the producer. */
const batchMax = (maxBytesPerPartition * 60) / 2000
const minutesMax = 2 + kills / 4

let broker: TestBroker
beforeAll(async () => {
  broker = await startBroker()
}, 120_000)
afterAll(() => broker?.stop())

describe.each(['at_least_once', 'exactly_once'] as const)('%s', (delivery) => {
  test(`nothing is lost when processes and brokers are killed (seed ${seed})`, {
    timeout: minutesMax * 60_000,
  }, async () => {
    const next = random(seed)
    const connection = connectionTo(broker.brokers)
    const lane = await newLane(connection, 1, maxBytesPerPartition)
    const member = (owner: string): Member =>
      startMember({ ...lane, brokers: broker.brokers, delivery, owner, sessionTimeoutMs, maxBytesPerPartition })
    const members = [member('one'), member('two')]
    await until(() => members.every((each) => assigned(each) === partitions / 2), 'each has two partitions', 60)

    const begun = performance.now()
    for (let kill = 0; kill < kills; kill++) {
      const from = Math.floor((events * kill) / kills)
      await publishNumbers(connection, lane, from, Math.floor((events * (kill + 1)) / kills) - from)
      const victim = Math.floor(next() * 2)
      await until(() => assigned(members[victim]!) > 0, 'the victim has partitions', 60)
      await sleep(next() * 1500)
      members[victim]!.child.kill('SIGKILL')
      if ((kill + 1) % Math.floor(kills / brokerRestarts) === 0) {
        await (next() < 0.5 ? broker.kill() : broker.stop(1))
        await broker.restart()
      }
      members[victim] = member(victim === 0 ? 'one' : 'two')
    }
    await until(() => members.every((each) => assigned(each) > 0), 'both are there again', 60)
    await untilConsumed(connection, lane, members)
    for (const { child } of members) child.kill('SIGTERM')
    expect(await Promise.all(members.map(({ ended }) => ended))).toEqual([0, 0])

    const verdict = await judge(broker.brokers, lane, events)
    const aborted = await abortedRecords(broker.brokers, lane)
    const seconds = Math.round((performance.now() - begun) / 1000)
    console.log(
      `${delivery}, seed ${seed}: ${kills} kills, ${brokerRestarts} broker restarts, ${events} events, ${seconds} s:`,
      JSON.stringify({ ...verdict, aborted }),
    )
    expect(verdict).toMatchObject({ lost: 0, unidentified: 0, outOfOrder: 0 })
    if (delivery === 'exactly_once') expect(verdict.repeated).toBe(0)
    // A kill repeats at most the batch in hand of each partition of the process.
    expect(verdict.stretches).toBeLessThanOrEqual((kills + brokerRestarts) * partitions)
    expect(verdict.longest).toBeLessThanOrEqual(batchMax)
  })
})
