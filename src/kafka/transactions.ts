/**
 * Exactly once: the outputs of batches and the offsets of their inputs are one Kafka transaction, for all partitions of the
 * process together. Whatever breaks a transaction is answered in one way: the producer is initialised again, which aborts what
 * is open and raises its epoch, so that nothing late can be written, and the batches are read again from the committed offset.
 *
 *   write ─ add partitions ─ produce ┐
 *   write ─ add partitions ─ produce ┴ all acknowledged ─ add group ─ commit offsets ─ end        one transaction
 */
import { assert } from '../assert.ts'
import { LinkedEventsError } from '../errors.ts'
import type { Tell } from '../telemetry.ts'
import { type KafkaCluster, openCluster, requireTopics, within } from './cluster.ts'
import type { KafkaConnection } from './connection.ts'
import { kafkaError } from './kafka-error.ts'
import { type Consumed, type Membership, nameOf, type Place, speaksTransactions } from './offset-requests.ts'
import type { Producer } from './produce.ts'
import { Sender } from './sender.ts'
import { fatal, judge, TransactionAborted } from './transaction-errors.ts'
import { TransactionRequests } from './transaction-requests.ts'

/** How long brokers let a transaction be open: what a process that was killed keeps from readers of its outputs. */
const timeoutMilliseconds = 10_000
/** It grows to this when transactions run out of time, so that a slow cluster is no endless loop. */
const timeoutMillisecondsMax = 120_000
/** At start, the coordinator must answer within this time. It cannot where the brokers lack replicas for their log of transactions. */
const openMilliseconds = 30_000
const closeMilliseconds = 2000
/** So many in a row broken by the brokers' answers: something is wrong that trying again does not cure. */
const brokenMax = 10

export interface TransactionsOptions {
  readonly connection: KafkaConnection
  /** The same for one process over its restarts, another for every other: whoever initialises it aborts what its last user left open. */
  readonly transactionalId: string
  readonly group: string
  /** Every topic that is written to. */
  readonly outputs: readonly string[]
  readonly tell: Tell
}

/** @throws KAFKA_UNAVAILABLE, KAFKA_DENIED, KAFKA_TOPIC_MISSING, KAFKA_FATAL for brokers that are too old */
export async function openTransactions(options: TransactionsOptions): Promise<Transactions> {
  const { connection, transactionalId, outputs } = options
  const cluster = await openCluster(connection)
  if (!speaksTransactions(cluster)) {
    await cluster.close()
    throw new LinkedEventsError('KAFKA_FATAL', 'delivery: exactly_once needs brokers of Kafka 2.5 or newer', {
      hint: 'upgrade the brokers, or use delivery: at_least_once',
    })
  }
  try {
    await requireTopics(cluster, outputs)
  } catch (error) {
    await cluster.close()
    throw error
  }
  const transactions = new Transactions(options, cluster)
  try {
    await within(transactions.settled(), openMilliseconds, `begin transactions as "${transactionalId}"`)
    return transactions
  } catch (error) {
    await transactions.close()
    throw error
  }
}

/** From one initialisation to the next: sequence numbers begin anew. */
interface Epoch {
  readonly producer: Producer
  readonly sender: Sender
}

interface Transaction {
  readonly epoch: Epoch
  readonly begun: number
  /** Batches whose outputs are being written, by partition; each leaves a place in `consumed` when it is acknowledged. */
  readonly batches: Set<string>
  readonly consumed: Consumed[]
  membership: Membership | null
  groupAdded: Promise<unknown> | null
  /** Why it was aborted. */
  error: Error | null
  readonly ended: Promise<void>
  readonly end: (error: Error | null) => void
}

export class Transactions {
  readonly cluster: KafkaCluster
  readonly #options: TransactionsOptions
  readonly #requests: TransactionRequests
  /** The transaction of the batch in hand of each partition. */
  readonly #written = new Map<string, Transaction>()
  #epoch: Epoch | null = null
  #open: Transaction | null = null
  /** While initialising or committing: nothing may begin. */
  #busy: Promise<void> | null = null
  #failure: LinkedEventsError | null = null
  #timeout = timeoutMilliseconds
  #broken = 0

  constructor(options: TransactionsOptions, cluster: KafkaCluster) {
    this.cluster = cluster
    this.#options = options
    this.#requests = new TransactionRequests({ ...options, cluster })
    this.#initialise()
  }

