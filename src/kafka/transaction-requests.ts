/** The requests of one transactional id and of the group whose offsets it commits, each asked of its coordinator until it answers. */
import { LinkedEventsError } from '../errors.ts'
import type { Tell } from '../telemetry.ts'
import { type KafkaCluster, sendTo } from './cluster.ts'
import { Coordinator, stillEnding } from './coordinator.ts'
import { type Decision, findHanging, lastTransaction, tellsOfTransactions } from './hanging.ts'
import type { Broker } from './internals.ts'
import { protocolError } from './kafka-error.ts'
import {
  type Consumed,
  type Membership,
  type Place,
  type StableOffset,
  stableOffsets,
  txnOffsetCommit,
  unstableOffset,
} from './offset-requests.ts'
import type { Producer } from './produce.ts'

/** The end of a transaction takes milliseconds. Longer than this, and brokers may be away. */
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
  /** Null before the first request of a transaction. */
  #begun: Promise<void> | null = null
  #consumed: readonly Consumed[] = []
  #begunAt = 0
  /** The last transaction of this epoch. */
  #last: { readonly decision: Decision; readonly begun: number; readonly consumed: readonly Consumed[] } | null = null
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
        // The initialisation makes the coordinator forget its decision: what may have to be waited for is waited for before.
        if (last?.isOver) await Promise.all([this.#hanging(last.producerId), this.stableOffsets([])])
        return broker.initProducerId({ transactionalId, transactionTimeout })
      })
      this.#unansweredBefore = this.#unanswered()
      const producer = { id: BigInt(answer.producerId), epoch: answer.producerEpoch, transactionalId }
      if (this.#tells) await this.#endHanging(producer, decision)
      // The end of what hung may arrive once more: another epoch shuts it out.
      if (!this.mayComeLate) return producer
    }
  }

  /** The coordinator's decision once more, for partitions that may not have heard of it. Whether the group's offsets have is not asked: it costs as much. */
  async #endHanging(producer: Producer, decision: Decision | null): Promise<void> {
    const { transactionalId } = this.#options
    const partitions = await this.#hanging(producer.id)
    const names = partitions.map(({ topic, partition }) => `${topic}/${partition}`)
    if (decision === null) {
      if (partitions.length === 0) return
      throw new LinkedEventsError('KAFKA_FATAL', `a transaction of "${transactionalId}" hangs in ${names.join(', ')}`, {
        hint: 'nobody knows any more how it was ended: see "Transactions that hang" in docs/operations.md',
      })
    }
    if (partitions.length > 0) await this.#addPartitions(producer, partitions)
    await this.#addGroup(producer)
    const begun = performance.now()
    await this.#end(producer, decision)
    this.#last = { decision, begun, consumed: [] }
    if (partitions.length > 0) this.#options.tell({ name: 'transaction-hung', partitions, decision })
  }

  /** Whether we have the right to look for what hangs. */
  async maySeeHanging(): Promise<boolean> {
    return !this.#tells || (await this.#search(-1n)) !== null
  }

  /** Where the last transaction of this producer, which has ended, is open all the same. */
  async #hanging(producerId: bigint): Promise<readonly Place[]> {
    return (await this.#search(producerId)) ?? []
  }

  #search(producerId: bigint): Promise<readonly Place[] | null> {
    const { cluster, outputs, tell } = this.#options
    return findHanging({ cluster, topics: outputs, producerId, tell, goesOn: () => !this.#closed })
  }

  /** @throws CONCURRENT_TRANSACTIONS (51) where nothing may begin before the producer is initialised again */
  addPartitions(producer: Producer, places: readonly Place[]): Promise<void> {
    return this.#add(producer, () => this.#addPartitions(producer, places, settleMilliseconds))
  }

  /** @throws as `addPartitions` */
  addGroup(producer: Producer): Promise<void> {
    return this.#add(producer, () => this.#addGroup(producer, settleMilliseconds))
  }

  async #add(producer: Producer, add: () => Promise<void>): Promise<void> {
    if (this.#begun === null) {
      this.#begun = this.#begin(producer, add)
      await this.#begun
      return
    }
    await this.#begun
    await add()
  }

  /**
   * A partition is given up seconds after its leader died, and what was written there before is ended within milliseconds. So what
   * begins later than that looks first whether the one before hangs: were this one aborted on top of it, both would be.
   */
  async #begin(producer: Producer, add: () => Promise<void>): Promise<void> {
    const last = this.#last
    let looked = last?.begun ?? Number.POSITIVE_INFINITY
    const isLate = () => performance.now() - looked > settleMilliseconds
    if (last !== null && isLate()) {
      if (await this.#hangs(producer, last.consumed)) throw protocolError(stillEnding)
      looked = performance.now()
    }
    this.#begunAt = performance.now()
    await add()
    // A process that was suspended has begun on top of what it could not see. Nothing is written yet: let it be the end of both.
    if (last === null || !isLate() || !(await this.#hangs(producer, last.consumed))) return
    await this.#endHanging(producer, last.decision)
    throw protocolError(stillEnding)
  }

  async #hangs(producer: Producer, consumed: readonly Consumed[]): Promise<boolean> {
    if ((await this.#hanging(producer.id)).length > 0) return true
    return consumed.length > 0 && (await this.stableOffsets(consumed)).some(({ code }) => code === unstableOffset)
  }

  async #addPartitions(producer: Producer, places: readonly Place[], patience?: number): Promise<void> {
    const topics = [...new Set(places.map(({ topic }) => topic))].map((topic) => ({
      topic,
      partitions: [...new Set(places.filter((place) => place.topic === topic).map(({ partition }) => partition))],
    }))
    const question = (broker: Broker) => broker.addPartitionsToTxn({ ...this.#ids(producer), topics })
    await this.#coordinator.ask(question, patience)
  }

  async #addGroup(producer: Producer, patience?: number): Promise<void> {
    const { group: groupId } = this.#options
    const question = (broker: Broker) => broker.addOffsetsToTxn({ ...this.#ids(producer), groupId })
    await this.#coordinator.ask(question, patience)
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
    const [begun, consumed] = [this.#begunAt, this.#consumed]
    await this.#end(producer, 'commit')
    if (this.#tells) this.#last = { decision: 'commit', begun, consumed }
  }

  async #end(producer: Producer, decision: Decision): Promise<void> {
    const transactionResult = decision === 'commit'
    await this.#coordinator.ask((broker) => broker.endTxn({ ...this.#ids(producer), transactionResult }))
    this.#forget()
  }

  #forget(): void {
    this.#begun = null
    this.#last = null
    this.#consumed = []
  }

  stableOffsets(places: readonly Place[]): Promise<readonly StableOffset[]> {
    const question = stableOffsets(this.#options.group, places)
    return this.#groupCoordinator.ask((broker) => sendTo(broker, question))
  }

  /** A request since the last initialisation got no answer: it may still arrive, and would act on the next transaction. */
  get mayComeLate(): boolean {
    return this.#unanswered() > this.#unansweredBefore
  }

  /** Ends the asking. */
  close(): void {
    this.#closed = true
    this.#coordinator.close()
    this.#groupCoordinator.close()
  }

  #unanswered(): number {
    return this.#coordinator.unanswered + this.#groupCoordinator.unanswered
  }

  #ids({ id, epoch }: Producer) {
    return { transactionalId: this.#options.transactionalId, producerId: String(id), producerEpoch: epoch }
  }
}
