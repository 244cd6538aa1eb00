/** The requests of one transactional id and of the group whose offsets it commits, each asked of its coordinator until it answers. */
import { type KafkaCluster, sendTo } from './cluster.ts'
import { Coordinator } from './coordinator.ts'
import {
  type Consumed,
  type Membership,
  type Place,
  type StableOffset,
  stableOffsets,
  txnOffsetCommit,
} from './offset-requests.ts'
import type { Producer } from './produce.ts'

export interface TransactionRequestsOptions {
  readonly cluster: KafkaCluster
  readonly transactionalId: string
  readonly group: string
}

export class TransactionRequests {
  readonly #options: TransactionRequestsOptions
  readonly #coordinator: Coordinator
  readonly #groupCoordinator: Coordinator
  #unansweredBefore = 0

  constructor(options: TransactionRequestsOptions) {
    const { cluster, transactionalId, group } = options
    this.#options = options
    this.#coordinator = new Coordinator({ cluster, of: 'transaction', id: transactionalId })
    this.#groupCoordinator = new Coordinator({ cluster, of: 'group', id: group })
  }

  /** Aborts what is open, whoever left it, and ends the right of earlier epochs to write. */
  async initialise(transactionTimeout: number): Promise<Producer> {
    const { transactionalId } = this.#options
    const answer = await this.#coordinator.ask((broker) =>
      broker.initProducerId({ transactionalId, transactionTimeout }),
    )
    this.#unansweredBefore = this.#unanswered()
    return { id: BigInt(answer.producerId), epoch: answer.producerEpoch, transactionalId }
  }

  async addPartitions(producer: Producer, places: readonly Place[]): Promise<void> {
    const topics = [...new Set(places.map(({ topic }) => topic))].map((topic) => ({
      topic,
      partitions: [...new Set(places.filter((place) => place.topic === topic).map(({ partition }) => partition))],
    }))
    await this.#coordinator.ask((broker) => broker.addPartitionsToTxn({ ...this.#ids(producer), topics }))
  }

  addGroup(producer: Producer): Promise<unknown> {
    const { group: groupId } = this.#options
    return this.#coordinator.ask((broker) => broker.addOffsetsToTxn({ ...this.#ids(producer), groupId }))
  }

  /** The group must have been added. */
  async commitOffsets(
    producer: Producer,
    offsets: { readonly membership: Membership; readonly consumed: readonly Consumed[] },
  ): Promise<void> {
    const { transactionalId, group } = this.#options
    const request = txnOffsetCommit({ transactionalId, producer, group, ...offsets })
    await this.#groupCoordinator.ask((broker) => sendTo(broker, request))
  }

  /** Only its answer says whether the transaction was committed. */
  async commit(producer: Producer): Promise<void> {
    await this.#coordinator.ask((broker) => broker.endTxn({ ...this.#ids(producer), transactionResult: true }))
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
