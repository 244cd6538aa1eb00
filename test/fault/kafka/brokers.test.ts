import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Provenance } from '../../../src/enrich/provenance.ts'
import type { KafkaConnection } from '../../../src/kafka/connection.ts'
import { publish } from '../../../src/kafka/publish.ts'
import { kafkaRowEvents } from '../../../src/kafka/row-events.ts'
import { kafkaSink } from '../../../src/kafka/sink.ts'
import { kafkaSource } from '../../../src/kafka/source.ts'
import { spanOf } from '../../../src/memory.ts'
import type { Fact } from '../../../src/telemetry.ts'
import { judge, newLane, nothingWrong, publishNumbers, untilConsumed } from '../../support/delivery.ts'
import { counter, enrichToEnd, runMember } from '../../support/enrich-lane.ts'
import { connectionTo, newTopic, readAll, until, withAdmin } from '../../support/kafka.ts'
import { startBroker, type TestBroker } from '../../support/kafka-broker.ts'
import { messageOf } from '../../support/kafka-records.ts'

const provenance: Provenance = {
  destination: 'd',
  action: 'a',
  mapping: 'm',
  outcome: 'full',
  entities: '',
  eventIdPrefix: 'i',
}
/** `AWAY_SECONDS=60`: as long as the promise names, in both modes. In 20 s the consumer's session is lost, which is what matters. */
const awaySeconds = Number(process.env.AWAY_SECONDS ?? 20)
const awayModes =
  process.env.AWAY_SECONDS === undefined ? (['exactly_once'] as const) : (['at_least_once', 'exactly_once'] as const)
const partitions = 12
const perSend = 36

/** Sends small batches over all partitions until told to stop; gives the ids that were acknowledged. */
async function produceUntil(connection: KafkaConnection, topic: string, stop: AbortSignal) {
  const facts: Fact[] = []
  const sink = await kafkaSink({
    connection,
    targets: [topic],
    deadLetterTopic: null,
    tell: (fact) => facts.push(fact),
  })
  const acknowledged: number[] = []
  for (let id = 0; !stop.aborted; ) {
    const outputs = sink.begin({ topic: 'in', partition: 0 })
    const ids: number[] = []
    for (let each = 0; each < perSend; each++, id++) {
      const message = await messageOf({ timestamp: Date.now() }, { partition: id % partitions, offset: id })
      outputs.deliver({ topic }, message, spanOf(Buffer.from(String(id))), provenance)
      ids.push(id)
    }
    await outputs.flush()
    acknowledged.push(...ids)
  }
  await sink.close()
  return { acknowledged, facts }
}

async function verdictOf(connection: KafkaConnection, topic: string, acknowledged: readonly number[]) {
  const written = (await readAll(connection, topic)).map(({ value }) => Number(value))
  const there = new Set(written)
  let outOfOrder = 0
  const last = new Map<number, number>()
  for (const { partition, value } of await readAll(connection, topic)) {
    if (Number(value) < (last.get(partition) ?? -1)) outOfOrder++
    last.set(partition, Number(value))
  }
  return {
    acknowledged: acknowledged.length,
    lost: acknowledged.filter((id) => !there.has(id)).length,
    duplicated: written.length - there.size,
    outOfOrder,
  }
}

