/** The outputs cannot be written for a while and the input goes on: nothing more is read, memory stays, and then all arrives. */
import { readFileSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import type { KafkaConnection } from '../../../src/kafka/connection.ts'
import { publish } from '../../../src/kafka/publish.ts'
import {
  judge,
  type Lane,
  type Member,
  newLane,
  nothingWrong,
  startMember,
  untilConsumed,
} from '../../support/delivery.ts'
import { newTopic, until } from '../../support/kafka.ts'
import { api, type KafkaProxy, type Spoil, useSpoiledBroker } from '../../support/kafka-proxy.ts'

const before = 2000
const meanwhile = 20_000
const padding = 'x'.repeat(4000)
/** Far less than what is appended meanwhile. */
const growthMiBMax = 32
const heartbeatsMin = 6

let proxy: KafkaProxy
let connection: KafkaConnection
useSpoiledBroker((made) => {
  proxy = made.proxy
  connection = { ...made.connection, clientId: 'publisher' }
})
const members: Member[] = []
afterEach(() => {
  for (const { child } of members.splice(0)) child.kill('SIGKILL')
})

async function publishPadded({ input }: Lane, from: number, count: number): Promise<void> {
  function* records() {
    for (let n = from; n < from + count; n++)
      yield {
        topic: input,
        partition: n % 4,
        key: `k${n}`,
        value: `{"type":"track","properties":{"n":${n}},"padding":"${padding}"}`,
      }
  }
  await publish(connection, records())
}

function ownMiB({ child }: Member): number {
  return Number(/RssAnon:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1024
}

const cases = [
  ['do not answer', 'at_least_once'],
  ['are away', 'at_least_once'],
  ['do not answer', 'exactly_once'],
] as const

test.each(cases)(
  'outputs that %s hold up the input, %s: memory stays, and then everything arrives',
  async (kind, delivery) => {
    const lane = { ...(await newLane(connection)), input: await newTopic(connection, { partitions: 4 }) }
    await publishPadded(lane, 0, before)
    const options = {
      brokers: connection.brokers,
      delivery,
      owner: 'one',
      sessionTimeoutMs: 2000,
      batchMilliseconds: 0,
    }
    const member = startMember({ ...lane, ...options, maxBytesPerPartition: 1024 * 1024 })
    members.push(member)
    await untilConsumed(connection, lane, members)

    let release = () => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const spoil: Spoil = kind === 'are away' ? { kind: 'lose request' } : { kind: 'hold request', until: released }
    const seen = { produce: 0, fetch: 0, heartbeat: 0 }
    proxy.spoil = ({ key, client }) => {
      if (client === connection.clientId) return null
      if (key === api.heartbeat) seen.heartbeat++
      if (key === api.fetch && seen.produce > 0) seen.fetch++
      if (key !== api.produce) return null
      seen.produce++
      return spoil
    }
    await publishPadded(lane, before, 4)
    await until(() => seen.produce > 0, 'the outputs are held up')
    const ownBefore = ownMiB(member)
    await publishPadded(lane, before + 4, meanwhile)
    const heartbeats = seen.heartbeat
    await until(() => seen.heartbeat >= heartbeats + heartbeatsMin, 'the membership is kept')
    expect(seen.fetch).toBe(0)
    const growthMiB = ownMiB(member) - ownBefore
    console.log(
      `${kind}, ${delivery}: ${ownBefore.toFixed(0)} MiB, grown by ${growthMiB.toFixed(1)} while 80 MB were appended`,
    )
    expect(growthMiB).toBeLessThan(growthMiBMax)

    proxy.spoil = () => null
    release()
    await untilConsumed(connection, lane, members)
    expect(await judge(connection.brokers, lane, before + 4 + meanwhile)).toMatchObject(nothingWrong)
    member.child.kill('SIGTERM')
    await until(() => member.lines.at(-1) === 'left', 'the member has left')
    const counted = JSON.parse(
      member.lines.find((line) => line.startsWith('counted'))!.slice('counted '.length),
    ) as object
    const all = before + 4 + meanwhile
    expect(counted).toMatchObject({ consumed: all, delivered: all, outcomes: { bypassed: all } })
  },
  120_000,
)
