/** What the tests of delivery share: numbered inputs, member processes, and a verdict over what came out. */
import { type ChildProcess, spawn } from 'node:child_process'
import type { KafkaConnection } from '../../src/kafka/connection.ts'
import { publish } from '../../src/kafka/publish.ts'
import type { MemberOptions } from './enrich-lane.ts'
import { newTopic, unique, until, withAdmin } from './kafka.ts'
import { readAs } from './librdkafka.ts'

export const partitions = 4
/** Every so many inputs one is no event: its dead letter is part of the same batch. */
const brokenEvery = 50

export interface Lane {
  readonly input: string
  readonly output: string
  readonly letters: string
  readonly group: string
}

/** Topics of one test. Producers' batches are small, so that a fetch can be. */
export async function newLane(connection: KafkaConnection, replicationFactor = 1, batchBytes = 2000): Promise<Lane> {
  const name = unique('lane')
  const options = { partitions, replicationFactor }
  return {
    input: await newTopic(connection, {
      ...options,
      topic: `${name}.in`,
      config: { 'max.message.bytes': String(batchBytes) },
    }),
    output: await newTopic(connection, { ...options, topic: `${name}.out` }),
    letters: await newTopic(connection, { ...options, topic: `${name}.dlq` }),
    group: name,
  }
}

/** Inputs with the numbers from `from` on; each partition gets every fourth, in order. */
export async function publishNumbers(connection: KafkaConnection, { input }: Lane, from: number, count: number) {
  await publish(
    connection,
    Array.from({ length: count }, (_, index) => {
      const n = from + index
      const value = n % brokenEvery === 7 ? `broken ${n}` : `{"type":"track","properties":{"n":${n}}}`
      return { topic: input, partition: n % partitions, key: `k${n}`, value }
    }),
  )
}

export interface Member {
  readonly child: ChildProcess
  readonly lines: string[]
  readonly ended: Promise<number | null>
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export function startMember(options: MemberOptions): Member {
  const words = ['--import', 'tsx', 'test/support/kafka-member.ts', JSON.stringify(options)]
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  running.add(child)
  const lines: string[] = []
  let rest = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
  })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  void ended.then(() => running.delete(child))
  return { child, lines, ended }
}

/** Partitions of the last assignment. */
export function assigned({ lines }: Member): number {
  const last = lines.findLast((line) => line.startsWith('assigned'))
  return last === undefined ? 0 : Number(last.slice('assigned '.length))
}

/** Waits until the group has consumed everything; says what the members told last when it does not happen. */
export async function untilConsumed(
  connection: KafkaConnection,
  { group, input }: Lane,
  members: readonly Member[],
  seconds = 60,
): Promise<void> {
  const lag = () => withAdmin(connection, (admin) => admin.lag(group, [input]))
  const consumed = async () => (await lag().catch(() => [{ lag: 1 }])).every((each) => each.lag === 0)
  await until(consumed, 'everything is consumed', seconds).catch(async (error: Error) => {
    const told = members.map(({ lines }) => lines.filter((line) => line !== 'batch').slice(-20))
    throw new Error(`${error.message}\n${JSON.stringify({ lag: await lag().catch(String), told }, null, 1)}`)
  })
}

export interface Verdict {
  readonly lost: number
  /** Records whose event id came before: what a consumer can drop. */
  readonly repeated: number
  /** Records that came before, under another event id. */
  readonly unidentified: number
  readonly outOfOrder: number
  /** Times that a partition's output went back, and the most records of one such stretch. */
  readonly stretches: number
  readonly longest: number
}

export const nothingWrong = { lost: 0, repeated: 0, unidentified: 0, outOfOrder: 0 }

/** What an independent client sees of the outputs and dead letters of the numbers below `count`. */
export async function judge(brokers: readonly string[], lane: Lane, count: number): Promise<Verdict> {
  const seen = new Uint8Array(count)
  const ids = new Set<string>()
  const verdict = { lost: 0, repeated: 0, unidentified: 0, outOfOrder: 0, stretches: 0, longest: 0 }
  const last = new Map<string, number>()
  const stretch = new Map<string, number>()
  for (const { topic, partition, value, headers } of await readAs('read_committed', brokers, [
    lane.output,
    lane.letters,
  ])) {
    const place = `${topic}/${partition}`
    const n = topic === lane.output ? (JSON.parse(value) as { n: number }).n : Number(value.slice('broken '.length))
    const from = `${headers['__connect.errors.partition']}-${headers['__connect.errors.offset']}`
    const id = headers['le.event_id'] ?? from
    const before = seen[n] !== 0
    if (before && ids.has(id)) {
      const length = (stretch.get(place) ?? 0) + 1
      stretch.set(place, length)
      verdict.repeated++
      if (length === 1) verdict.stretches++
      verdict.longest = Math.max(verdict.longest, length)
    } else {
      stretch.delete(place)
      if (before) verdict.unidentified++
      if (n % partitions !== partition || n < (last.get(place) ?? -1)) verdict.outOfOrder++
      last.set(place, n)
    }
    seen[n] = 1
    ids.add(id)
  }
  verdict.lost = seen.reduce((lost, each) => lost + (each === 0 ? 1 : 0), 0)
  return verdict
}

/** Records that were written in transactions that were aborted. */
export async function abortedRecords(brokers: readonly string[], { output, letters }: Lane): Promise<number> {
  const all = await readAs('read_uncommitted', brokers, [output, letters])
  return all.length - (await readAs('read_committed', brokers, [output, letters])).length
}
