/**
 * Row events, each exactly once: some thousand of them and how far the delta has come are one transaction. How far is the offset
 * of a group that nobody reads with, its metadata names the delta, and whoever sends goes on from there:
 *
 *   initialise (earlier senders can write no more) ─▶ still for us? ─▶ how far? ─▶ events, offset, end ─▶ events, offset, end …
 */
import { LinkedEventsError } from '../errors.ts'
import type { RowEventOrder, RowEvents } from '../sync/row-events.ts'
import { Batches, WriterPool } from './batches.ts'
import { type KafkaCluster, openCluster, within } from './cluster.ts'
import type { KafkaConnection } from './connection.ts'
import { kafkaError, protocolError } from './kafka-error.ts'
import { noMembership, type Place, speaksTransactions, unstableOffset } from './offset-requests.ts'
import type { Producer } from './produce.ts'
import { append } from './publish.ts'
import { Sender } from './sender.ts'
import { describeTopics, type TopicDescription } from './topic.ts'
import { isOver } from './transaction-errors.ts'
import { TransactionRequests } from './transaction-requests.ts'

/** Of one transaction, about. */
const eventsMax = 5000
const bytesMax = 4 * 1024 * 1024
/** How long brokers let a transaction be open: what a process that was killed keeps from readers of the topic. */
const timeoutMilliseconds = 60_000
const waitMilliseconds = 120_000
const abortMilliseconds = 2000
/** Attempts in a row that write nothing. */
const attemptsMax = 10
/** What moves the mark takes milliseconds; brokers that die while they commit it can forget it. */
const unstableMilliseconds = 50
const unstableTriesMax = 600

export interface RowEventsOptions {
  readonly connection: KafkaConnection
  readonly topic: string
  /** Transactional id and group: the same for every sender of these events, another for all others. */
  readonly stream: string
}

export function kafkaRowEvents(options: RowEventsOptions): RowEvents {
  return {
    async send(order) {
      const cluster = await openCluster(options.connection, { signal: order.signal })
      const sending = new Sending(options, cluster, order)
      try {
        await sending.all()
      } catch (error) {
        throw kafkaError(error, `send the row events of "${order.entity}"`)
      } finally {
        await sending.close()
      }
    },
  }
}

/** Something of the last transaction hangs, or may still arrive: the producer is to be initialised again before the next. */
class NotEnded extends Error {}

class Sending {
  readonly #options: RowEventsOptions
  readonly #cluster: KafkaCluster
  readonly #order: RowEventOrder
  readonly #requests: TransactionRequests
  readonly #pool = new WriterPool()
  readonly #cancelled: Promise<never>
  #cancel = () => {}
  #producer: Producer | null = null
  #sender: Sender | null = null
  #open = false
  #attempts = 0

