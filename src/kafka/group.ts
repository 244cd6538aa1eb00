/**
 * A member of a consumer group: kafkajs's membership, our own fetch, and our own answers to a lost offset, a moved leader and
 * a changed topic. Nothing is skipped or repeated without being told.
 */

import type { Tell } from '../telemetry.ts'
import { sendTo } from './cluster.ts'
import { fetchFrom } from './fetch.ts'
import { FetchLimits, type Limits } from './fetch-limits.ts'
import {
  type CommitOffsets,
  ConsumerGroup,
  type ConsumerGroupOptions,
  createErrorFromCode,
  OffsetOutOfRangeError,
  type TopicPartitions,
} from './internals.ts'
import { kafkaCode, protocolError } from './kafka-error.ts'
import {
  byTopic,
  committedOffsets,
  nameOf,
  type Place,
  type StableOffset,
  stableOffsets,
  unstableOffset,
} from './offset-requests.ts'
import { type FetchedPartition, RecordBatch } from './record-reader.ts'
import { TransactionAborted } from './transaction-errors.ts'
import type { Transactions } from './transactions.ts'
import { Wait } from './wait.ts'

const offsetOutOfRange = 1
const rebalanceInProgress = 27
/** The leader is another one, or not known yet: look again, the membership is not touched. */
const staleLeaderCodes = new Set([3, 5, 6, 9, 74, 76])
/** Network, time-out, coordinator loading, not there, moved. */
const coordinatorAwayCodes = new Set([7, 13, 14, 15, 16])
/** A pause after every failed fetch, so that no failure becomes a busy loop. */
const failurePauseMilliseconds = 100

export interface GroupHooks {
  /** Called, and awaited, before a (re)join with what was owned so far. */
  readonly revoked: (partitions: readonly TopicPartitions[]) => Promise<void>
  readonly assigned: (partitions: readonly TopicPartitions[], seconds: number) => Promise<void>
  /** The offset to read next does not exist; reading goes on at `found`. */
  readonly jumped: (jump: { topic: string; partition: number; expected: number; found: number }) => void
  /** Something that no retry can cure. */
  readonly failed: (error: unknown) => void
  /** Records from this offset on are not handed out. */
  readonly until: (topic: string, partition: number) => number
  /** A batch arrived, be it empty. */
  readonly fetched: (batch: RecordBatch) => void
  /** The group has got this far: the offset to read next. */
  readonly committed: (topic: string, partition: number, offset: number) => void
  readonly tell: Tell
  /** How long a commit is tried while the coordinator cannot be reached. */
  readonly commitSecondsMax: () => number
}

export class Group extends ConsumerGroup {
  readonly #hooks: GroupHooks
  readonly #transactions: Transactions | null
  readonly #asked = new Map<string, number>()
  readonly #limits = new Map<string, FetchLimits>()
  /** Partitions whose offset a transaction is about to move. */
  readonly #waits = new Map<string, Wait>()
  #joined = false

  /** With transactions, offsets are committed in them. */
  constructor(options: ConsumerGroupOptions, hooks: GroupHooks, transactions: Transactions | null) {
    super(options)
    this.#hooks = hooks
    this.#transactions = transactions
  }

