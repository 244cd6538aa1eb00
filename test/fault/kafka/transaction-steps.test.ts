/** Each step of a transaction goes wrong once: its request is lost, its answer is lost, or the broker refuses it. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { KafkaConnection } from '../../../src/kafka/connection.ts'
import { judge, type Lane, newLane, nothingWrong, publishNumbers } from '../../support/delivery.ts'
import { enrichToEnd } from '../../support/enrich-lane.ts'
import { withAdmin } from '../../support/kafka.ts'
import type { TestBroker } from '../../support/kafka-broker.ts'
import { api, type KafkaProxy, type Spoil, useSpoiledBroker } from '../../support/kafka-proxy.ts'

const count = 1000
const steps = [
  'initProducerId',
  'addPartitionsToTxn',
  'produce',
  'addOffsetsToTxn',
  'txnOffsetCommit',
  'endTxn',
] as const

let broker: TestBroker
let proxy: KafkaProxy
let connection: KafkaConnection
let lane: Lane
useSpoiledBroker((made) => {
  ;({ broker, proxy, connection } = made)
})
beforeEach(async () => {
  lane = await newLane(connection)
  await publishNumbers(connection, lane, 0, count)
})

interface Spoiled {
  readonly step: (typeof steps)[number]
  /** Which request of this step, counted from 1. */
  readonly nth: number
  readonly spoil: Spoil
  readonly first?: () => void
}

/** Spoils these requests of ours from now on. */
function spoil(...all: readonly Spoiled[]): { readonly left: () => number } {
  const seen = new Map<number, number>()
  const left = new Set(all)
  proxy.spoil = ({ client, key }) => {
    if (client !== connection.clientId) return null // the broker asks itself about partitions of transactions
    const nth = (seen.get(key) ?? 0) + 1
    seen.set(key, nth)
    const found = all.find((each) => api[each.step] === key && each.nth === nth)
    if (found === undefined) return null
    left.delete(found)
    found.first?.()
    return found.spoil
  }
  return { left: () => left.size }
}

/** All inputs to the end; what came out is right, and the accounting of what was committed closes. */
async function enrichedOnce(): Promise<{ aborted: number }> {
  const { counted } = await enrichToEnd(connection, lane)
  expect(counted).toMatchObject({ consumed: count, delivered: 980, outcomes: { bypassed: 980, dead_letter: 20 } })
  expect(await judge(connection.brokers, lane, count)).toMatchObject(nothingWrong)
  const lag = await withAdmin(connection, (admin) => admin.lag(lane.group, [lane.input]))
  expect(lag.map((each) => each.lag)).toEqual([0, 0, 0, 0])
  return counted
}

describe.each(steps)('%s', (step) => {
  test.each(['lose request', 'lose answer'] as const)('%s: nothing is lost, nothing comes twice', async (kind) => {
    const spoiled = spoil({ step, nth: step === 'initProducerId' ? 1 : 3, spoil: { kind } })
    await enrichedOnce()
    expect(spoiled.left()).toBe(0)
  })
})

/** Puts an error where the answer of this request has it: its place counted from the end. */
const refusing = (code: number, fromEnd: number): Spoil => ({
  kind: 'rewrite',
  answer(payload) {
    const changed = Buffer.from(payload)
    changed.writeInt16BE(code, changed.length - fromEnd)
    return changed
  },
})
/** Bytes from the last partition's error code to the end. */
const fromEnd = {
  initProducerId: 12,
  addPartitionsToTxn: 2,
  produce: 30,
  addOffsetsToTxn: 2,
  txnOffsetCommit: 5,
  endTxn: 2,
}
const refused = (step: (typeof steps)[number], nth: number, code: number): Spoiled => ({
  step,
  nth,
  spoil: refusing(code, fromEnd[step]),
})

describe('the broker refuses', () => {
  test('for a moment: it is asked again, and nothing is aborted', async () => {
    const spoiled = spoil(
      refused('addPartitionsToTxn', 1, 15), // the coordinator is being found
      refused('addPartitionsToTxn', 2, 51), // the transaction before is still being ended
      refused('addOffsetsToTxn', 3, 16), // the coordinator has moved
      refused('txnOffsetCommit', 3, 14), // the coordinator is loading
      refused('produce', 3, 19), // too few replicas
      refused('produce', 6, 6), // the leader has moved
      refused('endTxn', 3, 51),
      refused('endTxn', 6, 16),
    )
    expect((await enrichedOnce()).aborted).toBe(0)
    expect(spoiled.left()).toBe(0)
  })

  test('for good: the transaction is aborted, and its batches are done again', async () => {
    const spoiled = spoil(
      refused('addPartitionsToTxn', 1, 48), // no transaction is open
      refused('produce', 3, 48), // the partition is not part of it
      refused('produce', 6, 45), // a sequence number is missing
      refused('addOffsetsToTxn', 5, 49), // in an initialisation, which says once more how the last one was ended
      refused('addOffsetsToTxn', 7, 49), // the producer id is not known
      refused('txnOffsetCommit', 6, 22), // another generation
    )
    expect((await enrichedOnce()).aborted).toBe(5)
    expect(spoiled.left()).toBe(0)
  })

  test('a member that it does not know any more: it joins again, and the batches are done again', async () => {
    const spoiled = spoil(refused('txnOffsetCommit', 3, 25))
    expect((await enrichedOnce()).aborted).toBe(1)
    expect(spoiled.left()).toBe(0)
  })

  test('a commit that was carried out: what is read again is decided by the committed offset', async () => {
    const spoiled = spoil(refused('endTxn', 3, 48))
    await enrichToEnd(connection, lane)
    expect(await judge(connection.brokers, lane, count)).toMatchObject(nothingWrong)
    expect(spoiled.left()).toBe(0)
  })

  test.each(['produce', 'txnOffsetCommit', 'endTxn'] as const)(
    '%s because another process has our transactional id: this one ends, and the next goes on',
    async (step) => {
      spoil(refused(step, 3, 47))
      await expect(enrichToEnd(connection, lane)).rejects.toMatchObject({ code: 'KAFKA_FENCED', exit: 75 })
      proxy.spoil = () => null
      await enrichToEnd(connection, lane)
      expect(await judge(connection.brokers, lane, count)).toMatchObject(nothingWrong)
    },
  )

  test('what no retry can cure: the process ends, and the next goes on', async () => {
    spoil(refused('txnOffsetCommit', 3, 30))
    await expect(enrichToEnd(connection, lane)).rejects.toMatchObject({ code: 'KAFKA_DENIED' })
    proxy.spoil = () => null
    await enrichToEnd(connection, lane)
    expect(await judge(connection.brokers, lane, count)).toMatchObject(nothingWrong)
  })
})

test('the broker is killed in the commit: nothing is lost, nothing comes twice', async () => {
  let restarted: Promise<void> = Promise.resolve()
  const killAndRestart = () => {
    // The request is on its way to the broker for a moment before the kill; whether it has acted is open.
    restarted = new Promise((resolve) => setTimeout(resolve, 2)).then(() => broker.kill()).then(() => broker.restart())
  }
  const spoiled = spoil({ step: 'endTxn', nth: 3, spoil: { kind: 'lose answer' }, first: killAndRestart })
  await enrichedOnce()
  await restarted
  expect(spoiled.left()).toBe(0)
})
