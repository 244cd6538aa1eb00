/** The requests of one transactional id and of the group whose offsets it commits, each asked of its coordinator until it answers. */
import { LinkedEventsError } from '../errors.ts'
import type { Tell } from '../telemetry.ts'
import { type KafkaCluster, sendTo } from './cluster.ts'
import { Coordinator, stillEnding, stillEndingMillisecondsMax } from './coordinator.ts'
import { type Decision, findHanging, lastTransaction, tellsOfTransactions } from './hanging.ts'
import { protocolError } from './kafka-error.ts'
import {
  byTopic,
  type Consumed,
  type Membership,
  nameOf,
  type Place,
  type StableOffset,
  stableOffsets,
  txnOffsetCommit,
  unstableOffset,
} from './offset-requests.ts'
import type { Producer } from './produce.ts'

/** The end of a transaction takes milliseconds. Longer than this, and brokers may be away, or have forgotten a part. */
const settleMilliseconds = 1000

export interface TransactionRequestsOptions {
  readonly cluster: KafkaCluster
  readonly transactionalId: string
  readonly group: string
  /** All topics that its transactions write to, under the cluster's watch: where they can hang. */
  readonly outputs: readonly string[]
  readonly tell: Tell
}

export class TransactionRequests {
  readonly #options: TransactionRequestsOptions
  readonly #coordinator: Coordinator
  readonly #groupCoordinator: Coordinator
  readonly #tells: boolean
  #unansweredBefore = 0
  /** Of the transaction that is open, by name. */
  #written = new Map<string, Place>()
  #consumed: readonly Consumed[] = []
  #closed = false

  constructor(options: TransactionRequestsOptions) {
    const { cluster, transactionalId, group, tell } = options
    this.#options = options
    this.#tells = tellsOfTransactions(cluster)
    this.#coordinator = new Coordinator({ cluster, of: 'transaction', id: transactionalId, tell })
    this.#groupCoordinator = new Coordinator({ cluster, of: 'group', id: group, tell })
  }

  /**
   * Aborts what is open, whoever left it, ends the right of earlier epochs to write, and ends what hangs of the last transaction.
   * @throws KAFKA_FATAL where nobody knows any more how it was ended
   */
  async initialise(transactionTimeout: number): Promise<Producer> {
    const { transactionalId } = this.#options
    for (;;) {
      this.#forget()
      let decision: Decision | null = null
      const answer = await this.#coordinator.ask(async (broker) => {
        const last = this.#tells ? await sendTo(broker, lastTransaction(transactionalId)) : null
        decision = last?.decision ?? null
        if (last !== null && decision !== null) {
          if (!last.isOver) throw protocolError(stillEnding)
          // The initialisation makes the coordinator forget its decision: what may have to be waited for is waited for before.
          await Promise.all([this.#hanging(last.producerId, this.#outputs()), this.stableOffsets([])])
        }
        return broker.initProducerId({ transactionalId, transactionTimeout })
      })
      this.#unansweredBefore = this.#unanswered()
      const producer = { id: BigInt(answer.producerId), epoch: answer.producerEpoch, transactionalId }
      if (this.#tells) await this.#endHanging(producer, decision)
      if (await this.settle(producer)) return producer
    }
  }

  /** The coordinator's decision once more, for partitions that may not have heard of it. Whether the group's offsets have is not asked: it costs as much. */
  async #endHanging(producer: Producer, decision: Decision | null): Promise<void> {
    const { transactionalId } = this.#options
    const partitions = await this.#hanging(producer.id, this.#outputs())
    if (decision === null) {
      if (partitions.length === 0) return
      const names = partitions.map(nameOf).join(', ')
      throw new LinkedEventsError('KAFKA_FATAL', `a transaction of "${transactionalId}" hangs in ${names}`, {
        hint: 'nobody knows any more how it was ended: see "Transactions that hang" in docs/operations.md',
      })
    }
    if (partitions.length > 0) await this.addPartitions(producer, partitions)
    await this.addGroup(producer)
    await this.#end(producer, decision)
    if (partitions.length > 0) this.#options.tell({ name: 'transaction-hung', partitions, decision })
  }

  /** Whether we have the right to look for what hangs. */
  async maySeeHanging(): Promise<boolean> {
    return !this.#tells || (await this.#search(-1n, this.#outputs())) !== null
  }