  override async joinAndSync(): Promise<void> {
    const owned = this.#joined ? this.assigned() : []
    if (owned.length > 0) await this.#hooks.revoked(owned)
    this.#joined = false
    for (const waited of this.#waits.keys()) this.#isStable(waited)
    const start = performance.now()
    await super.joinAndSync()
    this.#joined = true
    await this.#hooks.assigned(this.assigned(), (performance.now() - start) / 1000)
  }

  override async fetch(nodeId: string): Promise<RecordBatch[]> {
    // A join that failed half-way leaves the new generation with the old partitions, which would pass every fence. Join again.
    if (!this.#joined) throw createErrorFromCode(rebalanceInProgress)
    try {
      return await this.#fetch(nodeId)
    } catch (error) {
      await this.recoverFromFetch(error)
      await pause(failurePauseMilliseconds)
      return []
    }
  }

  async #fetch(nodeId: string): Promise<RecordBatch[]> {
    await this.cluster.refreshMetadataIfNecessary()
    this.checkForStaleAssignment()
    const mine = this.filterPartitionsByNode(nodeId, this.subscriptionState.assigned())
    await this.seekOffsets(mine)
    const limits = this.#limitsOf(nodeId)
    const topics = this.#wanted(mine, limits)
    if (topics.length === 0) {
      await pause(this.maxWaitTime)
      return []
    }
    const broker = await this.cluster.findBroker({ nodeId })
    const answer = await fetchFrom(broker, {
      topics,
      maxBytes: limits.bytes,
      minBytes: this.minBytes,
      maxWaitMilliseconds: this.maxWaitTime,
      isolationLevel: this.isolationLevel,
      rackId: this.rackId,
    })
    const batches: RecordBatch[] = []
    let failure: Error | null = null
    for (const { topic, partitions } of answer.topics) {
      for (const fetched of partitions) {
        if (fetched.errorCode !== 0) failure ??= fetchError(topic, fetched)
        else if (
          !this.seekOffset.has(topic, fetched.partition) &&
          !this.subscriptionState.isPaused(topic, fetched.partition)
        )
          batches.push(this.#batch(topic, fetched))
      }
    }
    // The good partitions go first: the failed one fails again at the next fetch.
    const brought = batches.some((batch) => batch.next !== this.#asked.get(nameOf(batch)))
    if (failure !== null && !brought) throw failure
    if (brought) limits.grow()
    for (const batch of batches) {
      this.#hooks.fetched(batch)
      // Nothing in it for a handler: without a commit here the group would never be seen to have read it.
      if (batch.isEmptyDueToFiltering()) await this.#commit(batch)
    }
    return batches
  }

  #limitsOf(nodeId: string): FetchLimits {
    let limits = this.#limits.get(nodeId)
    if (limits === undefined) {
      limits = new FetchLimits({ bytes: this.maxBytes, partitionBytes: this.maxBytesPerPartition })
      this.#limits.set(nodeId, limits)
    }
    return limits
  }

  #wanted(mine: TopicPartitions[], { partitionBytes }: Limits) {
    const committed = this.offsetManager.committedOffsets()
    const active = this.getActiveTopicPartitions()
    return mine
      .map(({ topic, partitions }) => ({
        topic,
        partitions: partitions
          .filter((partition) => committed[topic]?.[partition] != null && active[topic]?.has(partition) === true)
          .map((partition) => {
            const fetchOffset = this.offsetManager.nextOffset(topic, partition).toString()
            this.#asked.set(nameOf({ topic, partition }), Number(fetchOffset))
            return { partition, fetchOffset, maxBytes: partitionBytes }
          }),
      }))
      .filter(({ partitions }) => partitions.length > 0)
  }

  #batch(topic: string, fetched: FetchedPartition): RecordBatch {
    const from = this.#asked.get(nameOf({ topic, partition: fetched.partition })) ?? 0
    return new RecordBatch({ topic, from, until: this.#hooks.until(topic, fetched.partition), fetched })
  }

  #commit(batch: RecordBatch): Promise<void> {
    const partitions = [{ partition: batch.partition, offset: String(batch.next) }]
    return this.commitOffsets({ topics: [{ topic: batch.topic, partitions }] })
  }

  /**
   * A refused commit (another generation, an expired member) goes out as it came, so that the runner joins again. While the
   * coordinator moves or is away, the same commit is tried again: the generation stays valid, and the batch is not repeated.
   */
  override async commitOffsets(offsets: CommitOffsets): Promise<void> {
    if (this.#transactions === null) await this.#commitAlone(offsets)
    else await this.#commitInTransaction(offsets, this.#transactions)
    for (const { topic, partitions } of offsets.topics)
      for (const { partition, offset } of partitions) this.#hooks.committed(topic, partition, Number(offset))
  }

  async #commitAlone(offsets: CommitOffsets): Promise<void> {
    const start = performance.now()
    for (let wait = failurePauseMilliseconds; ; wait = Math.min(wait * 2, 2000)) {
      try {
        await super.commitOffsets(offsets)
        break
      } catch (error) {
        const code = kafkaCode(error)
        const lasting = code !== null && !coordinatorAwayCodes.has(code)
        if (lasting || performance.now() - start > this.#hooks.commitSecondsMax() * 1000) throw error
      }
      await pause(wait)
      await this.#findCoordinator().catch(() => {})
    }
  }

  async #commitInTransaction({ topics }: CommitOffsets, transactions: Transactions): Promise<void> {
    const membership = { generation: this.generationId ?? -1, member: this.memberId ?? '' }
    for (const { topic, partitions } of topics) {
      for (const { partition, offset } of partitions) {
        await transactions.acknowledge({ topic, partition, offset: Number(offset) }, membership)
        this.#setCommitted({ topic, partition, offset })
      }
    }
  }

  #setCommitted({ topic, partition, offset }: { topic: string; partition: number; offset: string }): void {
    const committed = this.offsetManager.committedOffsets()
    committed[topic] = { ...committed[topic], [partition]: offset }
  }

