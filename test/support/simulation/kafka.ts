/**
 * Kafka in memory: two brokers, whose leaders move, one group, transactions, and a network that loses and delays. All time is
 * virtual, all chance one generator's, so that a seed is a run. Clients see it as the cluster of `src/kafka`, and all above is real.
 */
import type { KafkaCluster } from '../../../src/kafka/cluster.ts'
import { type Broker, Decoder, Encoder, type Protocol } from '../../../src/kafka/internals.ts'
import { protocolError } from '../../../src/kafka/kafka-error.ts'
import { SimulatedGroup } from './group.ts'
import { readFetch, SimulatedLogs } from './logs.ts'
import { type Line, SimulatedNetwork, type SimulatedProcess } from './network.ts'
import {
  coordinatorPlace,
  type LeaderState,
  offsetsPlace,
  type ProducerIds,
  SimulatedTransactions,
} from './transactions.ts'

type Places = readonly { readonly topic: string; readonly partitions: readonly number[] }[]
type Earliest = readonly { readonly topic: string; readonly partitions: readonly { readonly partition: number }[] }[]
type Offsets = readonly {
  readonly topic: string
  readonly partitions: readonly { readonly partition: number; readonly offset: string }[]
}[]

const nodes = ['1', '2']
const notLeader = 6
const notAvailable = 15
const unstable = 88
const metadataMilliseconds = 30_000

export class SimulatedKafka {
  readonly logs = new SimulatedLogs()
  readonly group: SimulatedGroup
  readonly network: SimulatedNetwork
  readonly #transactions: SimulatedTransactions
  readonly #partitions: number
  #stalled: Promise<void> = Promise.resolve()
  readonly #outages = new Map<string, { readonly leaderless: number; readonly over: number }>()
  readonly #leaders = new Map<string, string>()

  constructor({ next, partitions }: { readonly next: () => number; readonly partitions: number }) {
    this.group = new SimulatedGroup(next)
    this.network = new SimulatedNetwork(next)
    const { logs, group } = this
    const stateOf = (place: string) => this.#stateOf(place)
    this.#transactions = new SimulatedTransactions({ next, logs, group, stateOf })
    this.#partitions = partitions
  }

  /** Ends of transactions that partitions have not heard of. */
  get skipped(): number {
    return this.#transactions.skipped
  }

  leader(place: string): string {
    return this.#leaders.get(place) ?? nodes[Number(place.at(-1)) % nodes.length]!
  }

  moveLeader(place: string): void {
    this.#leaders.set(place, nodes.find((node) => node !== this.leader(place))!)
  }

  /** Until then the coordinator of transactions answers nobody, but ends those that take too long. */
  stallTransactions(milliseconds: number): void {
    this.#stalled = new Promise((resolve) => setTimeout(resolve, milliseconds))
  }

  /**
   * The only replica goes away, is given up after some time, and comes back after some more. While nobody leads a partition the
   * coordinator takes it for deleted: markers that are on their way to it are never written. `offsetsPlace` is the group's.
   */
  loseLeader(place: string, milliseconds: { readonly away: number; readonly leaderless: number }): void {
    const leaderless = performance.now() + milliseconds.away
    this.#outages.set(place, { leaderless, over: leaderless + milliseconds.leaderless })
  }

