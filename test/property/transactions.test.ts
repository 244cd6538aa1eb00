/**
 * Transactions over a simulated Kafka: processes that are killed, that sleep through the loss of their partitions, that come and
 * go, on a network that loses and delays. Again, or more: `SEED=n npx vitest run --project property test/property/transactions.test.ts`, `SEEDS=n`.
 */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { RecordWriter } from '../../src/kafka/record-writer.ts'
import { TransactionAborted, Transactions } from '../../src/kafka/transactions.ts'
import { writeRecord } from '../support/kafka-records.ts'
import { random } from '../support/random.ts'
import { SimulatedKafka } from '../support/simulated-kafka.ts'

const seeds = Number(process.env.SEEDS ?? (process.env.CI === 'true' ? 500 : 100))
const first = Number(process.env.SEED ?? 1)
const partitions = 4
const each = 40
const sessionMilliseconds = 3000

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] })
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds))

interface Process {
  readonly name: string
  readonly member: string
  asleep: Promise<void> | null
  dead: boolean
  leaving: boolean
}

/** What a session does with its batches, without the fetching. Ends when the process leaves or its transactions fail for good. */
async function live(kafka: SimulatedKafka, process: Process, next: () => number): Promise<void> {
  const { name, member } = process
  const options = {
    transactionalId: name,
    group: 'g',
    connection: { brokers: [], clientId: name, tls: null, sasl: null },
  }
  const transactions = new Transactions({ ...options, tell: () => {} }, kafka.client(process))
  const pause = async (milliseconds: number) => {
    await sleep(milliseconds)
    while (process.asleep !== null) await process.asleep
    if (process.dead) await new Promise(() => {})
  }
  await pause(next() * 50)
  for (; !process.leaving; await pause(50)) {
    kafka.join(member)
    const generation = kafka.generation
    await Promise.all(
      kafka.assigned(member, partitions).map(async (partition) => {
        const place = { topic: 'in', partition }
        let offset: number | null = null
        // A member learns of a rebalance by its heartbeat, some time later.
        while ((kafka.generation === generation || next() < 0.8) && !process.leaving) {
          await pause(5 + next() * 20)
          offset ??= kafka.stable(partition)
          if (offset === null || offset >= each) {
            if (kafka.generation !== generation) return
            continue
          }
          const count = Math.min(each - offset, 1 + Math.floor(next() * 5))
          const from: number = offset
          try {
            await transactions.write(place, (sender) => sender.send('out', partition, writer(from, count)))
            await transactions.acknowledge({ ...place, offset: from + count }, { generation, member })
            offset = from + count
          } catch (error) {
            if (!(error instanceof TransactionAborted)) throw error
            if (error.lostMembership) return
            offset = null
          }
        }
      }),
    )
  }
  kafka.leave(member)
  await transactions.close()
}

function writer(from: number, count: number): RecordWriter {
  const batch = new RecordWriter(256)
  for (let n = from; n < from + count; n++)
    writeRecord(batch, { timestamp: n, key: null, value: Buffer.from(String(n)), headers: [] })
  return batch
}

async function simulate(seed: number): Promise<{ visible: number[][]; seconds: number; fenced: number }> {
  const next = random(seed)
  vi.spyOn(Math, 'random').mockImplementation(next)
  const kafka = new SimulatedKafka(next)
  kafka.trouble = next() < 0.2 ? 0 : next() * 0.3
  let fenced = 0
  const begun = performance.now()
  const processes: (Process | null)[] = []
  const start = (index: number) => {
    const process: Process = {
      name: `p${index}`,
      member: `p${index}-${next()}`,
      asleep: null,
      dead: false,
      leaving: false,
    }
    processes[index] = process
    const ended = (error: unknown) => {
      fenced++
      if ((error as { code?: string }).code !== 'KAFKA_FENCED') throw error
      process.dead = true
      setTimeout(() => kafka.leave(process.member), sessionMilliseconds)
    }
    const again = () => {
      if (processes[index] === process) setTimeout(() => start(index), 500)
    }
    void live(kafka, process, next).catch(ended).then(again)
  }
  for (let index = 0; index < 2; index++) start(index)
  const faults = 2 + Math.floor(next() * 6)
  const work = async () => {
    for (let fault = 0; fault < faults; fault++) {
      await sleep(next() * 700)
      const index = Math.floor(next() * 2)
      const process = processes[index]
      if (process == null) continue
      const kind = next()
      if (kind < 0.5) {
        process.dead = true
        setTimeout(() => kafka.leave(process.member), sessionMilliseconds)
        start(index)
      } else if (kind < 0.9) {
        const nap = next() * 16_000
        process.asleep = sleep(nap).then(() => {
          process.asleep = null
        })
        if (nap > sessionMilliseconds) setTimeout(() => kafka.leave(process.member), sessionMilliseconds)
      } else {
        process.leaving = true
      }
    }
    kafka.trouble = 0
  }
  void work()
  const all = Array.from({ length: partitions }, (_, partition) => partition)
  for (let step = 0; step < 1200; step++) {
    await vi.advanceTimersByTimeAsync(100)
    if (all.every((partition) => kafka.committed.get(partition) === each)) break
  }
  await vi.advanceTimersByTimeAsync(20_000)
  const visible = all.map((partition) => kafka.visible(partition))
  for (const process of processes) if (process !== null && process !== undefined) process.dead = true
  vi.clearAllTimers()
  return { visible, seconds: (performance.now() - begun) / 1000, fenced }
}

test(`${seeds} runs from seed ${first} on: every input once, in order`, async () => {
  const expected = Array.from({ length: each }, (_, n) => n)
  let fenced = 0
  for (let seed = first; seed < first + (process.env.SEED === undefined ? seeds : 1); seed++) {
    const run = await simulate(seed)
    fenced += run.fenced
    for (const numbers of run.visible)
      expect(`SEED=${seed}: ${numbers.join(' ')}`).toBe(`SEED=${seed}: ${expected.join(' ')}`)
  }
  console.log(`${seeds} seeds, ${fenced} times a process ended because it was fenced`)
}, 300_000)
