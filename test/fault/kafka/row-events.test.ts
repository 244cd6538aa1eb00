/** Row events on a real broker: each step goes wrong once, senders die or are overtaken, and every event is there once. */
import { beforeEach, describe, expect, test } from 'vitest'
import { LinkedEventsError } from '../../../src/errors.ts'
import type { KafkaConnection } from '../../../src/kafka/connection.ts'
import { kafkaRowEvents } from '../../../src/kafka/row-events.ts'
import type { RowEvent, RowEventOrder } from '../../../src/sync/row-events.ts'
import { newTopic, type ReadRecord, readAll, unique, until } from '../../support/kafka.ts'
import type { TestBroker } from '../../support/kafka-broker.ts'
import { api, type KafkaProxy, type Spoil, useSpoiledBroker } from '../../support/kafka-proxy.ts'

/** More than two transactions hold. */
const rows = 12_000
const steps = [
  'initProducerId',
  'offsetFetch',
  'addPartitionsToTxn',
  'produce',
  'addOffsetsToTxn',
  'txnOffsetCommit',
  'endTxn',
] as const
type Step = (typeof steps)[number]

let broker: TestBroker
let proxy: KafkaProxy
let connection: KafkaConnection
let topic: string
let stream: string
useSpoiledBroker((made) => {
  ;({ broker, proxy, connection } = made)
})
beforeEach(async () => {
  topic = await newTopic(connection, { partitions: 3 })
  stream = unique('rows')
})

/** A delta of numbers, in pages; every tenth change is one that the mode does not tell. */
function order(delta: string, more: Partial<RowEventOrder> & { readonly count?: number } = {}): RowEventOrder {
  const { count = rows, ...others } = more
  async function* changes(): AsyncGenerator<(RowEvent | null)[]> {
    for (let from = 0; from < count; from += 1000)
      yield Array.from({ length: Math.min(1000, count - from) }, (_, index) => {
        const key = String(from + index)
        return (from + index) % 10 === 9 ? null : { key, value: JSON.stringify({ delta, key }) }
      })
  }
  const { signal } = new AbortController()
  const place = { entity: 'product', epoch: 1, seq: 7, asOf: Date.now() }
  return { ...place, delta, changes, confirm: async () => {}, sent: () => {}, signal, ...others }
}

const send = (one: RowEventOrder): Promise<void> => kafkaRowEvents({ connection, topic, stream }).send(one)

/** What readers of committed records see. A transaction has been ended a little before its records are to be seen. */
async function readCommitted(count: number): Promise<ReadRecord[]> {
  await until(async () => (await readAll(connection, topic)).length >= count, `${count} events are to be seen`)
  return readAll(connection, topic)
}

/** Each event once, in the order of the delta within a partition. */
async function expectTold(deltas: readonly string[], count = rows): Promise<void> {
  const expected = deltas.flatMap((delta) =>
    Array.from({ length: count }, (_, key) => ({ delta, key: String(key) })).filter((_, key) => key % 10 !== 9),
  )
  const found = await readCommitted(expected.length)
  expect(found).toHaveLength(expected.length)
  const places = new Map(expected.map((one, place) => [JSON.stringify(one), place]))
  for (const partition of [0, 1, 2]) {
    const order = found.filter((one) => one.partition === partition).map(({ value }) => places.get(value ?? '') ?? -1)
    expect(order).toEqual([...new Set(order)].sort((a, b) => a - b))
    expect(order.length).toBeGreaterThan(0)
  }
}

/** Spoils the nth request of a step, counted from 1. */
function spoil(step: Step, nth: number, how: Spoil, first: () => void = () => {}): { readonly done: () => boolean } {
  let seen = 0
  proxy.spoil = ({ client, key }) => {
    if (client !== connection.clientId || key !== api[step] || ++seen !== nth) return null
    first()
    return how
  }
  return { done: () => seen >= nth }
}

/** Puts an error where the answer has it, counted from its end. */
function refusing(step: Step, code: number): Spoil {
  const fromEnd = {
    initProducerId: 12,
    offsetFetch: 7,
    addPartitionsToTxn: 2,
    produce: 30,
    addOffsetsToTxn: 2,
    txnOffsetCommit: 5,
    endTxn: 2,
  }
  const answer = (payload: Buffer) => {
    const changed = Buffer.from(payload)
    changed.writeInt16BE(code, changed.length - fromEnd[step])
    return changed
  }
  return { kind: 'rewrite', answer }
}

test('a record has the row’s key, its event, and where it comes from', async () => {
  let sent = 0
  await send(order('d', { count: 1, sent: (events) => (sent += events) }))
  expect(sent).toBe(1)
  const found = await readCommitted(1)
  expect(found).toMatchObject([{ key: '0', value: '{"delta":"d","key":"0"}' }])
  expect(found[0]?.headers).toEqual([
    ['le.entity', 'product'],
    ['le.epoch', '1'],
    ['le.seq', '7'],
  ])
})

