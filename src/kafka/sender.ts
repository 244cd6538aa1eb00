/**
 * Sends record batches so that an acknowledgement means written, once and in order: a batch keeps its sequence number over
 * retries, every partition is acknowledged by itself, and a partition has one batch in flight at most.
 */
import { LinkedEventsError } from '../errors.ts'
import type { Tell } from '../telemetry.ts'
import { type KafkaCluster, leaderOf, noLeader, sendTo } from './cluster.ts'
import type { Broker } from './internals.ts'
import { kafkaCode, kafkaError, protocolError } from './kafka-error.ts'
import { type Producer, produceRequest } from './produce.ts'
import type { RecordWriter } from './record-writer.ts'

/** Answers that mean written: 0, and 46, the batch is there already. */
const writtenCodes = new Set([0, 46])
/** No retry can cure these; the sender is of no use after one, because its next sequence number would leave a gap. */
const fatalCodes = new Set([10, 18, 21, 29, 31, 32, 33, 35, 43, 45, 47, 48, 49, 53, 54, 59, 67, 76, 87, 90])
const transactionTimeoutMilliseconds = 30_000
const retryPauseMilliseconds = 50
const retryPauseMillisecondsMax = 2000
/** Sequence numbers are 31 bits and begin again at 0. */
const sequenceLimit = 2 ** 31
const unknownTopic = 3
const unknownTopicAttemptsMax = 20
const requestBytesMax = 16 * 1024 * 1024

export interface SenderOptions {
  readonly cluster: KafkaCluster
  readonly tell: Tell
  /** Where sequence numbers begin; for tests. */
  readonly firstSequence?: number
  /** Left out, everything is written at once, by a producer of the sender's own. */
  readonly transaction?: SenderTransaction
}

/** What the sender must know of the transaction that its batches are part of. */
export interface SenderTransaction {
  readonly producer: Producer
  /** Resolves when these partitions are part of the transaction. */
  add(partitions: readonly { readonly topic: string; readonly partition: number }[]): Promise<void>
}

interface Job {
  readonly partition: PartitionQueue
  readonly writer: RecordWriter
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
  sequence: number
  attempts: number
}

/** The batches of one output partition, in order; the first may be in flight. */
interface PartitionQueue {
  readonly topic: string
  readonly partition: number
  readonly jobs: Job[]
  nextSequence: number
  inFlight: boolean
}

export class Sender {
  readonly #cluster: KafkaCluster
  readonly #tell: Tell
  readonly #firstSequence: number
  readonly #transaction: SenderTransaction | null
  readonly #partitions = new Map<string, PartitionQueue>()
  readonly #busy = new Set<string>()
  #producer: Promise<Producer> | null = null
  #failure: LinkedEventsError | null = null
  #connected: boolean | null = null
  #scheduled = false

