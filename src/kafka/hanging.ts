/**
 * Transactions that hang: their coordinator has ended them, and a partition has never heard of it. Brokers do that to partitions
 * that have no leader when a transaction ends: they take them for deleted, and say that all is done ("Couldn't find leader endpoint
 * for partitions … likely deleted already and hence can be skipped", Kafka 4.3.1). Readers of such a partition wait there, and what
 * hangs ends as the next transaction of its producer does: as committed though it was aborted, or the other way round. So whoever
 * begins anew asks how the last transaction was ended, looks for what hangs, and ends it so; and nothing begins before the one
 * before has ended everywhere. `transaction-requests.ts` does both.
 */
import { LinkedEventsError } from '../errors.ts'
import type { Tell } from '../telemetry.ts'
import { type KafkaCluster, leaderOf, noLeader, sendTo } from './cluster.ts'
import { isAway } from './coordinator.ts'
import { type Broker, Decoder, Encoder, type Protocol } from './internals.ts'
import { protocolError } from './kafka-error.ts'
import { nameOf, type Place, readTopics, writeTopics } from './offset-requests.ts'
import { Wait } from './wait.ts'

const describeProducersKey = 61
const describeTransactionsKey = 65
const unknownTransactionalId = 105
/** TOPIC_AUTHORIZATION_FAILED: DescribeProducers wants Read on the topic. */
const topicDenied = 29
const notAvailable = 5
/** Not known yet, no leader, not the leader, replica away, storage away, and the two of leader epochs. */
const leaderCodes = new Set([3, notAvailable, 6, 9, 56, 74, 76])
const pauseMilliseconds = 10
const pauseMillisecondsMax = 1000

/** How a coordinator ends a transaction. */
export type Decision = 'commit' | 'abort'

const decisions: Readonly<Record<string, Decision>> = {
  PrepareCommit: 'commit',
  CompleteCommit: 'commit',
  PrepareAbort: 'abort',
  CompleteAbort: 'abort',
  PrepareEpochFence: 'abort',
}

/** DescribeTransactions and DescribeProducers are there since Kafka 3.0. */
export function tellsOfTransactions({ brokerPool }: KafkaCluster): boolean {
  const { versions } = brokerPool as { versions: Broker['versions'] }
  return versions?.[describeProducersKey] !== undefined && versions[describeTransactionsKey] !== undefined
}

export interface LastTransaction {
  readonly producerId: bigint
  /** How it was ended, or is being; null where nothing is known of one, or it is open. */
  readonly decision: Decision | null
  /** Ended, as far as the coordinator knows. */
  readonly isOver: boolean
}

/** The last transaction of this id; null where it was never used. */
export function lastTransaction(transactionalId: string): Protocol<LastTransaction | null> {
  return {
    request: {
      apiKey: describeTransactionsKey,
      apiVersion: 0,
      apiName: 'DescribeTransactions',
      async encode() {
        return new Encoder().writeInt8(0).writeUVarInt(2).writeUVarIntString(transactionalId).writeInt8(0)
      },
    },
    response: {
      async decode(payload) {
        const decoder = new Decoder(payload)
        decoder.readTaggedFields()
        const clientSideThrottleTime = decoder.readInt32()
        decoder.readUVarInt() // the one that was asked for
        const code = decoder.readInt16()
        decoder.readUVarIntString()
        const state = decoder.readUVarIntString() ?? ''
        decoder.readInt32() // its time-out
        decoder.readInt64() // its begin
        return { clientSideThrottleTime, code, state, producerId: decoder.readInt64().toString() }
      },
      async parse({ code, state, producerId }: { code: number; state: string; producerId: string }) {
        if (code === unknownTransactionalId) return null
        if (code !== 0) throw protocolError(code)
        return {
          producerId: BigInt(producerId),
          decision: decisions[state] ?? null,
          isOver: state.startsWith('Complete'),
        }
      },
    },
  }
}

interface Described extends Place {
  readonly code: number
  /** Producers that have a transaction open there. */
  readonly open: readonly bigint[]
}

