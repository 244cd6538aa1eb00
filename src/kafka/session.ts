/**
 * One life of a group member: from joining to leaving, or until the brokers are lost. Delivers first and acknowledges second,
 * so that a crash between the two repeats a batch and never loses one; in transactions it does not repeat one either.
 */
import type { Batch } from '../enrich/source.ts'
import type { Tell } from '../telemetry.ts'
import { clusterRetry, type KafkaCluster } from './cluster.ts'
import { Group, type GroupHooks } from './group.ts'
import {
  type BatchPayload,
  Emitter,
  NonRetriableError,
  Runner,
  type Runner as RunnerType,
  roundRobin,
  silentLogger,
  type TopicPartitions,
} from './internals.ts'
import type { Positions } from './positions.ts'
import type { RecordBatch } from './record-reader.ts'
import { TransactionAborted } from './transaction-errors.ts'
import type { Transactions } from './transactions.ts'
import type { UntilEnd } from './until-end.ts'

const fetchWaitMilliseconds = 100
const fetchBytesMax = 10 * 1024 * 1024
const rebalanceTimeoutMilliseconds = 60_000
const commitSecondsMax = 60
/** While stopping, a commit is not worth waiting for longer than this: the batch is repeated at the next start. */
const commitSecondsMaxStopping = 4
/** What leaving may take when no batch is in hand. */
const leaveSecondsMax = 5
const lookMilliseconds = 400

export interface SessionOptions {
  readonly cluster: KafkaCluster
  readonly topics: readonly string[]
  readonly group: string
  readonly tell: Tell
  /** Called at each assignment: the brokers answer. */
  readonly connected: () => void
  readonly sessionTimeoutMilliseconds: number
  readonly maxBytesPerPartition: number
  readonly concurrency: number
  readonly positions: Positions
  readonly untilEnd: UntilEnd | null
  /** Null: at least once. */
  readonly transactions: Transactions | null
  readonly handle: (batch: Batch) => Promise<void>
}

/** Why a session ended: asked to, at the end, or because the brokers were lost (then another session may go on). */
export type SessionEnd = { readonly kind: 'stopped' } | { readonly kind: 'lost'; readonly error: unknown }

export class Session {
  readonly #options: SessionOptions
  readonly #group: Group
  readonly #runner: RunnerType
  #active = 0
  #stopping = false
  #failure: { readonly error: unknown } | null = null
  #end: (end: SessionEnd) => void = () => {}
  readonly #ended: Promise<SessionEnd>