  /** Those where a transaction of this producer is open. */
  async #hanging(producerId: bigint, places: readonly Place[]): Promise<readonly Place[]> {
    return (await this.#search(producerId, places)) ?? []
  }

  #search(producerId: bigint, places: readonly Place[]): Promise<readonly Place[] | null> {
    const { cluster, tell } = this.#options
    return findHanging({ cluster, places, producerId, tell, goesOn: () => !this.#closed })
  }

  #outputs(): Place[] {
    const { cluster, outputs } = this.#options
    return outputs.flatMap((topic) =>
      cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => ({ topic, partition: partitionId })),
    )
  }

  /** Makes those part of the transaction that are not yet. */
  async addPartitions(producer: Producer, places: readonly Place[]): Promise<void> {
    const written = this.#written // a late answer is none for the next transaction
    const missing = new Map(
      places.map((place) => [nameOf(place), place] as const).filter(([name]) => !written.has(name)),
    )
    if (missing.size === 0) return
    const topics = byTopic([...missing.values()], ({ partition }) => partition)
    await this.#coordinator.ask((broker) => broker.addPartitionsToTxn({ ...this.#ids(producer), topics }))
    for (const [name, place] of missing) written.set(name, place)
  }

  async addGroup(producer: Producer): Promise<void> {
    const { group: groupId } = this.#options
    await this.#coordinator.ask((broker) => broker.addOffsetsToTxn({ ...this.#ids(producer), groupId }))
  }

  /** The group must have been added. */
  async commitOffsets(
    producer: Producer,
    offsets: { readonly membership: Membership; readonly consumed: readonly Consumed[] },
  ): Promise<void> {
    const { transactionalId, group } = this.#options
    const request = txnOffsetCommit({ transactionalId, producer, group, ...offsets })
    await this.#groupCoordinator.ask((broker) => sendTo(broker, request))
    this.#consumed = offsets.consumed
  }

  /** Only its answer says whether the transaction was committed. */
  async commit(producer: Producer): Promise<void> {
    await this.#end(producer, 'commit')
  }

  /**
   * Resolves when the transaction that was committed has ended everywhere, some milliseconds later. False where it hangs, or a request
   * may still arrive: then nothing may begin before the producer is initialised again, since what is aborted on top of a transaction
   * that hangs takes it along. Waits for partitions that have no leader. @throws CANCELLED
   */
  async settle(producer: Producer): Promise<boolean> {
    let written: readonly Place[] = [...this.#written.values()]
    let consumed: readonly Consumed[] = this.#consumed
    this.#forget()
    if (this.#unanswered() > this.#unansweredBefore) return false
    if (!this.#tells) return true
    const end = performance.now() + settleMilliseconds
    for (let pause = 1; written.length + consumed.length > 0; pause = Math.min(pause * 2, stillEndingMillisecondsMax)) {
      if (performance.now() > end) return false
      await new Promise((resolve) => setTimeout(resolve, pause))
      ;[written, consumed] = await Promise.all([this.#hanging(producer.id, written), this.#unstable(consumed)])
    }
    return true
  }

  async #unstable(consumed: readonly Consumed[]): Promise<readonly Consumed[]> {
    if (consumed.length === 0) return consumed
    const found = await this.stableOffsets(consumed)
    const unstable = new Set(found.filter(({ code }) => code === unstableOffset).map(nameOf))
    return consumed.filter((at) => unstable.has(nameOf(at)))
  }

  async #end(producer: Producer, decision: Decision): Promise<void> {
    const transactionResult = decision === 'commit'
    await this.#coordinator.ask((broker) => broker.endTxn({ ...this.#ids(producer), transactionResult }))
  }

  #forget(): void {
    this.#written = new Map()
    this.#consumed = []
  }

  stableOffsets(places: readonly Place[]): Promise<readonly StableOffset[]> {
    const question = stableOffsets(this.#options.group, places)
    return this.#groupCoordinator.ask((broker) => sendTo(broker, question))
  }

  /** Ends the asking. */
  close(): void {
    this.#closed = true
    this.#coordinator.close()
    this.#groupCoordinator.close()
  }

  /** Requests so far that got no answer: they may still arrive, and would act on the next transaction. */
  #unanswered(): number {
    return this.#coordinator.unanswered + this.#groupCoordinator.unanswered
  }

  #ids({ id, epoch }: Producer) {
    return { transactionalId: this.#options.transactionalId, producerId: String(id), producerEpoch: epoch }
  }
}
