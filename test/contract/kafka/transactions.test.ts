import { randomUUID } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { run } from '../../../src/enrich/pipeline.ts'
import type { KafkaConnection } from '../../../src/kafka/connection.ts'
import { kafkaSink } from '../../../src/kafka/sink.ts'
import { kafkaSource } from '../../../src/kafka/source.ts'
import { openTransactions, type Transactions } from '../../../src/kafka/transactions.ts'
import type { Fact } from '../../../src/telemetry.ts'
import { judge, type Lane, newLane, partitions, publishNumbers } from '../../support/delivery.ts'
import { sharedConnection, withAdmin } from '../../support/kafka.ts'
import { counter, memberPlan } from '../../support/kafka-member.ts'
import { snapshotsOf } from '../../support/pipeline.ts'

let connection: KafkaConnection
beforeAll(async () => {
  connection = await sharedConnection()
})

interface Options {
  readonly maxBytesPerPartition?: number
  /** Called with each batch's facts and whatever else happens. */
  readonly tell?: (fact: Fact) => void
  readonly transactions?: (transactions: Transactions) => void
}

/** The event path from the lane's input to its outputs, up to the end, exactly once. */
async function enrichToEnd(lane: Lane, options: Options = {}) {
  const { counted, tell: count } = counter()
  const facts: Fact[] = []
  const tell = (fact: Fact) => {
    facts.push(fact)
    count(fact)
    options.tell?.(fact)
  }
  const { group, input, output, letters } = lane
  const transactions = await openTransactions({ connection, transactionalId: `${group}.${randomUUID()}`, group, tell })
  options.transactions?.(transactions)
  const sink = await kafkaSink({
    connection,
    targets: [output],
    deadLetterTopic: letters,
    inputs: [input],
    transactions,
    tell,
  })
  const { maxBytesPerPartition = 2000 } = options
  const source = await kafkaSource({
    connection,
    topics: [input],
    group,
    untilEnd: true,
    maxBytesPerPartition,
    transactions,
    tell,
  })
  try {
    const clock = { now: Date.now, sleep: async () => {} }
    const ports = { source, sink, snapshots: snapshotsOf({}), freshness: new Map(), clock, tell }
    await run({ plan: memberPlan(output), ...ports }, new AbortController().signal)
  } finally {
    await source.close()
    await sink.close()
  }
  return { counted, facts }
}

const nothingWrong = { lost: 0, repeated: 0, unidentified: 0, outOfOrder: 0 }

describe('exactly once', () => {
  test('outputs, dead letters and offsets are committed together, and the accounting closes', async () => {
    const lane = await newLane(connection)
    await publishNumbers(connection, lane, 0, 2000)
    const { counted } = await enrichToEnd(lane)
    expect(counted).toMatchObject({ consumed: 2000, delivered: 1960, aborted: 0 })
    expect(counted.outcomes).toMatchObject({ bypassed: 1960, dead_letter: 40 })
    expect(counted.committed).toBeGreaterThan(1)
    expect(await judge(connection.brokers, lane, 2000)).toMatchObject(nothingWrong)
    const lag = await withAdmin(connection, (admin) => admin.lag(lane.group, [lane.input]))
    expect(lag.map((each) => each.lag)).toEqual([0, 0, 0, 0])
  })

  test('under load all partitions share a transaction', async () => {
    const lane = await newLane(connection)
    await publishNumbers(connection, lane, 0, 8000)
    const { counted, facts } = await enrichToEnd(lane, { maxBytesPerPartition: 1024 * 1024 })
    expect(counted.consumed).toBe(8000)
    const batches = facts.flatMap((fact) => (fact.name === 'transaction-ended' ? [fact.batches] : []))
    expect(Math.max(...batches)).toBe(partitions)
  })

  test('goes on after what was committed', async () => {
    const lane = await newLane(connection)
    await publishNumbers(connection, lane, 0, 400)
    await enrichToEnd(lane)
    await publishNumbers(connection, lane, 400, 400)
    expect((await enrichToEnd(lane)).counted.consumed).toBe(400)
    expect(await judge(connection.brokers, lane, 800)).toMatchObject(nothingWrong)
  })
})