describe('one broker, killed and started again', () => {
  let broker: TestBroker
  beforeAll(async () => {
    broker = await startBroker()
  })
  afterAll(() => broker?.stop())

  test('producing goes on: nothing acknowledged is lost, nothing written twice', { timeout: 120_000 }, async () => {
    const connection = connectionTo(broker.brokers)
    const topic = await newTopic(connection, { partitions })
    const stop = new AbortController()
    const producing = produceUntil(connection, topic, stop.signal)
    for (let kills = 0; kills < 2; kills++) {
      await new Promise((resolve) => setTimeout(resolve, 500))
      await broker.kill()
      await broker.restart()
    }
    await new Promise((resolve) => setTimeout(resolve, 500))
    stop.abort()
    const { acknowledged, facts } = await producing
    const verdict = await verdictOf(connection, topic, acknowledged)
    console.log('broker killed twice:', JSON.stringify(verdict))
    expect(verdict).toEqual({ acknowledged: acknowledged.length, lost: 0, duplicated: 0, outOfOrder: 0 })
    expect(facts.some((fact) => fact.name === 'kafka-connected' && !fact.connected)).toBe(true)
  })

  test('consuming goes on: nothing is lost', { timeout: 120_000 }, async () => {
    const connection = connectionTo(broker.brokers)
    const topic = await newTopic(connection, { partitions: 4, config: { 'max.message.bytes': '1000' } })
    const count = 8000
    await publish(
      connection,
      Array.from({ length: count }, (_, id) => ({ topic, partition: id % 4, key: null, value: String(id).padEnd(50) })),
    )
    const facts: Fact[] = []
    const source = await kafkaSource({
      connection,
      topics: [topic],
      group: topic,
      untilEnd: true,
      maxBytesPerPartition: 1000,
      sessionTimeoutMs: 3000,
      tell: (fact) => facts.push(fact),
    })
    const seen = new Set<number>()
    let handed = 0
    const consuming = source.consume(async (batch) => {
      await new Promise((resolve) => setTimeout(resolve, 10))
      batch.each((message) => {
        seen.add(Number(message.bytes.toString('utf8', message.valueStart, message.valueEnd)))
        handed++
      })
      await batch.acknowledge()
    }, new AbortController().signal)
    await until(() => handed > 500, 'it has begun')
    await broker.kill()
    await new Promise((resolve) => setTimeout(resolve, 2000))
    await broker.restart()
    await consuming
    await source.close()
    console.log(`broker killed while consuming: ${seen.size} of ${count} seen, ${handed - seen.size} duplicates`)
    expect(seen.size).toBe(count)
    const lag = await withAdmin(connection, (admin) => admin.lag(topic, [topic]))
    expect(lag.map((each) => each.lag)).toEqual([0, 0, 0, 0])
  })

  test('an abort while the broker is away resolves soon', { timeout: 120_000 }, async () => {
    const connection = connectionTo(broker.brokers)
    const topic = await newTopic(connection)
    const source = await kafkaSource({ connection, topics: [topic], group: topic, untilEnd: false, tell: () => {} })
    const abort = new AbortController()
    const consuming = source.consume((batch) => batch.acknowledge(), abort.signal)
    await until(() => source.partitions().length === 1, 'it has its partition')
    await broker.kill()
    await new Promise((resolve) => setTimeout(resolve, 1000))
    const cpu = process.cpuUsage()
    await new Promise((resolve) => setTimeout(resolve, 3000))
    const busy = process.cpuUsage(cpu)
    console.log(`CPU of 3 s without a broker: ${Math.round((busy.user + busy.system) / 1000)} ms`)
    const start = performance.now()
    abort.abort()
    await consuming
    await source.close()
    const milliseconds = Math.round(performance.now() - start)
    console.log(`stopped without a broker in ${milliseconds} ms`)
    expect(milliseconds).toBeLessThan(10_000) // less than an orchestrator's patience, many times what it takes
    await broker.restart()
  })
})

describe.each(awayModes)('%s while the broker is away', (delivery) => {
  let broker: TestBroker
  beforeAll(async () => {
    broker = await startBroker()
  })
  afterAll(() => broker?.stop())

  test(`${awaySeconds} s: it goes on by itself, costs next to nothing meanwhile, and the accounting closes`, async () => {
    const connection = connectionTo(broker.brokers)
    const lane = await newLane(connection)
    const { counted, tell } = counter()
    const abort = new AbortController()
    const options = { ...lane, brokers: broker.brokers, delivery, owner: 'o', sessionTimeoutMs: 6000 }
    const running = runMember(options, abort.signal, tell)
    // No transaction is open when it goes: Kafka 4.3, killed while it ends one, may keep the group's offsets locked for ever
    // where no replica has them. A kill in a commit is a test of its own (transaction-steps).
    await publishNumbers(connection, lane, 0, 1000)
    await untilConsumed(connection, lane, [])
    await broker.kill()
    await new Promise((resolve) => setTimeout(resolve, 1000))
    const [cpu, start] = [process.cpuUsage(), performance.now()]
    await new Promise((resolve) => setTimeout(resolve, awaySeconds * 1000))
    const busy = process.cpuUsage(cpu)
    const share = (busy.user + busy.system) / 1000 / (performance.now() - start)
    await broker.restart()
    const back = performance.now()
    const before = counted.consumed
    await publishNumbers(connection, lane, 1000, 1000)
    await until(() => counted.consumed > before, 'it goes on', 60)
    const seconds = (performance.now() - back) / 1000
    console.log(
      `${delivery}: back ${seconds.toFixed(1)} s after the broker, ${(share * 100).toFixed(1)} % CPU while away`,
    )
    await untilConsumed(connection, lane, [])
    abort.abort()
    await running
    expect(share).toBeLessThan(0.1)
    expect(await judge(broker.brokers, lane, 2000)).toMatchObject({ lost: 0, unidentified: 0, outOfOrder: 0 })
    if (delivery === 'exactly_once') {
      expect(counted).toMatchObject({ consumed: 2000, delivered: 1960, outcomes: { bypassed: 1960, dead_letter: 40 } })
      expect(await judge(broker.brokers, lane, 2000)).toMatchObject(nothingWrong)
    }
  }, 240_000)
})

