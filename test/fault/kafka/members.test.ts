import { type ChildProcess, spawn } from 'node:child_process'
import { afterEach, beforeAll, expect, test } from 'vitest'
import type { KafkaConnection } from '../../../src/kafka/connection.ts'
import { publish } from '../../../src/kafka/publish.ts'
import { newTopic, readAll, sharedConnection, until } from '../../support/kafka.ts'

let connection: KafkaConnection
beforeAll(async () => {
  connection = await sharedConnection()
})

interface Member {
  readonly child: ChildProcess
  readonly lines: string[]
}

const members: Member[] = []
afterEach(() => {
  for (const { child } of members.splice(0)) child.kill('SIGKILL')
})

function startMember(input: string, output: string): Member {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'test/support/kafka-member.ts', connection.brokers.join(','), input, output, input, '2000'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const member: Member = { child, lines: [] }
  child.stdout?.on('data', (chunk: Buffer) => member.lines.push(...chunk.toString('utf8').trim().split('\n')))
  members.push(member)
  return member
}

async function topics() {
  const config = { 'max.message.bytes': '2000' } // small batches, so that a kill falls in the middle of the work
  const input = await newTopic(connection, { partitions: 4, config })
  return { input, output: await newTopic(connection, { partitions: 4 }) }
}

function records(topic: string, from: number, count: number) {
  return Array.from({ length: count }, (_, index) => ({
    topic,
    partition: (from + index) % 4,
    key: `k${from + index}`,
    value: `${from + index}`.padEnd(60),
  }))
}

/** Ids of all outputs; duplicates are counted apart, by the event id that names them. */
async function outputs(topic: string) {
  const all = await readAll(connection, topic)
  const values = all.map(({ value }) => Number(value))
  const ids = all.map(({ headers }) => headers.find(([name]) => name === 'le.event_id')?.[1])
  return { values: new Set(values), duplicates: all.length - new Set(ids).size, all }
}

test("a killed member's partitions move to the other, and nothing is lost", { timeout: 120_000 }, async () => {
  const { input, output } = await topics()
  await publish(connection, records(input, 0, 6000))
  const one = startMember(input, output)
  const two = startMember(input, output)
  await until(() => [one, two].every(({ lines }) => lines.at(-1) === 'assigned 2'), 'each has two partitions')
  await publish(connection, records(input, 6000, 6000))
  one.child.kill('SIGKILL')
  await until(() => two.lines.at(-1) === 'assigned 4', 'the other has all')
  await until(async () => (await outputs(output)).values.size === 12_000, 'all are out', 60)
  const { duplicates } = await outputs(output)
  console.log(`killed: 12000 out, ${duplicates} duplicates`)
  // What was in flight in the killed process: a batch of each of its partitions at most.
  expect(duplicates).toBeLessThan(200)
})

test('members that come and go in order lose and repeat nothing', { timeout: 120_000 }, async () => {
  const { input, output } = await topics()
  await publish(connection, records(input, 0, 12_000))
  const one = startMember(input, output)
  await until(() => one.lines.at(-1) === 'assigned 4', 'the first has all')
  const two = startMember(input, output)
  await until(() => two.lines.at(-1) === 'assigned 2', 'the second has two')
  const three = startMember(input, output)
  await until(() => three.lines.at(-1)?.startsWith('assigned') === true, 'the third has some')
  one.child.kill('SIGTERM')
  await until(() => one.lines.at(-1) === 'left', 'the first has left')
  await publish(connection, records(input, 12_000, 4000))
  two.child.kill('SIGTERM')
  await until(() => two.lines.at(-1) === 'left', 'the second has left')
  await until(async () => (await outputs(output)).values.size === 16_000, 'all are out', 60)
  const { duplicates, all } = await outputs(output)
  console.log(`rebalanced: 16000 out, ${duplicates} duplicates`)
  expect(duplicates).toBe(0)
  for (const partition of [0, 1, 2, 3]) {
    const mine = all.filter((each) => each.partition === partition).map(({ value }) => Number(value))
    expect(mine).toEqual([...mine].sort((a, b) => a - b))
  }
})
