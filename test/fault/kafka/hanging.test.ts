/**
 * The only replica of a partition of the outputs goes away while a transaction is ended: its coordinator takes the partition for
 * deleted, says that all is done, and the partition never hears of it (seen with Kafka 4.3.1). What hangs there is ended as the
 * coordinator had decided, before anything else is written.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { Batches, WriterPool } from '../../../src/kafka/batches.ts'
import { openCluster } from '../../../src/kafka/cluster.ts'
import type { KafkaConnection } from '../../../src/kafka/connection.ts'
import { protocolError } from '../../../src/kafka/kafka-error.ts'
import { noMembership } from '../../../src/kafka/offset-requests.ts'
import { append } from '../../../src/kafka/publish.ts'
import { openTransactions, type Transactions } from '../../../src/kafka/transactions.ts'
import type { Fact } from '../../../src/telemetry.ts'
import { connectionTo, newTopic, unique, until, withAdmin } from '../../support/kafka.ts'
import { startBroker, type TestBroker } from '../../support/kafka-broker.ts'
import { readAs } from '../../support/librdkafka.ts'

/** The node with the only replica of the outputs. It coordinates nothing, so that the others end the transaction without it. */
let away: number
/** Its session with the controller has run out by then, and nobody leads its partitions. */
const fencedMilliseconds = 6000
/** A transaction that was begun meanwhile would have run out of time: 10 s, and 10 s more until the coordinator looks. */
const longMilliseconds = 22_000

/** INVALID_TXN_STATE: what aborts a transaction, and lets the process go on. */
const spoilt = protocolError(48)

let cluster: TestBroker
let connection: KafkaConnection
let input: string
let output: string
let group: string
let facts: Fact[]

beforeAll(async () => {
  cluster = await startBroker({ nodes: 3 })
  connection = connectionTo(cluster.brokers)
  const any = unique('any')
  const options = { connection, transactionalId: any, group: any, outputs: [], tell: () => {} }
  const transactions = await openTransactions(options) // makes the topics of both coordinators
  const find = (coordinatorType: number) => transactions.cluster.findGroupCoordinator({ groupId: any, coordinatorType })
  const busy = [Number((await find(0)).nodeId), Number((await find(1)).nodeId)]
  away = [3, 2, 1].find((node) => !busy.includes(node))!
  await transactions.close()
}, 120_000)
afterAll(() => cluster?.stop())

beforeEach(async () => {
  facts = []
  input = await newTopic(connection, { partitions: 1, replicationFactor: 3 })
  // Or the replica that was killed is not elected again, since it may miss records.
  const config = { 'unclean.leader.election.enable': 'true' }
  output = await newTopic(connection, { partitions: 2, replicationFactor: 1, config })
  group = unique('group')
  await withAdmin(connection, async (admin) => {
    const replicas = [
      { partition: 0, nodes: [away] },
      { partition: 1, nodes: [(away % 3) + 1] },
    ]
    await admin.reassign(output, replicas)
    await until(async () => {
      const leaders = await admin.leaders(output)
      return leaders.every(({ leader }, partition) => leader === replicas[partition]!.nodes[0])
    }, 'the partitions have moved')
  })
})

function begin(): Promise<Transactions> {
  const options = { connection, transactionalId: `${group}.process`, group, outputs: [output] }
  return openTransactions({ ...options, tell: (fact) => facts.push(fact) })
}

/** One record in each partition of the outputs. */
async function write(transactions: Transactions, value: string): Promise<void> {
  const topic = { topic: output, partitions: 2, batchBytesMax: 1_000_000, configured: true, cleanupPolicy: 'delete' }
  const times = { aheadMillisecondsMax: Number.POSITIVE_INFINITY, behindMillisecondsMax: Number.POSITIVE_INFINITY }
  const batches = new Batches({ pool: new WriterPool(), now: Date.now() })
  for (const partition of [0, 1])
    append(batches, { ...topic, ...times }, { topic: output, partition, key: null, value }, 0)
  await transactions.write({ topic: input, partition: 0 }, (sender) => batches.flush(sender))
}