describe('three brokers whose leaders move', () => {
  let broker: TestBroker
  beforeAll(async () => {
    broker = await startBroker({ nodes: 3 })
  })
  afterAll(() => broker?.stop())

  /** Takes the leader out of the replicas of two partitions at a time. */
  async function moveLeaders(connection: KafkaConnection, topic: string, moves: number): Promise<void> {
    await withAdmin(connection, async (admin) => {
      for (let move = 0; move < moves; move++) {
        const leaders = await admin.leaders(topic)
        const chosen = leaders.filter(({ partition }) => partition % 6 === move % 6)
        await admin.reassign(
          topic,
          chosen.map(({ partition, leader }) => ({ partition, nodes: [1, 2, 3].filter((node) => node !== leader) })),
        )
        await new Promise((resolve) => setTimeout(resolve, 250))
      }
    })
  }

  test('ours: nothing acknowledged is lost, nothing written twice', { timeout: 180_000 }, async () => {
    const connection = connectionTo(broker.brokers)
    const topic = await newTopic(connection, { partitions, replicationFactor: 3 })
    const stop = new AbortController()
    const producing = produceUntil(connection, topic, stop.signal)
    await moveLeaders(connection, topic, 40)
    stop.abort()
    const { acknowledged, facts } = await producing
    const verdict = await verdictOf(connection, topic, acknowledged)
    const retried = facts.filter(({ name }) => name === 'produce-retried').length
    console.log('leaders moved, ours:', JSON.stringify({ ...verdict, retried }))
    expect(verdict).toEqual({ acknowledged: acknowledged.length, lost: 0, duplicated: 0, outOfOrder: 0 })
    expect(retried).toBeGreaterThan(0)
  })

  test('the offsets of a topic are found all the same', { timeout: 60_000 }, async () => {
    const connection = connectionTo(broker.brokers)
    const topic = await newTopic(connection, { partitions, replicationFactor: 3 })
    let asked = 0
    await withAdmin(connection, async (admin) => {
      let moving = true
      const moved = moveLeaders(connection, topic, 12).finally(() => (moving = false))
      for (; moving; asked++) {
        expect((await admin.offsets(topic)).map(({ high }) => high)).toEqual(new Array(partitions).fill(0))
        expect((await admin.offsetsAt(topic, 0)).map(({ offset }) => offset)).toEqual(new Array(partitions).fill(0))
        expect(await readAll(connection, topic)).toEqual([])
      }
      await moved
    })
    expect(asked).toBeGreaterThan(5)
  })

  test('exactly once, and a broker killed as well: nothing is lost, nothing comes twice', {
    timeout: 180_000,
  }, async () => {
    const connection = connectionTo(broker.brokers)
    const lane = await newLane(connection, 3)
    await publishNumbers(connection, lane, 0, 20_000)
    const running = enrichToEnd(connection, lane, { batchMilliseconds: 15 })
    await moveLeaders(connection, lane.output, 16)
    await broker.kill(2)
    await new Promise((resolve) => setTimeout(resolve, 4000))
    await broker.restart(2)
    const { counted } = await running
    console.log(`leaders moved, exactly once: ${counted.committed} committed, ${counted.aborted} aborted`)
    const outcomes = { bypassed: 19_600, dead_letter: 400 }
    expect(counted).toMatchObject({ consumed: 20_000, delivered: 19_600, outcomes })
    expect(await judge(broker.brokers, lane, 20_000)).toMatchObject(nothingWrong)
  })

  test('a partition that has no leader keeps no other waiting, and no process from starting', {
    timeout: 180_000,
  }, async () => {
    const connection = connectionTo(broker.brokers)
    const config = { 'unclean.leader.election.enable': 'true' } // or the replica that was killed might not be elected again
    const input = await newTopic(connection, { partitions: 4, replicationFactor: 1, config })
    const lane = { ...(await newLane(connection, 3)), input }
    await withAdmin(connection, async (admin) => {
      const nodes = [2, 1, 3, 1]
      await admin.reassign(
        input,
        nodes.map((node, partition) => ({ partition, nodes: [node] })),
      )
      const moved = async () =>
        (await admin.leaders(input)).every(({ leader }, partition) => leader === nodes[partition])
      await until(moved, 'the partitions have moved')
    })
    await publishNumbers(connection, lane, 0, 400)
    await broker.kill(2)
    await withAdmin(connectionTo(broker.brokers.toSpliced(1, 1)), (admin) => {
      const leader = async () => (await admin.leaders(input).catch(() => []))[0]?.leader // it may ask the one that was killed
      return until(async () => (await leader()) === -1, 'the partition has been given up')
    })
    const { counted, tell } = counter()
    const stop = new AbortController()
    const options = { delivery: 'at_least_once', owner: 'one', sessionTimeoutMs: 3000 } as const
    const running = runMember({ ...lane, ...options, brokers: broker.brokers }, stop.signal, tell)
    await until(() => counted.consumed === 300, 'the other partitions are read', 60)
    await broker.restart(2)
    await until(() => counted.consumed === 400, 'this one is read')
    stop.abort()
    await running
    expect(await judge(broker.brokers, lane, 400)).toMatchObject(nothingWrong)
  })

  test('row events while each broker is killed in turn: all are there, once', { timeout: 180_000 }, async () => {
    const connection = connectionTo(broker.brokers)
    const topic = await newTopic(connection, { partitions: 6, replicationFactor: 3 })
    const size = 1000
    let [handed, most, pages] = [0, 0, Number.POSITIVE_INFINITY]
    async function* changes() {
      for (; handed < pages; handed++) {
        yield Array.from({ length: size }, (_, row) => ({ key: `${handed}-${row}`, value: `${handed * size + row}` }))
        if (handed >= most) await new Promise((resolve) => setTimeout(resolve, 100))
        most = Math.max(most, handed)
      }
    }
    const sending = kafkaRowEvents({ connection, topic, stream: topic }).send({
      ...{ entity: 'product', epoch: 1, seq: 1, delta: 'd', asOf: Date.now(), signal: new AbortController().signal },
      ...{ changes, confirm: async () => void (handed = 0), sent: () => {} },
    })
    for (const node of [1, 2, 3]) {
      const before = most
      await until(() => most > before + 10, 'it sends', 60)
      await broker.kill(node)
      await broker.restart(node)
    }
    pages = most + 10
    await sending
    const values = (await readAll(connection, topic)).map(({ value }) => Number(value))
    expect(values.sort((a, b) => a - b)).toEqual(Array.from({ length: pages * size }, (_, row) => row))
  })

  test('stock kafkajs, for comparison: what it loses is printed', { timeout: 180_000 }, async () => {
    const connection = connectionTo(broker.brokers)
    const topic = await newTopic(connection, { partitions, replicationFactor: 3 })
    const { Kafka } = await import('kafkajs')
    const producer = new Kafka({
      brokers: [...connection.brokers],
      logLevel: 0,
      retry: { retries: 20, initialRetryTime: 50 },
    }).producer({
      idempotent: true,
      retry: { retries: 20, initialRetryTime: 50, maxRetryTime: 1000 },
    })
    await producer.connect()
    const stop = new AbortController()
    const acknowledged: number[] = []
    const producing = (async () => {
      for (let id = 0; !stop.signal.aborted; ) {
        const messages = Array.from({ length: perSend }, () => ({ partition: id % partitions, value: String(id++) }))
        try {
          await producer.send({ topic, messages })
          acknowledged.push(...messages.map(({ value }) => Number(value)))
        } catch {
          // refused: not acknowledged
        }
      }
    })()
    await moveLeaders(connection, topic, 40)
    stop.abort()
    await producing
    await producer.disconnect()
    const verdict = await verdictOf(connection, topic, acknowledged)
    console.log('leaders moved, stock kafkajs:', JSON.stringify(verdict))
    expect(verdict.acknowledged).toBeGreaterThan(0)
  })

  test('a leader killed: nothing acknowledged is lost, nothing written twice', { timeout: 180_000 }, async () => {
    const connection = connectionTo(broker.brokers)
    const topic = await newTopic(connection, { partitions, replicationFactor: 3 })
    const stop = new AbortController()
    const producing = produceUntil(connection, topic, stop.signal)
    await new Promise((resolve) => setTimeout(resolve, 500))
    await broker.kill(2)
    await new Promise((resolve) => setTimeout(resolve, 6000))
    await broker.restart(2)
    stop.abort()
    const { acknowledged } = await producing
    const verdict = await verdictOf(connection, topic, acknowledged)
    console.log('leader killed, ours:', JSON.stringify(verdict))
    expect(verdict).toEqual({ acknowledged: acknowledged.length, lost: 0, duplicated: 0, outOfOrder: 0 })
  })
})