  #stateOf(place: string): LeaderState {
    const outage = this.#outages.get(place)
    const now = performance.now()
    if (outage === undefined || now >= outage.over) return 'there'
    return now >= outage.leaderless ? 'none' : 'away'
  }

  /** Whether this node answers for the partition now: an error code, 0 for yes. */
  #leads(nodeId: string, place: string): number {
    return this.leader(place) === nodeId && this.#stateOf(place) === 'there' ? 0 : notLeader
  }

  #isThere(place: string): void {
    if (this.#stateOf(place) !== 'there') throw protocolError(notAvailable)
  }

  async #unhurried<T>(act: () => T): Promise<T> {
    await this.#stalled
    this.#isThere(coordinatorPlace)
    return act()
  }

  /** A client's cluster. What it knows of leaders is as old as its last look. */
  connect(process: SimulatedProcess): KafkaCluster {
    const line = this.network.connect(process)
    const known = new Map<string, string>()
    let looked = performance.now()
    const leader = (place: string) => {
      const found = known.get(place) ?? this.leader(place)
      known.set(place, found)
      return found
    }
    const look = () =>
      line.send(() => {
        known.clear()
        looked = performance.now()
      })
    const brokers = new Map(nodes.map((node) => [node, this.#broker(node, line)]))
    const broker = (nodeId = nodes[0]!) => brokers.get(String(nodeId))!
    const committed = {}
    const partitions = Array.from({ length: this.#partitions }, (_, partition) => partition)
    const versions = { 9: { maxVersion: 7 }, 28: { maxVersion: 3 }, 61: { maxVersion: 0 }, 65: { maxVersion: 0 } }
    return {
      brokerPool: { versions },
      connect: () => line.send(() => {}),
      refreshMetadata: look,
      refreshMetadataIfNecessary: async () => {
        if (performance.now() - looked > metadataMilliseconds) await look()
      },
      getNodeIds: () => nodes,
      findGroupCoordinator: () => line.send(() => broker()),
      findControllerBroker: async () => broker(),
      findBroker: async ({ nodeId }: { nodeId: string }) => broker(nodeId),
      removeBroker: () => {},
      findTopicPartitionMetadata: (topic: string) =>
        partitions.map((partitionId) => ({ partitionId, leader: leader(`${topic}/${partitionId}`) })),
      findLeaderForPartitions: (topic: string, [partition]: number[]) => ({
        [leader(`${topic}/${partition}`)]: [partition],
      }),
      fetchTopicsOffset: (topics: Earliest) =>
        line.send(() =>
          topics.map(({ topic, partitions: wanted }) => ({
            topic,
            partitions: wanted.map(({ partition }) => ({ partition, offset: '0' })),
          })),
        ),
      committedOffsets: () => committed,
      abandon: line.abandon,
      close: async () => line.abandon(),
    } as unknown as KafkaCluster
  }

  #broker(nodeId: string, { send }: Line): Broker {
    const transactions = this.#transactions
    const { group } = this
    return {
      nodeId,
      isConnected: () => true,
      disconnect: async () => {},
      joinGroup: (request: Parameters<SimulatedGroup['join']>[0]) => send(() => group.join(request)),
      syncGroup: (request: Parameters<SimulatedGroup['sync']>[0]) => send(() => group.sync(request)),
      heartbeat: (request: Parameters<SimulatedGroup['heartbeat']>[0]) => send(() => group.heartbeat(request)),
      leaveGroup: (request: { memberId: string }) => send(() => group.leave(request)),
      offsetFetch: ({ topics }: { topics: Offsets }) => send(() => ({ responses: this.#committed(topics) })),
      offsetCommit: (request: { memberId: string; groupGenerationId: number; topics: Offsets }) =>
        send(() => group.commit(request.memberId, request.groupGenerationId, offsetsOf(request.topics))),
      initProducerId: (request: Parameters<SimulatedTransactions['initialise']>[0]) =>
        send(() => this.#unhurried(() => transactions.initialise(request))),
      addPartitionsToTxn: (request: ProducerIds & { topics: Places }) =>
        send(() => this.#unhurried(() => transactions.addPartitions(request, placesOf(request.topics)))),
      addOffsetsToTxn: (request: ProducerIds) => send(() => this.#unhurried(() => transactions.addGroup(request))),
      endTxn: (request: Parameters<SimulatedTransactions['end']>[0]) =>
        send(() => this.#unhurried(() => transactions.end(request))),
      connectionPool: { send: (protocol: Protocol<unknown>) => this.#answer(nodeId, send, protocol) },
    } as unknown as Broker
  }

  /** The requests that we write ourselves arrive as bytes. */
  async #answer(nodeId: string, send: Line['send'], { request, response }: Protocol<unknown>): Promise<unknown> {
    const head = new Encoder()
    const parts = request.parts?.(head)
    const encoded = parts === undefined ? await request.encode?.() : head
    const bytes = Buffer.concat([Buffer.from(encoded?.buffer ?? []), ...(parts ?? [])])
    switch (request.apiName) {
      case 'Produce':
        return response.parse((await send(() => this.#produce(nodeId, bytes))) as never)
      case 'Fetch':
        return response.parse((await response.decode(await send(() => this.#fetch(nodeId, bytes)))) as never)
      case 'DescribeTransactions':
        return response.parse((await send(() => this.#unhurried(() => this.#transactions.describe(bytes)))) as never)
      case 'DescribeProducers':
        return response.parse((await send(() => ({ described: this.#producers(nodeId, bytes) }))) as never)
      case 'OffsetFetch':
        return response.parse((await send(() => this.#stableOffsets(bytes))) as never)
      case 'TxnOffsetCommit':
        await send(() => {
          this.#isThere(offsetsPlace)
          this.#transactions.commitOffsets(bytes)
        })
        return response.parse({ codes: [] } as never)
      default:
        throw new Error(`nobody answers ${request.apiName}`)
    }
  }

  async #produce(nodeId: string, request: Buffer) {
    const decoder = new Decoder(request)
    const transactionalId = decoder.readString()
    decoder.readInt16()
    decoder.readInt32()
    const topics: { topicName: string; partitions: { partition: number; errorCode: number }[] }[] = []
    for (let left = decoder.readInt32(); left > 0; left--) {
      const topicName = decoder.readString()
      for (let partitions = decoder.readInt32(); partitions > 0; partitions--) {
        const partition = decoder.readInt32()
        const place = `${topicName}/${partition}`
        const bytes = Buffer.from(decoder.readBytes(decoder.readInt32()))
        let errorCode = this.#leads(nodeId, place)
        if (errorCode === 0 && transactionalId !== null)
          errorCode = this.#transactions.check(transactionalId, place, bytes)
        if (errorCode === 0) errorCode = await this.logs.append(place, bytes)
        topics.push({ topicName, partitions: [{ partition, errorCode }] })
      }
    }
    return { topics }
  }

  async #fetch(nodeId: string, request: Buffer): Promise<Buffer> {
    const answers: { topic: string; answer: Encoder }[] = []
    let nothing = true
    const { maxWait } = readFetch(request, (topic, partition, wanted) => {
      const place = `${topic}/${partition}`
      const code = this.#leads(nodeId, place)
      if (code !== 0 || wanted.offset !== this.logs.end(place)) nothing = false
      answers.push({ topic, answer: this.logs.answer(place, partition, { ...wanted, code }) })
    })
    if (nothing) await new Promise((resolve) => setTimeout(resolve, maxWait))
    const whole = new Encoder().writeInt32(0).writeInt16(0).writeInt32(0).writeInt32(answers.length)
    const pieces = answers.map(({ topic, answer }) => [
      Buffer.from(new Encoder().writeString(topic).writeInt32(1).buffer),
      Buffer.from(answer.buffer),
    ])
    return Buffer.concat([Buffer.from(whole.buffer), ...pieces.flat()])
  }

  #committed(topics: Offsets) {
    return topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition }) => ({
        partition,
        offset: String(this.group.committed.get(`${topic}/${partition}`) ?? -1),
      })),
    }))
  }

  #stableOffsets(request: Buffer) {
    this.#isThere(offsetsPlace)
    const decoder = new Decoder(request)
    decoder.readTaggedFields()
    decoder.readUVarIntString()
    const offsets = readPlaces(decoder).map(({ topic, partition }) => {
      const offset = this.#transactions.stable(`${topic}/${partition}`)
      return { topic, partition, offset: offset ?? -1, code: offset === null ? unstable : 0 }
    })
    return { offsets, code: 0 }
  }

  #producers(nodeId: string, request: Buffer) {
    const decoder = new Decoder(request)
    decoder.readTaggedFields()
    return readPlaces(decoder).map(({ topic, partition }) => {
      const place = `${topic}/${partition}`
      return { topic, partition, code: this.#leads(nodeId, place), open: this.logs.open(place) }
    })
  }
}

/** As newer requests list them. */
function readPlaces(decoder: Decoder): { topic: string; partition: number }[] {
  const places: { topic: string; partition: number }[] = []
  for (let topics = decoder.readUVarInt(); topics > 1; topics--) {
    const topic = decoder.readUVarIntString() ?? ''
    for (let partitions = decoder.readUVarInt(); partitions > 1; partitions--)
      places.push({ topic, partition: decoder.readInt32() })
    decoder.readTaggedFields()
  }
  return places
}

function placesOf(topics: Places): string[] {
  return topics.flatMap(({ topic, partitions }) => partitions.map((partition) => `${topic}/${partition}`))
}

function offsetsOf(topics: Offsets): Map<string, number> {
  return new Map(
    topics.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, offset }) => [`${topic}/${partition}`, Number(offset)] as const),
    ),
  )
}