  /** Nothing is being committed or aborted. @throws what keeps the producer from being initialised */
  async settled(): Promise<void> {
    while (this.#busy !== null) await this.#busy
    if (this.#failure !== null) throw this.#failure
  }

  /** Whether we have the right to look for transactions that hang in the outputs. */
  maySeeHanging(): Promise<boolean> {
    return this.#requests.maySeeHanging()
  }

  /** Writes the outputs of a batch of this partition in a transaction. @throws TransactionAborted, or what no retry can cure */
  async write(place: Place, send: (sender: Sender) => Promise<void>): Promise<void> {
    const transaction = await this.#enter(place)
    try {
      await send(transaction.epoch.sender)
    } catch (error) {
      throw this.#abort(transaction, error)
    }
  }

  /** Resolves when the transaction with these outputs and this offset is committed. @throws as `write` */
  async acknowledge(consumed: Consumed, membership: Membership): Promise<void> {
    // A batch is acknowledged in the transaction that its outputs are in, or not at all.
    const transaction = this.#written.get(nameOf(consumed)) ?? (await this.#enter(consumed))
    this.#written.delete(nameOf(consumed))
    if (transaction.error !== null) throw transaction.error
    transaction.consumed.push(consumed)
    transaction.membership = membership
    if (transaction.consumed.length === transaction.batches.size) this.#whileBusy(this.#commit(transaction))
    await transaction.ended
  }

  /** A batch in hand will not be acknowledged, and no other of its transaction can be. */
  abandon(error: unknown): void {
    if (this.#open !== null) this.#abort(this.#open, error)
  }

  /** Aborts what is open, so that readers of the outputs need not wait for its time-out. */
  async close(): Promise<void> {
    const open = this.#open
    if (open !== null) this.#abort(open, new LinkedEventsError('CANCELLED', 'closed with a transaction open'))
    if (this.#busy !== null) await within(this.#busy, closeMilliseconds, 'end the transaction').catch(() => {})
    this.#requests.close()
    this.#epoch?.sender.close()
    await this.cluster.close()
  }

  async #enter(place: Place): Promise<Transaction> {
    const before = this.#written.get(nameOf(place))
    assert(before === undefined || before !== this.#open, 'one batch of a partition at a time')
    this.#written.delete(nameOf(place))
    let epoch: Epoch | null
    do {
      await this.settled()
      epoch = this.#epoch
    } while (this.#busy !== null || epoch === null)
    this.#open ??= begin(epoch)
    this.#open.batches.add(nameOf(place))
    this.#written.set(nameOf(place), this.#open)
    return this.#open
  }

  #whileBusy(work: Promise<void>): void {
    const busy = work.finally(() => {
      if (this.#busy === busy) this.#busy = null
    })
    this.#busy = busy
  }

  /** Aborts what is open under our transactional id, whoever left it, and ends the right of earlier epochs to write. */
  #initialise(): void {
    this.#epoch = null
    const { transactionalId, tell } = this.#options
    const work = async () => {
      while (this.#epoch === null && this.#failure === null) {
        try {
          const producer = await this.#requests.initialise(this.#timeout)
          const add = (partitions: readonly Place[]) => this.#add(producer, partitions)
          this.#epoch = {
            producer,
            sender: new Sender({ cluster: this.cluster, tell, transaction: { producer, add } }),
          }
        } catch (error) {
          const { kind, error: known } = judge(error, transactionalId, false)
          if (kind === 'broken' && ++this.#broken < brokenMax) continue
          const fenced = known instanceof LinkedEventsError && known.code === 'KAFKA_FENCED'
          this.#failure = kafkaError(fenced ? known : error, `begin transactions as "${transactionalId}"`)
        }
      }
    }
    this.#whileBusy(work())
  }

  async #add(producer: Producer, partitions: readonly Place[]): Promise<void> {
    const transaction = this.#open
    if (transaction?.epoch.producer !== producer) throw new TransactionAborted('the transaction is over')
    await this.#requests.addPartitions(producer, partitions)
    // Not waited for: it is on its way while the outputs are written.
    this.#addGroup(transaction).catch(() => {})
  }

  #addGroup(transaction: Transaction): Promise<unknown> {
    transaction.groupAdded ??= this.#requests.addGroup(transaction.epoch.producer)
    return transaction.groupAdded
  }

  async #commit(transaction: Transaction): Promise<void> {
    const { tell } = this.#options
    const { producer } = transaction.epoch
    const { consumed, membership } = transaction
    assert(membership !== null, 'who acknowledges is a member')
    try {
      await this.#addGroup(transaction)
      await this.#requests.commitOffsets(producer, { membership, consumed })
      await this.#requests.commit(producer)
    } catch (error) {
      this.#abort(transaction, error)
      return
    }
    this.#open = null
    this.#broken = 0
    const seconds = (performance.now() - transaction.begun) / 1000
    tell({ name: 'transaction-ended', committed: true, batches: consumed.length, seconds, reason: null })
    transaction.end(null)
    await this.#settle(producer)
  }

  /** Nothing begins before it is certain that nothing of the last transaction hangs, or comes late. */
  async #settle(producer: Producer): Promise<void> {
    try {
      if (!(await this.#requests.settle(producer))) this.#initialise()
    } catch (error) {
      this.#failure ??= kafkaError(error, 'find out whether the last transaction has ended')
    }
  }

  /** Ends the transaction, if it has not ended yet, and returns what its batches are to fail with. */
  #abort(transaction: Transaction, reason: unknown): Error {
    if (transaction.error !== null) return transaction.error
    const error = this.#judge(transaction, reason)
    transaction.error = error
    if (this.#open === transaction) this.#open = null
    transaction.epoch.sender.close()
    const seconds = (performance.now() - transaction.begun) / 1000
    const text = reason instanceof Error ? reason.message : String(reason)
    const batches = transaction.batches.size
    this.#options.tell({ name: 'transaction-ended', committed: false, batches, seconds, reason: text })
    if (!(error instanceof TransactionAborted)) this.#failure ??= kafkaError(error, 'go on with transactions')
    if (this.#failure?.code !== 'KAFKA_FENCED') this.#initialise()
    transaction.end(error)
    return error
  }

  /** What its batches are to fail with, and what is learnt from it for the next one. */
  #judge(transaction: Transaction, reason: unknown): Error {
    const isLate = performance.now() - transaction.begun >= this.#timeout
    const { kind, error } = judge(reason, this.#options.transactionalId, isLate)
    if (kind === 'late') this.#timeout = Math.min(this.#timeout * 2, timeoutMillisecondsMax)
    return kind === 'broken' && ++this.#broken >= brokenMax ? fatal(reason) : error
  }
}

function begin(epoch: Epoch): Transaction {
  let end: Transaction['end'] = () => {}
  const ended = new Promise<void>((resolve, reject) => {
    end = (error) => (error === null ? resolve() : reject(error))
  })
  ended.catch(() => {}) // each batch hears of it where it waits
  const lists = { batches: new Set<string>(), consumed: [] }
  return { epoch, begun: performance.now(), ...lists, membership: null, groupAdded: null, error: null, ended, end }
}