  constructor(options: RowEventsOptions, cluster: KafkaCluster, order: RowEventOrder) {
    this.#options = options
    this.#cluster = cluster
    this.#order = order
    this.#requests = new TransactionRequests({
      cluster,
      transactionalId: options.stream,
      group: options.stream,
      outputs: [options.topic],
      tell: () => {}, // every wait here has an end, and an error
    })
    this.#cancelled = new Promise((_, reject) => {
      this.#cancel = () => reject(new LinkedEventsError('CANCELLED', 'the sync was cancelled'))
    })
    this.#cancelled.catch(() => {}) // whoever waits hears of it
    order.signal.addEventListener('abort', this.#cancel, { once: true })
    if (order.signal.aborted) this.#cancel()
  }

  async all(): Promise<void> {
    if (!speaksTransactions(this.#cluster))
      throw new LinkedEventsError('KAFKA_FATAL', 'row events need brokers of Kafka 2.5 or newer', {
        hint: 'upgrade the brokers',
      })
    const [topic] = await describeTopics(this.#cluster, [this.#options.topic])
    for (;;) {
      await this.#order.confirm() // whoever is not to send does not disturb the one that is
      try {
        return await this.#fromMark(topic!)
      } catch (error) {
        const over = isOver(error) // a new one may go on, if it is still for us
        if (over) this.#open = false
        if ((!over && !(error instanceof NotEnded)) || ++this.#attempts >= attemptsMax) throw error
      }
    }
  }

  /** Aborts what is open, so that readers need not wait for its time-out. */
  async close(): Promise<void> {
    this.#order.signal.removeEventListener('abort', this.#cancel)
    this.#sender?.close()
    if (this.#open) await within(this.#initialise(), abortMilliseconds, 'abort').catch(() => {})
    this.#sender?.close()
    this.#requests.close()
    await this.#cluster.close()
  }

  /** Every wait ends: with an answer, after a time, or when the sync is cancelled. */
  #bounded<T>(promise: Promise<T>, doing: string): Promise<T> {
    return Promise.race([within(promise, waitMilliseconds, doing), this.#cancelled])
  }

  async #fromMark(topic: TopicDescription): Promise<void> {
    await this.#bounded(this.#initialise(), `begin transactions as "${this.#options.stream}"`)
    await this.#order.confirm()
    const mark = await this.#bounded(this.#mark(), 'find out how far the row events have come')
    const headers = (['entity', 'epoch', 'seq'] as const).map((name) => [`le.${name}`, `${this.#order[name]}`] as const)
    let batches = new Batches({ pool: this.#pool, now: Date.now() })
    let [row, events, bytes] = [0, 0, 0]
    const commit = async () => {
      await this.#bounded(this.#transaction(batches, row), 'write row events')
      this.#attempts = 0
      this.#order.sent(events)
      batches = new Batches({ pool: this.#pool, now: Date.now() })
      events = bytes = 0
      const settled = this.#bounded(this.#requests.settle(this.#producer!), 'find out whether it has ended')
      if (!(await settled)) throw new NotEnded('the last transaction has not ended everywhere')
    }
    for await (const page of this.#order.changes()) {
      for (const event of page) {
        if (++row <= mark || event === null) continue
        bytes += append(batches, topic, { ...event, topic: topic.topic, headers, timestamp: this.#order.asOf }, 0)
        if (++events >= eventsMax || bytes >= bytesMax) await commit()
      }
    }
    if (events > 0) await commit()
  }

  /** Aborts what is open under our transactional id, whoever left it, and ends the right of earlier senders to write. */
  async #initialise(): Promise<void> {
    this.#sender?.close()
    this.#open = false
    const producer = await this.#requests.initialise(timeoutMilliseconds)
    this.#producer = producer
    const add = (places: readonly Place[]) => this.#add(places)
    this.#sender = new Sender({ cluster: this.#cluster, tell: () => {}, transaction: { producer, add } })
  }

  /** Rows of the delta that are sent already. */
  async #mark(): Promise<number> {
    const { topic, stream } = this.#options
    for (let tries = 0; ; tries++) {
      const [found] = await this.#requests.stableOffsets([{ topic, partition: 0 }])
      const code = found?.code ?? 0
      if (code === 0) return found?.metadata === this.#order.delta ? found.offset : 0
      if (code !== unstableOffset) throw protocolError(code)
      if (tries === unstableTriesMax) {
        const hint = 'see `kafka-transactions.sh find-hanging`, and abort what it finds in __consumer_offsets'
        throw new LinkedEventsError('KAFKA_UNAVAILABLE', `a transaction of group "${stream}" does not end`, { hint })
      }
      await new Promise((resolve) => setTimeout(resolve, unstableMilliseconds))
      this.#order.signal.throwIfAborted()
    }
  }

  async #transaction(batches: Batches, rows: number): Promise<void> {
    const producer = this.#producer!
    await batches.flush(this.#sender!)
    await this.#requests.addGroup(producer)
    const consumed = [{ topic: this.#options.topic, partition: 0, offset: rows, metadata: this.#order.delta }]
    await this.#requests.commitOffsets(producer, { membership: noMembership, consumed })
    await this.#requests.commit(producer)
    this.#open = false
  }

  async #add(places: readonly Place[]): Promise<void> {
    this.#open = true
    await this.#requests.addPartitions(this.#producer!, places)
  }
}