function acknowledge(transactions: Transactions, offset: number): Promise<void> {
  return transactions.acknowledge({ topic: input, partition: 0, offset }, noMembership)
}

async function visible(): Promise<string[]> {
  return (await readAs('read_committed', cluster.brokers, [output]))
    .sort((a, b) => a.partition - b.partition || a.offset - b.offset)
    .map(({ partition, value }) => `${partition}: ${value}`)
}

/** Lets the replica come back when the coordinator has ended the transaction without it. */
async function returnTooLate(milliseconds = fencedMilliseconds): Promise<void> {
  await sleep(milliseconds)
  await cluster.restart(away)
}

const hung = (decision: 'commit' | 'abort') => ({
  name: 'transaction-hung',
  partitions: [{ topic: output, partition: 0 }],
  decision,
})

/** Committed, while the only replica of one output is away. */
async function beginAndCommit(how: 'kill' | 'stop' = 'kill'): Promise<Transactions> {
  const transactions = await begin()
  await write(transactions, 'a')
  await cluster[how](away)
  await acknowledge(transactions, 1)
  return transactions
}

test('it was committed, and its process was killed: the next process commits what hangs', async () => {
  const first = await beginAndCommit()
  first.cluster.abandon()
  await returnTooLate()
  const second = await begin()
  expect(facts).toContainEqual(hung('commit'))
  await write(second, 'b')
  second.abandon(spoilt)
  await second.settled()
  await second.close()
  expect(await visible()).toEqual(['0: a', '1: a'])
})

test('it was aborted by the next process: what hangs is not committed by its first transaction', async () => {
  const first = await begin()
  await write(first, 'a')
  await cluster.kill(away)
  first.cluster.abandon() // as a process that is killed: what is open stays open
  const opening = begin()
  await returnTooLate()
  const second = await opening
  expect(facts).toContainEqual(hung('abort'))
  await write(second, 'b')
  await acknowledge(second, 1)
  await second.close()
  expect(await visible()).toEqual(['0: b', '1: b'])
})

test.each(['kill', 'stop'] as const)(
  'the process goes on: nothing begins before what hangs is committed (%s)',
  async (how) => {
    const process = await beginAndCommit(how)
    const next = write(process, 'b')
    await returnTooLate(longMilliseconds)
    await next
    expect(facts).toContainEqual(hung('commit'))
    const waited = facts.filter(({ name }) => name === 'waiting')
    expect(waited[0]).toMatchObject({ for: 'partition leaders', why: `no leader answers for ${output}/0` })
    expect(waited.at(-1)).toMatchObject({ for: 'partition leaders', why: null })
    process.abandon(spoilt)
    await process.settled()
    await write(process, 'c')
    await acknowledge(process, 2)
    await process.close()
    expect(await visible()).toEqual(['0: a', '0: c', '1: a', '1: c'])
  },
)

test('the process has nothing more to write: what hangs is committed all the same', async () => {
  const process = await beginAndCommit()
  await returnTooLate()
  await until(async () => facts.some(({ name }) => name === 'transaction-hung'), 'what hangs was found')
  await process.close()
  expect(facts).toContainEqual(hung('commit'))
  expect(await visible()).toEqual(['0: a', '1: a'])
})

test('a process that died between two requests, so that nobody knows the decision: the next one ends and says where it hangs', async () => {
  const first = await beginAndCommit()
  first.cluster.abandon()
  await returnTooLate()
  const transactionalId = `${group}.process`
  const second = await openCluster(connection)
  const coordinator = await second.findGroupCoordinator({ groupId: transactionalId, coordinatorType: 1 })
  await coordinator.initProducerId({ transactionalId, transactionTimeout: 10_000 })
  await second.close()
  await expect(begin()).rejects.toMatchObject({
    code: 'KAFKA_FATAL',
    message: `a transaction of "${transactionalId}" hangs in ${output}/0`,
  })
})