  constructor(options: SenderOptions) {
    this.#cluster = options.cluster
    this.#tell = options.tell
    this.#firstSequence = options.firstSequence ?? 0
    this.#transaction = options.transaction ?? null
    if (this.#transaction !== null) this.#producer = Promise.resolve(this.#transaction.producer)
  }

  /** Begins what the first send would wait for. What fails here is asked again by that send, or told by it. */
  prepare(): void {
    this.#initialised().catch(() => {})
  }

  /**
   * Resolves when the batch is written on all in-sync replicas. The writer may not be touched before. Batches of one
   * partition are written in the order of the calls. @throws KAFKA_FATAL, KAFKA_DENIED, KAFKA_TOPIC_MISSING
   */
  send(topic: string, partition: number, writer: RecordWriter): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => {
      const queue = this.#queue(topic, partition)
      queue.jobs.push({ partition: queue, writer, resolve, reject, sequence: -1, attempts: 0 })
      this.#schedule()
    })
  }

  /** Rejects whatever is not acknowledged yet. */
  close(): void {
    this.#fail(new LinkedEventsError('CANCELLED', 'the producer was closed before everything was acknowledged'))
  }

  #queue(topic: string, partition: number): PartitionQueue {
    const name = `${topic}/${partition}`
    let queue = this.#partitions.get(name)
    if (queue === undefined) {
      this.#checkRange(topic, partition)
      queue = { topic, partition, jobs: [], nextSequence: this.#firstSequence, inFlight: false }
      this.#partitions.set(name, queue)
    }
    return queue
  }

  /** kafkajs answers a send to a partition that is not there with success and writes nothing. */
  #checkRange(topic: string, partition: number): void {
    const known = this.#cluster.findTopicPartitionMetadata(topic)
    if (known.some((each) => each.partitionId === partition)) return
    throw new LinkedEventsError(
      'KAFKA_FATAL',
      `the topic "${topic}" has no partition ${partition} (it has ${known.length})`,
    )
  }

  /** At the end of this turn, so that batches handed over together share a request. */
  #schedule(): void {
    if (this.#scheduled || this.#failure !== null) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      for (const [leader, jobs] of this.#ready()) void this.#request(leader, jobs)
    })
  }

  /** The first batch of each partition that has none in flight, by the node that leads it; one request a node at a time. */
  #ready(): Map<string, Job[]> {
    const byLeader = new Map<string, Job[]>()
    const sizes = new Map<string, number>()
    for (const queue of this.#partitions.values()) {
      const job = queue.jobs[0]
      if (job === undefined || queue.inFlight) continue
      const leader = leaderOf(this.#cluster, queue)
      const size = (sizes.get(leader) ?? 0) + job.writer.size
      const jobs = byLeader.get(leader) ?? []
      if (this.#busy.has(leader) || (jobs.length > 0 && size > requestBytesMax)) continue
      sizes.set(leader, size)
      jobs.push(job)
      byLeader.set(leader, jobs)
      queue.inFlight = true
    }
    return byLeader
  }

  async #request(leader: string, jobs: Job[]): Promise<void> {
    this.#busy.add(leader)
    let retry: { readonly job: Job; readonly error: unknown }[]
    try {
      retry = await this.#attempt(leader, jobs)
    } catch (error) {
      retry = jobs.map((job) => ({ job, error }))
    }
    this.#busy.delete(leader)
    const first = retry[0]
    for (const { job } of retry) job.attempts++
    if (retry.length < jobs.length) this.#schedule()
    if (first === undefined || this.#failure !== null) return this.#schedule()
    await this.#pause(first.job.attempts, first.error)
    for (const { job } of retry) job.partition.inFlight = false
    this.#schedule()
  }

  /** Sends the batches once; returns those to send again. */
  async #attempt(leader: string, jobs: readonly Job[]): Promise<{ job: Job; error: unknown }[]> {
    await this.#cluster.refreshMetadataIfNecessary()
    if (leader === noLeader) return jobs.map((job) => ({ job, error: protocolError(5) }))
    const producer = await this.#initialised()
    const broker = await this.#cluster.findBroker({ nodeId: leader })
    if (this.#transaction !== null) await this.#join(this.#transaction, jobs)
    if (this.#failure !== null) return [] // too late: nothing may follow the end of a transaction
    for (const job of jobs) if (job.sequence < 0) this.#number(job)
    const batches = jobs.map(({ partition: { topic, partition }, writer, sequence }) => ({
      topic,
      partition,
      writer,
      sequence,
    }))
    const answer = await sendTo(broker, produceRequest(producer, batches))
    this.#told(true)
    const codes = new Map<string, number>()
    for (const { topicName, partitions } of answer.topics)
      for (const { partition, errorCode } of partitions) codes.set(`${topicName}/${partition}`, errorCode)
    const again: { job: Job; error: unknown }[] = []
    for (const job of jobs) {
      const code = codes.get(`${job.partition.topic}/${job.partition.partition}`)
      if (code !== undefined && writtenCodes.has(code)) this.#acknowledge(job)
      else if (code !== undefined && (fatalCodes.has(code) || isGone(code, job))) this.#fail(fatal(job, code))
      else
        again.push({
          job,
          error: code === undefined ? new Error('no answer for this partition') : protocolError(code),
        })
    }
    return again
  }

  async #join(transaction: SenderTransaction, jobs: readonly Job[]): Promise<void> {
    try {
      await transaction.add(jobs.map(({ partition }) => partition))
    } catch (error) {
      const code = kafkaCode(error)
      if (code === unknownTopic && !jobs.some((job) => isGone(code, job))) throw error
      this.#fail(kafkaError(error, 'make the outputs part of a transaction'))
    }
  }

  #acknowledge(job: Job): void {
    job.partition.jobs.shift()
    job.partition.inFlight = false
    job.resolve()
  }

  /** Once for ever: a retry carries the same number, which is how the broker knows it. */
  #number(job: Job): void {
    job.sequence = job.partition.nextSequence
    job.partition.nextSequence = (job.sequence + job.writer.count) % sequenceLimit
  }

  #initialised(): Promise<Producer> {
    this.#producer ??= initialise(this.#cluster).catch((error) => {
      this.#producer = null
      const code = kafkaCode(error)
      if (code !== null && fatalCodes.has(code)) this.#fail(kafkaError(error, 'start an idempotent producer'))
      throw error
    })
    return this.#producer
  }

  async #pause(attempt: number, error: unknown): Promise<void> {
    const why = error as { type?: string; name?: string }
    this.#tell({ name: 'produce-retried', attempt, error: why.type ?? why.name ?? 'unknown' })
    if (kafkaCode(error) === null && kafkaError(error, 'send').code === 'KAFKA_UNAVAILABLE') this.#told(false)
    const grown = Math.min(retryPauseMillisecondsMax, retryPauseMilliseconds * 2 ** Math.min(attempt - 1, 10))
    await new Promise((resolve) => setTimeout(resolve, grown * (0.75 + Math.random() / 2)))
    await this.#cluster.refreshMetadata().catch(() => {})
  }

  #told(connected: boolean): void {
    if (this.#connected === connected) return
    this.#connected = connected
    this.#tell({ name: 'kafka-connected', role: 'producer', connected })
  }

  #fail(error: LinkedEventsError): void {
    this.#failure ??= error
    for (const queue of this.#partitions.values()) for (const job of queue.jobs.splice(0)) job.reject(this.#failure)
  }
}

async function initialise(cluster: KafkaCluster): Promise<Producer> {
  const [nodeId] = cluster.getNodeIds()
  const any: Broker = nodeId === undefined ? await cluster.findControllerBroker() : await someBroker(cluster)
  const answer = await any.initProducerId({ transactionTimeout: transactionTimeoutMilliseconds })
  return { id: BigInt(answer.producerId), epoch: answer.producerEpoch, transactionalId: null }
}

/** Any node answers InitProducerId; the first that can be reached. */
async function someBroker(cluster: KafkaCluster): Promise<Broker> {
  let reason: unknown
  for (const nodeId of cluster.getNodeIds()) {
    try {
      return await cluster.findBroker({ nodeId })
    } catch (error) {
      reason = error
    }
  }
  throw reason
}

/** Brokers do not know a topic for a moment while leaders move; a topic that stays unknown was deleted. */
function isGone(code: number, job: Job): boolean {
  return code === unknownTopic && job.attempts >= unknownTopicAttemptsMax
}

function fatal(job: Job, code: number): LinkedEventsError {
  const { topic, partition } = job.partition
  return kafkaError(
    protocolError(code),
    `write to ${topic}/${partition} (${job.writer.count} records, ${job.writer.size} bytes, error ${code})`,
  )
}
