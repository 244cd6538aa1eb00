/**
 * Both promises of delivery over a simulated Kafka: the whole of src/kafka and the pipeline, in processes that are killed, that sleep
 * through the loss of their partitions, that come and go, while leaders move and transactions time out, on a network that loses and delays. Again, or more:
 * `SEED=n npx vitest run --project property test/property/delivery.test.ts`, `SEEDS=n`.
 */
import { afterEach, expect, test, vi } from 'vitest'
import type { KafkaConnection } from '../../src/kafka/connection.ts'
import { runMember } from '../support/enrich-lane.ts'
import { marker, sealed } from '../support/kafka-records.ts'
import { random } from '../support/random.ts'
import { SimulatedKafka } from '../support/simulation/kafka.ts'
import type { SimulatedProcess } from '../support/simulation/network.ts'
import { coordinatorPlace, offsetsPlace } from '../support/simulation/transactions.ts'
import { VirtualTime } from '../support/simulation/virtual-time.ts'

const seeds = Number(process.env.SEEDS ?? (process.env.CI === 'true' ? 500 : 100))
const first = Number(process.env.SEED ?? 1)
const partitions = 4
const processes = 3
const numbers = 40
const sessionMilliseconds = 3000
const restartMilliseconds = 500
const secondsMax = 300
const settleMilliseconds = 20_000
const deliveries = ['at_least_once', 'exactly_once'] as const

const worlds = new Map<string, { kafka: SimulatedKafka; process: SimulatedProcess }>()