  /** The batch is to be read again, from the offset that is committed. */
  rewind(batch: RecordBatch): void {
    if (this.#transactions === null) this.resetOffset(batch)
    else this.offsetManager.clearOffsets(batch) // the next fetch asks for it: an answer that was lost may have moved it
  }

  /**
   * Asks for the offsets of this node's partitions only, so that one that has no leader keeps no other waiting. With transactions, a
   * committed offset counts only when no transaction is about to move it: the one of a process that was killed, or that sleeps.
   * Partitions without a stable one wait; the others are read.
   */
  override async seekOffsets(mine: TopicPartitions[]): Promise<void> {
    const missing: Place[] = []
    for (const { topic, partitions } of mine) {
      for (const partition of partitions) {
        const position = this.seekOffset.pop(topic, partition)
        if (position !== undefined) await this.offsetManager.seek(position)
        const committed = this.offsetManager.committedOffsets()[topic]?.[partition]
        if (committed === undefined || Number(committed) < 0) missing.push({ topic, partition })
      }
    }
    if (missing.length === 0) return
    const unknown: Place[] = []
    for (const { topic, partition, offset, code } of await this.#committedOffsets(missing)) {
      if (code === unstableOffset) {
        this.#isUnstable(nameOf({ topic, partition }))
        continue
      }
      if (code !== 0) throw protocolError(code)
      this.#isStable(nameOf({ topic, partition }))
      if (offset >= 0) this.#setCommitted({ topic, partition, offset: String(offset) })
      else unknown.push({ topic, partition })
    }
    if (unknown.length === 0) return
    for (const at of await this.#earliest(unknown)) this.#setCommitted(at)
  }

  async #committedOffsets(places: readonly Place[]): Promise<readonly StableOffset[]> {
    const coordinator = await this.offsetManager.getCoordinator()
    if (this.#transactions !== null) return sendTo(coordinator, stableOffsets(this.groupId, places))
    return (await committedOffsets(coordinator, this.groupId, places)).map((at) => ({ ...at, code: 0 }))
  }

  #isUnstable(what: string): void {
    const wait = this.#waits.get(what) ?? new Wait({ for: 'stable offsets', what, tell: this.#hooks.tell })
    this.#waits.set(what, wait)
    wait.lasts('a transaction is about to move the offset; if that lasts, see `kafka-transactions.sh find-hanging`')
  }

  #isStable(what: string): void {
    this.#waits.get(what)?.isOver()
    this.#waits.delete(what)
  }

  async #earliest(places: readonly Place[]): Promise<(Place & { readonly offset: string })[]> {
    const wanted = byTopic(places, ({ partition }) => ({ partition }))
    const found = await this.cluster.fetchTopicsOffset(wanted.map((each) => ({ ...each, fromBeginning: true })))
    return found.flatMap(({ topic, partitions }) => partitions.map((at) => ({ topic, ...at })))
  }

  async #findCoordinator(): Promise<void> {
    const coordinator = await this.cluster.findGroupCoordinator({ groupId: this.groupId })
    this.coordinator = coordinator
    this.offsetManager.coordinator = coordinator
  }

  override async recoverFromFetch(error: unknown): Promise<void> {
    const { name } = error as Error
    const code = kafkaCode(error)
    if (name === 'LinkedEventsError') {
      this.#hooks.failed(error)
      throw error
    }
    if (error instanceof TransactionAborted) {
      if (error.lostMembership) throw error.cause
      return
    }
    if (name === 'KafkaJSOffsetOutOfRange') {
      await this.recoverFromOffsetOutOfRange(error as never)
      return
    }
    // Stock joins again here, in the middle of the other brokers' handlers. The partitions are still ours: look for the leader.
    if ((code !== null && staleLeaderCodes.has(code)) || name === 'KafkaJSTopicMetadataNotLoaded') {
      await this.cluster.refreshMetadata()
      return
    }
    // New partitions: the runner joins again when every handler has ended.
    if (name === 'KafkaJSStaleTopicMetadataAssignment') throw createErrorFromCode(rebalanceInProgress)
    await super.recoverFromFetch(error)
  }

  /** Kafka's earliest: what retention has not deleted yet. Stock writes a marker as the committed offset, and says nothing. */
  override async recoverFromOffsetOutOfRange({
    topic,
    partition,
  }: {
    topic: string
    partition: number
  }): Promise<void> {
    const [earliest] = await this.#earliest([{ topic, partition }])
    if (earliest === undefined) return
    this.seek(earliest)
    const expected = this.#asked.get(nameOf({ topic, partition })) ?? 0
    this.#hooks.jumped({ topic, partition, expected, found: Number(earliest.offset) })
  }
}

function fetchError(topic: string, fetched: FetchedPartition): Error {
  const error = createErrorFromCode(fetched.errorCode)
  if (fetched.errorCode !== offsetOutOfRange) return error
  return new OffsetOutOfRangeError(error, { topic, partition: fetched.partition })
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
