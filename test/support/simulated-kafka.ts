/**
 * Kafka in memory, as far as transactions go: logs with sequence numbers and epochs, the coordinators of transactions and of one
 * group, and a network that loses and delays. All time is `setTimeout`'s, all chance one generator's, so that a seed is a run.
 */
import type { KafkaCluster } from '../../src/kafka/cluster.ts'
import { type Broker, Decoder, Encoder, type Protocol } from '../../src/kafka/internals.ts'
import { protocolError } from '../../src/kafka/kafka-error.ts'
import { RecordBatch, readRawBatches } from '../../src/kafka/record-reader.ts'

interface Entry {
  readonly value: number
  readonly producerId: number
  state: 'open' | 'committed' | 'aborted'
}

interface Log {
  readonly entries: Entry[]
  readonly producers: Map<number, { epoch: number; next: number }>
}

interface Transaction {
  readonly producerId: number
  epoch: number
  state: 'empty' | 'ongoing' | 'ending' | 'committed' | 'aborted'
  readonly partitions: Set<string>
  group: boolean
  begun: number
  timeout: number
}

export class SimulatedKafka {
  readonly #next: () => number
  readonly #logs = new Map<string, Log>()
  readonly #transactions = new Map<string, Transaction>()
  readonly #pending = new Map<number, Map<number, number>>()
  readonly committed = new Map<number, number>()
  readonly #members: string[] = []
  generation = 0
  /** From 0 to 1: how often something goes wrong on the way. */
  trouble = 0

