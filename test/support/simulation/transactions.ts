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
  /** How it ends, or ended. */
  commit: boolean
}

/** `away`: markers for it wait. `none`: they are never written, and the transaction ends without. */
export type LeaderState = 'there' | 'away' | 'none'
/** Stands for the partition that keeps the offsets of the group. */
export const offsetsPlace = 'offsets/0'
/** Stands for the partition that keeps the transactions: its leader is their coordinator. */
export const coordinatorPlace = 'transactions/0'

export interface ProducerIds {
  readonly transactionalId: string
  readonly producerEpoch: number
}

const codes = { invalidEpoch: 47, invalidState: 48, unknownProducer: 49, stillEnding: 51, unknownId: 105 }
const sweepMilliseconds = 1000
const markerMillisecondsMax = 60

export class SimulatedTransactions {
  readonly #next: () => number
  readonly #logs: SimulatedLogs
  readonly #group: SimulatedGroup
  readonly #transactions = new Map<string, Transaction>()
  readonly #pending = new Map<number, Map<string, number>>()
  readonly #stateOf: (place: string) => LeaderState
  #producers = 0
  /** Markers that were never written. */
  skipped = 0

  constructor(parts: {
    readonly next: () => number
    readonly logs: SimulatedLogs
    readonly group: SimulatedGroup
    readonly stateOf: (place: string) => LeaderState
  }) {
    this.#next = parts.next
    this.#logs = parts.logs
    this.#group = parts.group
    this.#stateOf = parts.stateOf
    setInterval(() => {
      for (const each of this.#transactions.values())
        if (each.state === 'ongoing' && performance.now() - each.begun > each.timeout) this.#end(each, false, true)
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
      const none = { partitions: new Set<string>(), group: false, begun: 0, timeout: 0, commit: false }
      found = { producerId, epoch: -1, state: 'empty', ...none }
      this.#transactions.set(transactionalId, found)
    }
    if (found.state === 'ongoing') this.#end(found, false, true)
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

  end({ transactionResult, ...ids }: ProducerIds & { readonly transactionResult: boolean }): void {
    const transaction = this.#owned(ids)
    if (transaction.state === (transactionResult ? 'committed' : 'aborted')) return
    if (transaction.state === 'ending') throw protocolError(codes.stillEnding)
    if (transaction.state !== 'ongoing') throw protocolError(codes.invalidState)
    this.#end(transaction, transactionResult)
  }

  /** DescribeTransactions, version 0, of one. */
  describe(request: Buffer) {
    const decoder = new Decoder(request)
    decoder.readTaggedFields()
    decoder.readUVarInt()
    const found = this.#transactions.get(decoder.readUVarIntString() ?? '')
    if (found === undefined) return { code: codes.unknownId, state: '', producerId: '-1' }
    const names = { empty: 'Empty', ongoing: 'Ongoing', ending: 'Prepare', committed: 'Complete', aborted: 'Complete' }
    const ends = found.state === 'empty' || found.state === 'ongoing' ? '' : found.commit ? 'Commit' : 'Abort'
    return { code: 0, state: names[found.state] + ends, producerId: String(found.producerId) }
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
  #end(transaction: Transaction, commit: boolean, fromOutside = false): void {
    transaction.state = 'ending'
    transaction.commit = commit
    if (fromOutside) transaction.epoch++
    const { producerId, epoch } = transaction
    const mark = (place: string) => () => this.#logs.mark(place, { producerId, epoch, commit })
    const markers = [...transaction.partitions].map((place) => ({ place, write: mark(place) }))
    if (transaction.group) markers.push({ place: offsetsPlace, write: () => this.#moveOffsets(producerId, commit) })
    let left = markers.length
    const done = () => {
      transaction.state = commit ? 'committed' : 'aborted'
      transaction.partitions.clear()
      transaction.group = false
    }
    const arrive = ({ place, write }: (typeof markers)[number]) => {
      const state = this.#stateOf(place)
      if (state === 'away') {
        setTimeout(() => arrive({ place, write }), markerMillisecondsMax)
        return
      }
      if (state === 'there') write()
      else this.skipped++
      if (--left === 0) done()
    }
    for (const marker of markers) setTimeout(() => arrive(marker), 1 + this.#next() * markerMillisecondsMax)
    if (left === 0) done()
  }

  #moveOffsets(producerId: number, commit: boolean): void {
    const offsets = this.#pending.get(producerId)
    this.#pending.delete(producerId)
    if (commit) for (const [place, offset] of offsets ?? []) this.#group.committed.set(place, offset)
  }
}
