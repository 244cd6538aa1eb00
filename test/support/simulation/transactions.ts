/** The coordinator of transactions, and the offsets that are part of them until they end. */
import { Decoder } from '../../../src/kafka/internals.ts'
import { protocolError } from '../../../src/kafka/kafka-error.ts'
import type { SimulatedGroup } from './group.ts'
import type { SimulatedLogs } from './logs.ts'

interface Transaction {
  readonly producerId: number
  epoch: number
  state: 'empty' | 'ongoing' | 'ending' | 'committed' | 'aborted'
  readonly partitions: Set<string>
  group: boolean
  begun: number
  timeout: number
}

export interface ProducerIds {
  readonly transactionalId: string
  readonly producerEpoch: number
}

const codes = { invalidEpoch: 47, invalidState: 48, unknownProducer: 49, stillEnding: 51 }
const sweepMilliseconds = 1000
const markerMillisecondsMax = 60

export class SimulatedTransactions {
  readonly #next: () => number
  readonly #logs: SimulatedLogs
  readonly #group: SimulatedGroup
  readonly #transactions = new Map<string, Transaction>()
  readonly #pending = new Map<number, Map<string, number>>()
  #producers = 0

  constructor(parts: { readonly next: () => number; readonly logs: SimulatedLogs; readonly group: SimulatedGroup }) {
    this.#next = parts.next
    this.#logs = parts.logs
    this.#group = parts.group
    setInterval(() => {
      for (const each of this.#transactions.values())
        if (each.state === 'ongoing' && performance.now() - each.begun > each.timeout) this.#end(each, false)
    }, sweepMilliseconds)
  }

  /** Null while a transaction may still move it, -1 where there is none. */
  stable(place: string): number | null {
    for (const offsets of this.#pending.values()) if (offsets.has(place)) return null
    return this.#group.committed.get(place) ?? -1
  }

  initialise(request: { readonly transactionalId?: string; readonly transactionTimeout: number }) {
    const { transactionalId, transactionTimeout } = request
    if (transactionalId === undefined) return { producerId: String(++this.#producers), producerEpoch: 0 }
    let found = this.#transactions.get(transactionalId)
    if (found === undefined) {
      const producerId = ++this.#producers
      found = { producerId, epoch: -1, state: 'empty', partitions: new Set(), group: false, begun: 0, timeout: 0 }
      this.#transactions.set(transactionalId, found)
    }
    if (found.state === 'ongoing') this.#end(found, false)
    if (found.state === 'ending') throw protocolError(codes.stillEnding)
    found.epoch++
    found.state = 'empty'
    found.timeout = transactionTimeout
    return { producerId: String(found.producerId), producerEpoch: found.epoch }
  }

  addPartitions(ids: ProducerIds, places: readonly string[]): void {
    const transaction = this.#begin(ids)
    for (const place of places) transaction.partitions.add(place)
  }

  addGroup(ids: ProducerIds): void {
    this.#begin(ids).group = true
  }

  commit(ids: ProducerIds): void {
    const transaction = this.#owned(ids)
    if (transaction.state === 'committed') return
    if (transaction.state === 'ending') throw protocolError(codes.stillEnding)
    if (transaction.state !== 'ongoing') throw protocolError(codes.invalidState)
    this.#end(transaction, true)
  }

  /** Whether this batch may be part of a transaction now: an error code, 0 for yes. */
  check(transactionalId: string, place: string, bytes: Buffer): number {
    const transaction = this.#transactions.get(transactionalId)
    if (transaction === undefined || bytes.readInt16BE(51) !== transaction.epoch) return codes.invalidEpoch
    return transaction.state === 'ongoing' && transaction.partitions.has(place) ? 0 : codes.invalidState
  }

  /** TxnOffsetCommit, version 3. */
  commitOffsets(request: Buffer): void {
    const decoder = new Decoder(request)
    decoder.readTaggedFields()
    const transactionalId = decoder.readUVarIntString() ?? ''
    decoder.readUVarIntString()
    decoder.readInt64()
    const producerEpoch = decoder.readInt16()
    const generation = decoder.readInt32()
    const member = decoder.readUVarIntString() ?? ''
    decoder.readUVarIntString()
    const transaction = this.#owned({ transactionalId, producerEpoch })
    if (transaction.state !== 'ongoing' || !transaction.group) throw protocolError(codes.invalidState)
    this.#group.checkMembership(member, generation)
    const offsets = this.#pending.get(transaction.producerId) ?? new Map<string, number>()
    this.#pending.set(transaction.producerId, offsets)
    for (let topics = decoder.readUVarInt(); topics > 1; topics--) {
      const topic = decoder.readUVarIntString()
      for (let partitions = decoder.readUVarInt(); partitions > 1; partitions--) {
        offsets.set(`${topic}/${decoder.readInt32()}`, Number(decoder.readInt64().toString()))
        decoder.readInt32()
        decoder.readUVarIntString()
        decoder.readTaggedFields()
      }
      decoder.readTaggedFields()
    }
  }

  #owned({ transactionalId, producerEpoch }: ProducerIds): Transaction {
    const found = this.#transactions.get(transactionalId)
    if (found === undefined) throw protocolError(codes.unknownProducer)
    if (producerEpoch !== found.epoch) throw protocolError(codes.invalidEpoch)
    return found
  }

  #begin(ids: ProducerIds): Transaction {
    const transaction = this.#owned(ids)
    if (transaction.state === 'ending') throw protocolError(codes.stillEnding)
    if (transaction.state !== 'ongoing') {
      transaction.state = 'ongoing'
      transaction.begun = performance.now()
    }
    return transaction
  }

  /** The markers take their time, each its own. Whoever aborts from outside raises the epoch. */
  #end(transaction: Transaction, commit: boolean): void {
    transaction.state = 'ending'
    if (!commit) transaction.epoch++
    const { producerId, epoch } = transaction
    const markers = [...transaction.partitions].map(
      (place) => () => this.#logs.mark(place, { producerId, epoch, commit }),
    )
    if (transaction.group) markers.push(() => this.#moveOffsets(producerId, commit))
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
        1 + this.#next() * markerMillisecondsMax,
      )
    if (left === 0) done()
  }

  #moveOffsets(producerId: number, commit: boolean): void {
    const offsets = this.#pending.get(producerId)
    this.#pending.delete(producerId)
    if (commit) for (const [place, offset] of offsets ?? []) this.#group.committed.set(place, offset)
  }
}