  constructor(options: SessionOptions) {
    this.#options = options
    const heartbeatInterval = Math.min(3000, Math.floor(options.sessionTimeoutMilliseconds / 4))
    const instrumentationEmitter = new Emitter()
    const { cluster, group: groupId, topics } = options
    this.#group = new Group(
      {
        cluster,
        groupId,
        topics,
        topicConfigurations: Object.fromEntries(topics.map((topic) => [topic, { fromBeginning: true }])),
        logger: silentLogger,
        instrumentationEmitter,
        retry: clusterRetry,
        assigners: [roundRobin({ cluster, groupId, logger: silentLogger })],
        sessionTimeout: options.sessionTimeoutMilliseconds,
        rebalanceTimeout: rebalanceTimeoutMilliseconds,
        maxBytesPerPartition: options.maxBytesPerPartition,
        minBytes: 1,
        maxBytes: Math.max(fetchBytesMax, options.maxBytesPerPartition),
        maxWaitTimeInMs: fetchWaitMilliseconds,
        autoCommit: false,
        autoCommitInterval: null,
        autoCommitThreshold: null,
        isolationLevel: 1,
        rackId: '',
        metadataMaxAge: 30_000,
      },
      this.#hooks(),
      options.transactions,
    )
    this.#runner = new Runner<RecordBatch>({
      logger: silentLogger,
      consumerGroup: this.#group,
      instrumentationEmitter,
      eachBatch: (payload) => this.#each(payload),
      eachBatchAutoResolve: false,
      autoCommit: false,
      concurrency: options.concurrency,
      heartbeatInterval,
      retry: clusterRetry,
      onCrash: (error) => this.#end({ kind: 'lost', error }),
    })
    this.#ended = new Promise((resolve) => {
      this.#end = resolve
    })
    this.#heartbeatInterval = heartbeatInterval
  }

  readonly #heartbeatInterval: number

  /** Runs until `signal` is aborted, the end is reached, or the brokers are lost. Rejects with the handler's error. */
  async run(signal: AbortSignal): Promise<SessionEnd> {
    const stop = () => this.#end({ kind: 'stopped' })
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    // Our own timer holds the membership while a handler is slow; its errors come up again in the handler's next heartbeat.
    const beat = setInterval(() => {
      this.#group.heartbeat({ interval: this.#heartbeatInterval }).catch(() => {})
    }, this.#heartbeatInterval)
    const look = this.#lookForEnd()
    const started = this.#runner.start().catch((error) => this.#end({ kind: 'lost', error }))
    const end = await this.#ended
    signal.removeEventListener('abort', stop)
    await this.#leave(started)
    clearInterval(beat)
    clearInterval(look)
    this.#options.positions.revoked()
    if (this.#failure !== null) throw this.#failure.error
    return end
  }

  async #each(payload: BatchPayload<RecordBatch>): Promise<void> {
    await payload.heartbeat() // throws while the group rebalances: out it goes, and the runner joins again
    if (!payload.isRunning() || this.#stopping) return
    const { batch } = payload
    const { transactions } = this.#options
    let refused: { readonly error: unknown } | null = null
    const acknowledge = async () => {
      payload.resolveOffset(batch.lastOffset())
      try {
        const partitions = [{ partition: batch.partition, offset: String(batch.next) }]
        await payload.commitOffsetsIfNecessary({ topics: [{ topic: batch.topic, partitions }] })
      } catch (error) {
        refused = { error }
        throw error
      }
    }
    this.#active++
    try {
      await this.#options.handle({
        topic: batch.topic,
        partition: batch.partition,
        count: batch.count,
        bytes: batch.bytes,
        lag: Math.max(0, batch.highWatermark - batch.next),
        each: (visit, ahead) => batch.each(visit, ahead),
        acknowledge,
      })
    } catch (error) {
      if (error instanceof TransactionAborted) {
        this.#group.rewind(batch)
        if (error.lostMembership) throw error.cause // as it came: the runner knows a rebalance by it
        return
      }
      const kept = refused as { readonly error: unknown } | null
      if (kept !== null && transactions === null) {
        this.#group.rewind(batch)
        throw kept.error
      }
      transactions?.abandon(error)
      throw this.#fail(error)
    } finally {
      this.#active--
    }
  }

  /** The first failure ends everything; the error returned makes the runner give up without another try. */
  #fail(error: unknown): Error {
    this.#failure ??= { error }
    this.#end({ kind: 'stopped' })
    return new NonRetriableError(error)
  }

  #hooks(): GroupHooks {
    const { tell, positions, untilEnd } = this.#options
    return {
      tell,
      revoked: async (partitions) => {
        await this.#options.transactions?.settled()
        positions.revoked()
        tell({ name: 'partitions-revoked', partitions: flat(partitions) })
      },
      assigned: async (partitions, seconds) => {
        positions.assigned(flat(partitions))
        tell({ name: 'partitions-assigned', partitions: flat(partitions), seconds })
        this.#options.connected()
        for (const { topic, partition } of flat(partitions)) this.#pauseIfDone(topic, partition)
      },
      jumped: (jump) => {
        tell({ name: 'offset-jumped', ...jump })
        this.#reached(jump.topic, jump.partition, jump.found) // what was wanted up to the end may be gone
      },
      failed: (error) => void this.#fail(error),
      until: (topic, partition) => untilEnd?.endOf(topic, partition) ?? Number.MAX_SAFE_INTEGER,
      fetched: (batch) => positions.seen(batch),
      committed: (topic, partition, offset) => this.#reached(topic, partition, offset),
      commitSecondsMax: () => (this.#stopping ? commitSecondsMaxStopping : commitSecondsMax),
    }
  }

  #reached(topic: string, partition: number, offset: number): void {
    const { positions, untilEnd } = this.#options
    positions.moved(topic, partition, offset)
    untilEnd?.committed(topic, partition, offset)
    this.#pauseIfDone(topic, partition)
    if (untilEnd?.allDone() === true) this.#end({ kind: 'stopped' })
  }

  #pauseIfDone(topic: string, partition: number): void {
    if (this.#options.untilEnd?.isDone(topic, partition) === true)
      this.#group.pause([{ topic, partitions: [partition] }])
  }

  #lookForEnd(): NodeJS.Timeout | undefined {
    const { untilEnd, cluster, group } = this.#options
    if (untilEnd === null) return undefined
    return setInterval(() => {
      untilEnd.look(cluster, group).then(
        () => untilEnd.allDone() && this.#end({ kind: 'stopped' }),
        () => {}, // the next look tells
      )
    }, lookMilliseconds)
  }

  /**
   * Batches in hand finish however long they take, also those of a session that is lost: another one would be handed the same.
   * Then leaving has a limit.
   */
  async #leave(started: Promise<void>): Promise<void> {
    this.#stopping = true
    let left = false
    const leaving = started
      .then(() => this.#runner.stop())
      .then(() => {
        left = true
      })
    for (let idleSeconds = 0; this.#active > 0 || (!left && idleSeconds < leaveSecondsMax); ) {
      await Promise.race([...(left ? [] : [leaving]), new Promise((resolve) => setTimeout(resolve, 50))])
      idleSeconds = this.#active > 0 ? 0 : idleSeconds + 0.05
    }
  }
}

function flat(partitions: readonly TopicPartitions[]): { topic: string; partition: number }[] {
  return partitions.flatMap((each) => each.partitions.map((partition) => ({ topic: each.topic, partition })))
}