test('a delta that is sent again after it was sent adds nothing, and the next one begins at its beginning', async () => {
  await send(order('first'))
  await send(order('first'))
  await send(order('second'))
  await expectTold(['first', 'second'])
})

describe.each(steps)('%s', (step) => {
  test.each(['lose request', 'lose answer'] as const)('%s: every event is there once', async (kind) => {
    const once = step === 'initProducerId' || step === 'offsetFetch'
    const spoiled = spoil(step, once ? 1 : 2, { kind })
    await send(order('d'))
    expect(spoiled.done()).toBe(true)
    await expectTold(['d'])
  })
})

test.each<[Step, number, string]>([
  ['initProducerId', 51, 'the transaction before is still being ended'],
  ['offsetFetch', 88, 'the mark is about to be moved'],
  ['addPartitionsToTxn', 48, 'no transaction is open'],
  ['produce', 45, 'a sequence number is missing'],
  ['produce', 47, 'the epoch of the producer is over'],
  ['addOffsetsToTxn', 49, 'the producer id is not known'],
  ['txnOffsetCommit', 90, 'somebody else has begun'],
  ['endTxn', 47, 'the transaction has run out of time'],
  ['endTxn', 16, 'the coordinator has moved'],
])('%s refused with %i (%s): every event is there once', async (step, code) => {
  const spoiled = spoil(step, step === 'initProducerId' || step === 'offsetFetch' ? 1 : 2, refusing(step, code))
  await send(order('d'))
  expect(spoiled.done()).toBe(true)
  await expectTold(['d'])
})

test('what no retry can cure ends the sending, and the next one sends what is missing', async () => {
  spoil('txnOffsetCommit', 2, refusing('txnOffsetCommit', 30))
  let sent = 0
  const counted = { sent: (events: number) => (sent += events) }
  await expect(send(order('d', counted))).rejects.toMatchObject({ code: 'KAFKA_DENIED' })
  expect(sent).toBe(5000)
  proxy.spoil = () => null
  await send(order('d', counted))
  expect(sent).toBe(rows * 0.9)
  await expectTold(['d'])
})

test('the broker is killed in a transaction: every event is there once', async () => {
  let restarted: Promise<void> = Promise.resolve()
  const kill = () => {
    restarted = new Promise((resolve) => setTimeout(resolve, 2)).then(() => broker.kill()).then(() => broker.restart())
  }
  const spoiled = spoil('txnOffsetCommit', 2, { kind: 'lose answer' }, kill)
  await send(order('d'))
  await restarted
  expect(spoiled.done()).toBe(true)
  await expectTold(['d'])
})

test('the warehouse fails in the middle: the next sending goes on from there', async () => {
  const whole = order('d')
  async function* broken() {
    let left = 7
    for await (const page of whole.changes()) {
      if (left-- === 0) throw new LinkedEventsError('WAREHOUSE_UNAVAILABLE', 'gone')
      yield page
    }
  }
  await expect(send({ ...whole, changes: broken })).rejects.toMatchObject({ code: 'WAREHOUSE_UNAVAILABLE' })
  await send(whole)
  await expectTold(['d'])
})

test('a cancelled sending ends at once, keeps no reader waiting, and is gone on with', async () => {
  const controller = new AbortController()
  let held = true
  proxy.spoil = ({ client, key }) => {
    if (client !== connection.clientId || key !== api.addOffsetsToTxn || !held) return null
    held = false
    controller.abort()
    return null
  }
  await expect(send(order('d', { signal: controller.signal }))).rejects.toMatchObject({ code: 'CANCELLED' })
  expect(await readAll(connection, topic)).toEqual([])
  await send(order('d'))
  await expectTold(['d'])
})

describe('a sender that is overtaken in the middle', () => {
  /** Stops at the second transaction until somebody else has sent everything. */
  async function overtaken(confirm: (overtaken: boolean) => Promise<void>): Promise<Promise<void>> {
    let over = false
    let freed = () => {}
    const free = new Promise<void>((resolve) => (freed = resolve))
    const whole = order('d')
    async function* held() {
      let pages = 0
      for await (const page of whole.changes()) {
        if (++pages === 8) {
          started()
          await free
        }
        yield page
      }
    }
    let started = () => {}
    const stands = new Promise<void>((resolve) => (started = resolve))
    const slow = send({ ...whole, changes: held, confirm: () => confirm(over) })
    slow.catch(() => {})
    await stands
    await send(whole)
    over = true
    freed()
    return slow
  }

  test('writes nothing any more when it is not for it to send', async () => {
    const lost = new LinkedEventsError('SYNC_LOST', 'taken over')
    const confirm = async (over: boolean) => {
      if (over) throw lost
    }
    await expect((async () => await await overtaken(confirm))()).rejects.toBe(lost)
    await expectTold(['d'])
  })

  test('finds that nothing is missing when it is', async () => {
    await (async () => await await overtaken(async () => {}))()
    await expectTold(['d'])
  })
})

test('a topic that is not there is named', async () => {
  topic = unique('no')
  await expect(send(order('d'))).rejects.toMatchObject({ code: 'KAFKA_TOPIC_MISSING' })
})
