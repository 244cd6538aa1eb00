/** Processes that sleep through the loss of their partitions and wake up, and processes that come and go while there is work. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { KafkaConnection } from '../../../src/kafka/connection.ts'
import { openTransactions } from '../../../src/kafka/transactions.ts'
import {
  assigned,
  judge,
  type Lane,
  type Member,
  newLane,
  nothingWrong,
  partitions,
  publishNumbers,
  startMember,
  untilConsumed,
} from '../../support/delivery.ts'
import { until } from '../../support/kafka.ts'
import { api, type KafkaProxy, useSpoiledBroker } from '../../support/kafka-proxy.ts'

/** `RESTARTS=20`: as many as the promise names. */
const restarts = Number(process.env.RESTARTS ?? 6)

let proxy: KafkaProxy
let connection: KafkaConnection
let lane: Lane
const members: Member[] = []
useSpoiledBroker((made) => {
  ;({ proxy, connection } = made)
})
beforeEach(async () => {
  lane = await newLane(connection)
})
afterEach(() => {
  for (const { child } of members.splice(0)) child.kill('SIGKILL')
})

function member(owner: string, delivery: 'at_least_once' | 'exactly_once' = 'exactly_once'): Member {
  const { brokers } = connection
  members.push(startMember({ ...lane, brokers, delivery, owner, sessionTimeoutMs: 2000 }))
  return members.at(-1)!
}

async function allLeave(): Promise<void> {
  for (const { child } of members) child.kill('SIGTERM')
  expect(await Promise.all(members.map(({ ended }) => ended))).toEqual(members.map(() => 0))
}

test('a process that sleeps and wakes three times under load: nothing is lost, nothing comes twice', async () => {
  const zombie = member('zombie')
  const other = member('other')
  await until(() => assigned(zombie) === 2 && assigned(other) === 2, 'each has two partitions')
  for (let round = 0; round < 3; round++) {
    await publishNumbers(connection, lane, round * 3000, 3000)
    await sleep(100 + 150 * round)
    zombie.child.kill('SIGSTOP')
    await until(() => assigned(other) === partitions, 'the other has all')
    zombie.child.kill('SIGCONT')
    await until(() => assigned(other) === 2, 'the zombie has joined again')
  }
  await untilConsumed(connection, lane, members)
  await allLeave()
  expect(await judge(connection.brokers, lane, 9000)).toMatchObject(nothingWrong)
})

describe('the offsets of a process that sleeps in its commit are about to move', () => {
  /** The zombie's EndTxn is on its way, and does not arrive before `release`. */
  async function zombieInCommit(): Promise<{ zombie: Member; other: Member; release: () => void }> {
    let release = () => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    let held = false
    proxy.spoil = ({ key, bytes }) => {
      if (key !== api.endTxn || held || !bytes.includes(`${lane.group}.zombie`)) return null
      held = true
      return { kind: 'hold request', until: released }
    }
    const zombie = member('zombie')
    await until(() => assigned(zombie) === partitions, 'the zombie has all')
    await publishNumbers(connection, lane, 0, 2000)
    await until(() => held, 'it commits')
    zombie.child.kill('SIGSTOP')
    const other = member('other')
    await until(() => assigned(other) === partitions, 'the other has all')
    return { zombie, other, release }
  }

  test('the commit arrives after all: the next owner has waited for it, and goes on behind it', async () => {
    const { zombie, other, release } = await zombieInCommit()
    await sleep(1000)
    expect(other.lines.filter((line) => line === 'batch')).toEqual([])
    release()
    await untilConsumed(connection, lane, members)
    zombie.child.kill('SIGCONT')
    await until(() => assigned(zombie) > 0, 'the zombie has joined again')
    await allLeave()
    expect(await judge(connection.brokers, lane, 2000)).toMatchObject(nothingWrong)
  })

  test('it arrives too late: the transaction has run out of time, and the next owner has done it again', async () => {
    const { zombie, other, release } = await zombieInCommit()
    await untilConsumed(connection, lane, members)
    expect(other.lines.some((line) => line.includes('"for":"stable offsets"'))).toBe(true) // it has told what it waits for
    release()
    zombie.child.kill('SIGCONT')
    await until(() => zombie.lines.some((line) => line.includes('"committed":false')), 'the zombie has heard of it')
    await until(() => assigned(zombie) === 2, 'the zombie has joined again')
    await publishNumbers(connection, lane, 2000, 2000)
    await untilConsumed(connection, lane, members)
    await allLeave()
    expect(await judge(connection.brokers, lane, 4000)).toMatchObject(nothingWrong)
  })
})

test('a second process with the transactional id of the first: the first ends and says why', async () => {
  const first = member('same')
  await until(() => assigned(first) === partitions, 'the first has all')
  const second = await openTransactions({
    connection,
    transactionalId: `${lane.group}.same`,
    group: lane.group,
    outputs: [lane.output],
    tell: () => {},
  })
  await publishNumbers(connection, lane, 0, 100)
  expect(await first.ended).toBe(1)
  await second.close()
})

describe.each(['at_least_once', 'exactly_once'] as const)('%s', (delivery) => {
  test(`${restarts} restarts in order under load: nothing is lost, nothing comes twice`, {
    timeout: 240_000,
  }, async () => {
    const team = [member('one', delivery), member('two', delivery)]
    await until(() => team.every((each) => assigned(each) === 2), 'each has two partitions')
    for (let restart = 0; restart < restarts; restart++) {
      await publishNumbers(connection, lane, restart * 1000, 1000)
      const index = restart % 2
      const leaving = team[index]!
      leaving.child.kill('SIGTERM')
      expect(await leaving.ended).toBe(0)
      members.splice(members.indexOf(leaving), 1)
      const next = member(index === 0 ? 'one' : 'two', delivery)
      team[index] = next
      await until(() => assigned(next) > 0, 'the new one has partitions')
    }
    await untilConsumed(connection, lane, members)
    await allLeave()
    expect(await judge(connection.brokers, lane, restarts * 1000)).toMatchObject(nothingWrong)
  })
})
