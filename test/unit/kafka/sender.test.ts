import { describe, expect, test } from 'vitest'
import { createErrorFromCode } from '../../../src/kafka/internals.ts'
import { RecordWriter } from '../../../src/kafka/record-writer.ts'
import { Sender } from '../../../src/kafka/sender.ts'
import type { Fact } from '../../../src/telemetry.ts'
import { FakeCluster } from '../../support/fake-kafka-cluster.ts'
import { writeRecord } from '../../support/kafka-records.ts'

function records(count: number): RecordWriter {
  const writer = new RecordWriter(256)
  for (let index = 0; index < count; index++)
    writeRecord(writer, { timestamp: index, key: null, value: Buffer.from(`v${index}`), headers: [] })
  return writer
}

function setUp(firstSequence = 0) {
  const cluster = new FakeCluster()
  const facts: Fact[] = []
  const sender = new Sender({ cluster: cluster.asCluster(), tell: (fact) => facts.push(fact), firstSequence })
  return { cluster, facts, sender }
}

const connectionLost = () => Object.assign(new Error('gone'), { name: 'KafkaJSConnectionError' })

describe('the sender', () => {
  test('numbers the batches of each partition by their records', async () => {
    const { cluster, sender } = setUp()
    await sender.send('a', 0, records(3))
    await Promise.all([sender.send('a', 0, records(2)), sender.send('b', 0, records(5))])
    await sender.send('a', 0, records(1))
    expect(cluster.sent.map(({ topic, sequence }) => `${topic}${sequence}`)).toEqual(['a0', 'a3', 'b0', 'a5'])
  })

  test('batches handed over together share one request', async () => {
    const { cluster, sender } = setUp()
    await Promise.all([0, 1, 2, 3].map((partition) => sender.send('a', partition, records(1))))
    expect(cluster.requests.map((batches) => batches.length)).toEqual([4])
  })

  test('the producer id is asked for ahead when it is told to prepare, and once', async () => {
    const { cluster, sender } = setUp()
    sender.prepare()
    sender.prepare()
    await new Promise((resolve) => setImmediate(resolve))
    expect(cluster.initialised).toBe(1)
    await sender.send('a', 0, records(3))
    sender.prepare()
    expect(cluster.initialised).toBe(1)
    expect(cluster.sent).toHaveLength(1)
  })

  test('a preparation that failed changes nothing: the first send asks again', async () => {
    const { cluster, facts, sender } = setUp()
    cluster.initialise = () => Promise.reject(createErrorFromCode(15))
    sender.prepare()
    await new Promise((resolve) => setImmediate(resolve))
    expect(facts).toEqual([])
    cluster.initialise = async () => {}
    await sender.send('a', 0, records(3))
    expect(facts.map(({ name }) => name)).toEqual(['kafka-connected'])
  })

  test('who may not write is told so at the first send, prepared or not', async () => {
    const { cluster, facts, sender } = setUp()
    cluster.initialise = () => Promise.reject(createErrorFromCode(31))
    sender.prepare()
    await expect(sender.send('a', 0, records(3))).rejects.toMatchObject({ code: 'KAFKA_DENIED' })
    expect(cluster.initialised).toBe(1)
    expect(facts.filter(({ name }) => name === 'kafka-connected')).toEqual([])
  })

  test('a batch keeps its sequence and its bytes over retries', async () => {
    const { cluster, sender } = setUp()
    let failures = 3
    cluster.answer = (batches) => batches.map(() => (failures-- > 0 ? 6 : 0))
    await sender.send('a', 0, records(3))
    await sender.send('a', 0, records(1))
    expect(cluster.sent.map(({ sequence }) => sequence)).toEqual([0, 0, 0, 0, 3])
    expect(new Set(cluster.sent.slice(0, 4).map(({ bytes }) => bytes.toString('hex'))).size).toBe(1)
    expect(cluster.refreshed).toBe(3)
  })

  test('one partition failing does not send the others again', async () => {
    const { cluster, sender } = setUp()
    let first = true
    cluster.answer = (batches) => {
      const codes = batches.map(({ partition }) => (first && partition === 1 ? 6 : 0))
      first = false
      return codes
    }
    await Promise.all([sender.send('a', 0, records(1)), sender.send('a', 1, records(1))])
    expect(cluster.sent.map(({ partition }) => partition)).toEqual([0, 1, 1])
  })

  test('a partition that the response leaves out is not taken for written', async () => {
    const { cluster, sender } = setUp()
    let first = true
    cluster.answer = (batches) => {
      const codes = batches.map(({ partition }) => (first && partition === 1 ? ('no answer' as const) : 0))
      first = false
      return codes
    }
    await Promise.all([sender.send('a', 0, records(1)), sender.send('a', 1, records(1))])
    expect(cluster.sent.map(({ partition }) => partition)).toEqual([0, 1, 1])
  })

  test('"the batch is there already" is success', async () => {
    const { cluster, sender } = setUp()
    cluster.answer = (batches) => batches.map(() => 46)
    await expect(sender.send('a', 0, records(1))).resolves.toBeUndefined()
  })

  test('two batches of a partition are never in flight at once, and stay in order', async () => {
    const { cluster, sender } = setUp()
    let inFlight = 0
    let most = 0
    cluster.answer = async (batches) => {
      most = Math.max(most, ++inFlight)
      expect(new Set(batches.map(({ partition }) => partition)).size).toBe(batches.length)
      await new Promise((resolve) => setTimeout(resolve, 1))
      inFlight--
      return batches.map(() => 0)
    }
    await Promise.all([1, 2, 3, 4].map((count) => sender.send('a', 0, records(count))))
    expect(most).toBe(1)
    expect(cluster.sent.map(({ count, sequence }) => [count, sequence])).toEqual([
      [1, 0],
      [2, 1],
      [3, 3],
      [4, 6],
    ])
  })

  test('a retried batch goes to the new leader', async () => {
    const { cluster, sender } = setUp()
    const nodes: string[] = []
    const { findBroker } = cluster
    cluster.findBroker = (options) => {
      nodes.push(options.nodeId)
      return findBroker.call(cluster, options)
    }
    cluster.answer = (batches) => {
      const code = cluster.leaders['a/0'] === '2' ? 0 : 6
      cluster.leaders = { 'a/0': '2' }
      return batches.map(() => code)
    }
    await sender.send('a', 0, records(1))
    expect(nodes.slice(-2)).toEqual(['1', '2'])
  })

  test('lost connections are waited out and told once', async () => {
    const { cluster, facts, sender } = setUp()
    let failures = 3
    cluster.answer = (batches) => (failures-- > 0 ? connectionLost() : batches.map(() => 0))
    await sender.send('a', 0, records(1))
    expect(facts.filter(({ name }) => name === 'kafka-connected')).toEqual([
      { name: 'kafka-connected', role: 'producer', connected: false },
      { name: 'kafka-connected', role: 'producer', connected: true },
    ])
    expect(facts.filter(({ name }) => name === 'produce-retried')).toHaveLength(3)
  })

  test.each([
    [10, 'KAFKA_FATAL'],
    [45, 'KAFKA_FATAL'],
    [47, 'KAFKA_FATAL'],
    [90, 'KAFKA_FATAL'],
    [29, 'KAFKA_DENIED'],
  ])('error %i comes out at once, and nothing is sent after it', async (code, expected) => {
    const { cluster, sender } = setUp()
    cluster.answer = (batches) => batches.map(() => code)
    const sent = Promise.allSettled([sender.send('a', 0, records(1)), sender.send('a', 0, records(1))])
    for (const result of await sent) expect(result).toMatchObject({ status: 'rejected', reason: { code: expected } })
    await expect(sender.send('b', 0, records(1))).rejects.toMatchObject({ code: expected })
    expect(cluster.requests).toHaveLength(1)
  })

  test('a partition that is not there is an error before anything is sent', async () => {
    const { cluster, sender } = setUp()
    await expect(sender.send('a', 8, records(1))).rejects.toThrow('has no partition 8')
    expect(cluster.requests).toHaveLength(0)
  })

  test('sequence numbers begin again at 0 after 2^31 - 1', async () => {
    const { cluster, sender } = setUp(2 ** 31 - 2)
    await sender.send('a', 0, records(2))
    await sender.send('a', 0, records(1))
    expect(cluster.sent.map(({ sequence }) => sequence)).toEqual([2 ** 31 - 2, 0])
  })

  test('closing rejects what is not acknowledged', async () => {
    const { cluster, sender } = setUp()
    cluster.answer = () => connectionLost()
    const sent = sender.send('a', 0, records(1))
    sender.close()
    await expect(sent).rejects.toMatchObject({ code: 'CANCELLED' })
  })
})