function describeProducers(places: readonly Place[]): Protocol<readonly Described[]> {
  return {
    request: {
      apiKey: describeProducersKey,
      apiVersion: 0,
      apiName: 'DescribeProducers',
      async encode() {
        const encoder = new Encoder().writeInt8(0)
        writeTopics(encoder, places, ({ partition }) => encoder.writeInt32(partition))
        return encoder.writeInt8(0)
      },
    },
    response: {
      async decode(payload) {
        const decoder = new Decoder(payload)
        decoder.readTaggedFields()
        const clientSideThrottleTime = decoder.readInt32()
        const described: Described[] = []
        readTopics(decoder, (topic) => {
          const partition = decoder.readInt32()
          const code = decoder.readInt16()
          decoder.readUVarIntString() // the message of the error
          described.push({ topic, partition, code, open: readOpen(decoder) })
        })
        return { clientSideThrottleTime, described }
      },
      async parse({ described }: { described: Described[] }) {
        return described
      },
    },
  }
}

function readOpen(decoder: Decoder): bigint[] {
  const open: bigint[] = []
  for (let left = decoder.readUVarInt(); left > 1; left--) {
    const id = BigInt(decoder.readInt64().toString())
    decoder.readBytes(4 + 4 + 8 + 4) // epoch, last sequence and its time, epoch of the coordinator
    if (Number(decoder.readInt64().toString()) >= 0) open.push(id) // where its transaction begins
    decoder.readTaggedFields()
  }
  return open
}

export interface Search {
  readonly cluster: KafkaCluster
  /** Of topics that are under the cluster's watch. */
  readonly places: readonly Place[]
  readonly producerId: bigint
  /** Asked between attempts: false ends the search. */
  readonly goesOn: () => boolean
  readonly tell: Tell
}

/**
 * Those of these partitions where this producer, which has no transaction open, has one open all the same. Waits for the ones
 * that have no leader, since only the leader knows. Null where we may not know: it needs Read on the topics. @throws CANCELLED
 */
export async function findHanging(search: Search): Promise<readonly Place[] | null> {
  const what = [...new Set(search.places.map(({ topic }) => topic))].join(', ')
  const wait = new Wait({ for: 'partition leaders', what, tell: search.tell })
  try {
    return await find(search, wait)
  } finally {
    wait.isOver()
  }
}

async function find({ cluster, places, producerId, goesOn }: Search, wait: Wait): Promise<readonly Place[] | null> {
  const found: Place[] = []
  let left = places
  for (let pause = pauseMilliseconds; left.length > 0; pause = Math.min(pause * 2, pauseMillisecondsMax)) {
    if (!goesOn()) throw new LinkedEventsError('CANCELLED', 'closed while looking for transactions that hang')
    const answers = await Promise.all(byLeader(cluster, left).map(([nodeId, places]) => ask(cluster, nodeId, places)))
    const described = answers.flat()
    const codes = new Set(described.map(({ code }) => code))
    if (codes.has(topicDenied)) return null
    for (const code of codes) if (code !== 0 && !leaderCodes.has(code)) throw protocolError(code)
    found.push(...described.filter(({ code, open }) => code === 0 && open.includes(producerId)))
    left = described.filter(({ code }) => code !== 0)
    if (left.length === 0) break
    wait.lasts(`no leader answers for ${left.map(nameOf).join(', ')}`)
    await new Promise((resolve) => setTimeout(resolve, pause))
    await cluster.refreshMetadata().catch(() => {})
  }
  return found.map(({ topic, partition }) => ({ topic, partition }))
}

function byLeader(cluster: KafkaCluster, places: readonly Place[]): [string, Place[]][] {
  const leaders = new Map<string, Place[]>()
  for (const place of places) {
    const leader = leaderOf(cluster, place)
    leaders.set(leader, [...(leaders.get(leader) ?? []), place])
  }
  return [...leaders]
}

async function ask(cluster: KafkaCluster, nodeId: string, places: readonly Place[]): Promise<readonly Described[]> {
  const unknown = places.map((place) => ({ ...place, code: notAvailable, open: [] }))
  if (nodeId === noLeader) return unknown
  try {
    return await sendTo(await cluster.findBroker({ nodeId }), describeProducers(places))
  } catch (error) {
    if (!isAway(error)) throw error
    return unknown
  }
}