  constructor(next: () => number) {
    this.#next = next
    const sweep = () => {
      for (const each of this.#transactions.values())
        if (each.state === 'ongoing' && performance.now() - each.begun > each.timeout) this.#end(each, false, true)
      setTimeout(sweep, 1000)
    }
    setTimeout(sweep, 1000)
  }

  /** What a reader of committed records sees. */
  visible(partition: number): number[] {
    const { entries } = this.#log(`out/${partition}`)
    return entries.filter(({ state }) => state === 'committed').map(({ value }) => value)
  }

  join(member: string): void {
    if (this.#members.includes(member)) return // it takes over the present generation
    this.#members.push(member)
    this.generation++
  }

  leave(member: string): void {
    if (!this.#members.includes(member)) return
    this.#members.splice(this.#members.indexOf(member), 1)
    this.generation++
  }

  isMember(member: string): boolean {
    return this.#members.includes(member)
  }

  assigned(member: string, partitions: number): number[] {
    const index = this.#members.indexOf(member)
    const all = Array.from({ length: partitions }, (_, partition) => partition)
    return index < 0 ? [] : all.filter((partition) => partition % this.#members.length === index)
  }

  /** Null while a transaction may still move it. */
  stable(partition: number): number | null {
    for (const offsets of this.#pending.values()) if (offsets.has(partition)) return null
    return this.committed.get(partition) ?? 0
  }

  /** A client's view; its requests and answers wait while it sleeps, and end with it. */
  client(process: { asleep: Promise<void> | null; dead: boolean }): KafkaCluster {
    const way = <T>(act: () => T | Promise<T>): Promise<T> => this.#way(process, act)
    const broker = {
      nodeId: 1,
      initProducerId: (o: { transactionalId: string; transactionTimeout: number }) => way(() => this.#init(o)),
      addPartitionsToTxn: (o: Ids & { topics: { topic: string; partitions: number[] }[] }) =>
        way(() => {
          const names = o.topics.flatMap(({ topic, partitions }) => partitions.map((each) => `${topic}/${each}`))
          this.#begin(o, (transaction) => {
            for (const name of names) transaction.partitions.add(name)
          })
        }),
      addOffsetsToTxn: (o: Ids) => way(() => this.#begin(o, (transaction) => void (transaction.group = true))),
      endTxn: (o: Ids) => way(() => this.#endTxn(o)),
      connectionPool: {
        send: async (protocol: Protocol<unknown>) => {
          const { request, response } = protocol
          if (request.apiName === 'Produce') {
            const head = new Encoder()
            const parts = request.parts?.(head) ?? []
            const bytes = Buffer.concat([Buffer.from(head.buffer), ...parts])
            return response.parse((await way(() => this.#produce(bytes))) as never)
          }
          const bytes = Buffer.from((await request.encode?.())?.buffer ?? [])
          return response.parse((await way(() => ({ codes: [this.#commitOffsets(bytes)] }))) as never)
        },
      },
      disconnect: async () => {},
    } as unknown as Broker
    return {
      findGroupCoordinator: () => way(() => broker),
      findBroker: async () => broker,
      findTopicPartitionMetadata: () => Array.from({ length: 8 }, (_, partitionId) => ({ partitionId })),
      findLeaderForPartitions: (_: string, [partition]: number[]) => ({ 1: [partition] }),
      refreshMetadata: async () => {},
      refreshMetadataIfNecessary: async () => {},
      close: async () => {},
    } as unknown as KafkaCluster
  }

  async #way<T>(process: { asleep: Promise<void> | null; dead: boolean }, act: () => T | Promise<T>): Promise<T> {
    const awake = async () => {
      while (process.asleep !== null) await process.asleep
      if (process.dead) await new Promise(() => {})
    }
    await awake()
    await sleep(1 + this.#next() * 10)
    const fate = this.#next() / Math.max(this.trouble, 1e-9)
    if (fate < 0.2) {
      // Lost for the client, but on its way: it acts late.
      if (this.#next() < 0.5)
        setTimeout(
          () =>
            void Promise.resolve()
              .then(act)
              .catch(() => {}),
          this.#next() * 4000,
        )
      throw connectionLost()
    }
    if (fate < 0.3) throw protocolError(this.#next() < 0.5 ? 14 : 16)
    const answer = Promise.resolve().then(act)
    answer.catch(() => {})
    if (fate > 0.4 || fate < 0.3) await sleep(1 + this.#next() * 10)
    await awake()
    if (fate < 0.5) {
      await answer.catch(() => {})
      throw connectionLost()
    }
    return answer
  }

  #init({ transactionalId, transactionTimeout }: { transactionalId: string; transactionTimeout: number }) {
    let found = this.#transactions.get(transactionalId)
    if (found === undefined) {
      const producerId = this.#transactions.size + 1
      found = { producerId, epoch: -1, state: 'empty', partitions: new Set(), group: false, begun: 0, timeout: 0 }
      this.#transactions.set(transactionalId, found)
    }
    if (found.state === 'ongoing') this.#end(found, false, true)
    if (found.state === 'ending') throw protocolError(51)
    found.epoch++
    found.state = 'empty'
    found.timeout = transactionTimeout
    return { producerId: String(found.producerId), producerEpoch: found.epoch }
  }

  #owned({ transactionalId, producerEpoch }: Ids): Transaction {
    const found = this.#transactions.get(transactionalId)
    if (found === undefined) throw protocolError(49)
    if (producerEpoch !== found.epoch) throw protocolError(47)
    return found
  }

  #begin(ids: Ids, change: (transaction: Transaction) => void): void {
    const transaction = this.#owned(ids)
    if (transaction.state === 'ending') throw protocolError(51)
    if (transaction.state !== 'ongoing') {
      transaction.state = 'ongoing'
      transaction.begun = performance.now()
    }
    change(transaction)
  }

  #endTxn(ids: Ids): void {
    const transaction = this.#owned(ids)
    if (transaction.state === 'committed') return
    if (transaction.state === 'ending') throw protocolError(51)
    if (transaction.state !== 'ongoing') throw protocolError(48)
    this.#end(transaction, true, false)
  }

  /** The markers take their time, each its own. */
  #end(transaction: Transaction, commit: boolean, raiseEpoch: boolean): void {
    transaction.state = 'ending'
    if (raiseEpoch) transaction.epoch++
    const { producerId, epoch } = transaction
    const markers = [...transaction.partitions].map((name) => () => {
      const log = this.#log(name)
      for (const entry of log.entries)
        if (entry.producerId === producerId && entry.state === 'open') entry.state = commit ? 'committed' : 'aborted'
      const known = log.producers.get(producerId)
      if (known !== undefined && known.epoch < epoch) log.producers.set(producerId, { epoch, next: 0 })
    })
    if (transaction.group)
      markers.push(() => {
        if (commit)
          for (const [partition, offset] of this.#pending.get(producerId) ?? []) this.committed.set(partition, offset)
        this.#pending.delete(producerId)
      })
    let left = markers.length
    const done = () => {
      transaction.state = commit ? 'committed' : 'aborted'
      transaction.partitions.clear()
      transaction.group = false
    }
    for (const marker of markers)
      setTimeout(
        () => {
          marker()
          if (--left === 0) done()
        },
        1 + this.#next() * 60,
      )
    if (left === 0) done()
  }

  async #produce(request: Buffer) {
    const decoder = new Decoder(request)
    const transactionalId = decoder.readString()
    decoder.readInt16()
    decoder.readInt32()
    const topics: { topicName: string; partitions: { partition: number; errorCode: number }[] }[] = []
    for (let left = decoder.readInt32(); left > 0; left--) {
      const topicName = decoder.readString()
      for (let partitions = decoder.readInt32(); partitions > 0; partitions--) {
        const partition = decoder.readInt32()
        const bytes = Buffer.from(decoder.readBytes(decoder.readInt32()))
        const errorCode = await this.#append(transactionalId, `${topicName}/${partition}`, bytes)
        topics.push({ topicName, partitions: [{ partition, errorCode }] })
      }
    }
    return { topics }
  }

  async #append(transactionalId: string, name: string, bytes: Buffer): Promise<number> {
    const [producerId, epoch, sequence] = [
      Number(bytes.readBigInt64BE(43)),
      bytes.readInt16BE(51),
      bytes.readInt32BE(53),
    ]
    const values: number[] = []
    const place = { partition: 0, errorCode: 0, highWatermark: 0, lastStableOffset: 0, logStartOffset: 0 }
    const fetched = { ...place, abortedTransactions: [], batches: await readRawBatches(bytes) }
    new RecordBatch({ topic: name, from: 0, fetched }).each((message) => {
      values.push(Number(message.bytes.toString('utf8', message.valueStart, message.valueEnd)))
    })
    const transaction = this.#transactions.get(transactionalId)
    if (transaction === undefined || epoch !== transaction.epoch) return 47
    if (transaction.state !== 'ongoing' || !transaction.partitions.has(name)) return 48
    const log = this.#log(name)
    const known = log.producers.get(producerId)
    const expected = known === undefined || known.epoch < epoch ? 0 : known.next
    if (known !== undefined && known.epoch === epoch && sequence < expected) return 46
    if (sequence !== expected) return 45
    log.producers.set(producerId, { epoch, next: sequence + values.length })
    for (const value of values) log.entries.push({ value, producerId, state: 'open' })
    return 0
  }

  #commitOffsets(request: Buffer): number {
    const decoder = new Decoder(request)
    decoder.readTaggedFields()
    const transactionalId = decoder.readUVarIntString() ?? ''
    decoder.readUVarIntString()
    const producerId = Number(decoder.readInt64().toString())
    const producerEpoch = decoder.readInt16()
    const generation = decoder.readInt32()
    const member = decoder.readUVarIntString() ?? ''
    decoder.readUVarIntString()
    const transaction = this.#transactions.get(transactionalId)
    if (transaction === undefined || transaction.epoch !== producerEpoch) return 47
    if (transaction.state !== 'ongoing' || !transaction.group) return 48
    if (!this.isMember(member)) return 25
    if (generation !== this.generation) return 22
    const offsets = this.#pending.get(producerId) ?? new Map<number, number>()
    this.#pending.set(producerId, offsets)
    for (let topics = decoder.readUVarInt(); topics > 1; topics--) {
      decoder.readUVarIntString()
      for (let partitions = decoder.readUVarInt(); partitions > 1; partitions--) {
        offsets.set(decoder.readInt32(), Number(decoder.readInt64().toString()))
        decoder.readInt32()
        decoder.readUVarIntString()
        decoder.readTaggedFields()
      }
      decoder.readTaggedFields()
    }
    return 0
  }

  #log(name: string): Log {
    let log = this.#logs.get(name)
    if (log === undefined) this.#logs.set(name, (log = { entries: [], producers: new Map() }))
    return log
  }
}

interface Ids {
  readonly transactionalId: string
  readonly producerId: string
  readonly producerEpoch: number
}

function connectionLost(): Error {
  return Object.assign(new Error('the connection is gone'), { name: 'KafkaJSConnectionError' })
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