vi.mock('../../src/kafka/cluster.ts', async (original) => ({
  ...(await original<object>()),
  requireTopics: async () => {},
  openCluster: async ({ brokers: [name = ''] }: KafkaConnection) => {
    const { kafka, process } = worlds.get(name)!
    for (;;) {
      const cluster = kafka.connect(process)
      const connected = await cluster.connect().then(
        () => true,
        () => false,
      )
      if (connected) return cluster
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  },
}))
vi.mock('../../src/kafka/topic.ts', () => ({
  describeTopics: async (_: unknown, topics: readonly string[]) =>
    topics.map((topic) => ({
      topic,
      partitions,
      batchBytesMax: 1_000_000,
      aheadMillisecondsMax: Number.POSITIVE_INFINITY,
      behindMillisecondsMax: Number.POSITIVE_INFINITY,
    })),
}))

const time = new VirtualTime()
afterEach(() => {
  time.uninstall()
  vi.restoreAllMocks()
})

/** Numbers in batches, some of them in transactions, between what transactions that were aborted have left. */
function fill(kafka: SimulatedKafka, partition: number, next: () => number): void {
  const place = `in/${partition}`
  const put = (batch: Buffer, producerId: number, state: 'committed' | 'aborted') =>
    kafka.logs.store(place, batch, { producerId, values: [], state })
  const eventsOf = (from: number, count: number) =>
    Array.from({ length: count }, (_, index) => ({
      timestamp: from + index,
      key: null,
      value: Buffer.from(`{"type":"track","properties":{"n":${from + index}}}`),
      headers: [],
    }))
  let producerId = 1000
  for (let n = 0; n < numbers; ) {
    const count = Math.min(numbers - n, 1 + Math.floor(next() * 5))
    const kind = next()
    producerId++
    if (kind < 0.2) {
      put(sealed(eventsOf(1_000_000, count), { producerId, transactional: true }), producerId, 'aborted')
      put(marker('abort', { producerId }), producerId, 'committed')
      continue
    }
    const transactional = kind < 0.5
    put(sealed(eventsOf(n, count), { producerId, transactional }), producerId, 'committed')
    if (transactional) put(marker('commit', { producerId }), producerId, 'committed')
    n += count
  }
}

interface Outcome {
  readonly finished: boolean
  readonly outputs: readonly number[][]
  readonly ends: Readonly<Record<string, number>>
  /** Ends of transactions that partitions have not heard of. */
  readonly skipped: number
}

async function simulate(seed: number, delivery: (typeof deliveries)[number]): Promise<Outcome> {
  const next = random(seed)
  vi.spyOn(Math, 'random').mockImplementation(next)
  time.install()
  const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds))
  const kafka = new SimulatedKafka({ next, partitions })
  const all = Array.from({ length: partitions }, (_, partition) => partition)
  for (const partition of all) fill(kafka, partition, next)
  kafka.network.trouble = next() < 0.2 ? 0 : next() * 0.3
  const ends: Record<string, number> = {}
  const lives: { process: SimulatedProcess; stop: AbortController }[] = []
  const start = (index: number): void => {
    const life = { process: { asleep: null, dead: false } as SimulatedProcess, stop: new AbortController() }
    const name = `${seed}-${index}-${next()}`
    worlds.set(name, { kafka, process: life.process })
    lives[index] = life
    const options = { brokers: [name], input: 'in', output: 'out', letters: 'letters', group: 'g', owner: `p${index}` }
    const more = { delivery, sessionTimeoutMs: sessionMilliseconds, batchMilliseconds: 0, maxBytesPerPartition: 400 }
    void runMember({ ...options, ...more }, life.stop.signal, () => {})
      .then(
        () => 'left',
        (error: { code?: string; message?: string }) => error.code ?? String(error.message),
      )
      .then(async (end) => {
        ends[end] = (ends[end] ?? 0) + 1
        if (life.process.dead) return
        life.process.dead = true
        await sleep(restartMilliseconds)
        if (lives[index] === life) start(index)
      })
  }
  for (let index = 0; index < processes; index++) start(index)
  /** A broker with the only replica of one partition, or all brokers, killed or stopped in order. */
  const loseLeaders = () => {
    const away = next() < 0.5 ? 0 : 1500 + next() * 4000
    const outage = { away, leaderless: 500 + next() * 20_000 }
    const outputs = all.map((partition) => `out/${partition}`)
    const kind = next()
    if (kind < 0.3) kafka.loseLeader(outputs[Math.floor(next() * outputs.length)]!, outage)
    else if (kind < 0.5) kafka.loseLeader(offsetsPlace, outage)
    else for (const place of [...outputs, offsetsPlace, coordinatorPlace]) kafka.loseLeader(place, outage)
  }
  const faults = async () => {
    for (let left = 4 + Math.floor(next() * 8); left > 0; left--) {
      await sleep(next() * 700)
      const index = Math.floor(next() * processes)
      const { process, stop } = lives[index]!
      const kind = next()
      if (kind < 0.4) {
        process.dead = true
        start(index)
      } else if (kind < 0.7) {
        const awake = sleep(next() * 16_000).then(() => {
          process.asleep = null
        })
        process.asleep = awake
      } else if (kind < 0.78) stop.abort()
      else if (kind < 0.82) kafka.stallTransactions(next() * 15_000)
      else if (kind < 0.93) loseLeaders()
      else kafka.moveLeader(`${next() < 0.5 ? 'in' : 'out'}/${Math.floor(next() * partitions)}`)
    }
    kafka.network.trouble = 0
  }
  void faults()
  const consumed = () =>
    kafka.network.trouble === 0 &&
    all.every((partition) => kafka.group.committed.get(`in/${partition}`) === kafka.logs.end(`in/${partition}`))
  const finished = await time.until(consumed, secondsMax * 1000)
  await time.until(() => false, settleMilliseconds) // what is late, or asleep, still comes
  const outputs = all.map((partition) =>
    kafka.logs.visible(`out/${partition}`).map((value) => JSON.parse(value).n as number),
  )
  for (const { process } of lives) process.dead = true
  time.uninstall()
  worlds.clear()
  return { finished, outputs, ends, skipped: kafka.skipped }
}

/** Each number when it came first. */
function firsts(output: readonly number[]): number[] {
  return [...new Set(output)]
}

const expected = Array.from({ length: numbers }, (_, n) => n).join(' ')

test.each(deliveries)(
  `%s: ${seeds} runs from seed ${first} on lose nothing and keep the order`,
  async (delivery) => {
    const ends: Record<string, number> = {}
    let [repeated, skipped] = [0, 0]
    for (let seed = first; seed < first + (process.env.SEED === undefined ? seeds : 1); seed++) {
      const run = await simulate(seed, delivery)
      for (const [end, count] of Object.entries(run.ends)) ends[end] = (ends[end] ?? 0) + count
      skipped += run.skipped
      expect(`SEED=${seed}: ${run.finished}`).toBe(`SEED=${seed}: true`)
      for (const output of run.outputs) {
        const seen = delivery === 'exactly_once' ? output : firsts(output)
        expect(`SEED=${seed}: ${seen.join(' ')}`).toBe(`SEED=${seed}: ${expected}`)
        repeated += output.length - numbers
      }
    }
    const told = `${repeated} records twice, ${skipped} markers never written`
    console.log(`${delivery}: ${seeds} seeds, ${told}, processes ended: ${JSON.stringify(ends)}`)
  },
  600_000,
)
