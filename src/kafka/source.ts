/** Messages from Kafka topics, as a member of a consumer group. Keeps the promises of `enrich/source.ts`, at least once or in transactions. */
import type { Batch, Source } from '../enrich/source.ts'
import { LinkedEventsError } from '../errors.ts'
import type { Tell } from '../telemetry.ts'
import { type KafkaCluster, openCluster, requireTopics } from './cluster.ts'
import type { KafkaConnection } from './connection.ts'
import { kafkaCode, kafkaError } from './kafka-error.ts'
import { Positions } from './positions.ts'
import { Session, type SessionEnd } from './session.ts'
import type { Transactions } from './transactions.ts'
import { fixEnds, known, type UntilEnd } from './until-end.ts'

export interface KafkaSourceOptions {
  readonly connection: KafkaConnection
  readonly topics: readonly string[]
  readonly group: string
  /** Stop where each partition ends when `consume` begins, or at the ends that are given. */
  readonly untilEnd: boolean | UntilEnd
  readonly tell: Tell
  /** Milliseconds; a member silent for longer loses its partitions. Default 10 000. */
  readonly sessionTimeoutMs?: number
  /** Most bytes of one partition in one fetch. Default 1 MiB. */
  readonly maxBytesPerPartition?: number
  /** Partitions handled at the same time. Default 4: it hides the time that writing takes. */
  readonly concurrency?: number
  /** Shared with the sink for exactly once: they commit the offsets. */
  readonly transactions?: Transactions | null
}

/** A group that cannot be joined as configured: no waiting helps. */
const hopelessCodes = new Set([23, 24, 26])
const hopelessNames = new Set(['TypeError', 'RangeError', 'ReferenceError', 'SyntaxError'])
const concurrencyDefault = 4
/** Everything that one fetch brings shares a transaction: the fewer there are, the less they cost. */
const concurrencyTransactional = 64
const lostPauseMilliseconds = 250
const lostPauseMillisecondsMax = 10_000

/** @throws KAFKA_UNAVAILABLE, KAFKA_TOPIC_MISSING, KAFKA_DENIED */
export async function kafkaSource(options: KafkaSourceOptions): Promise<Source> {
  const cluster = await openCluster(options.connection)
  try {
    await requireTopics(cluster, options.topics)
  } catch (error) {
    await cluster.close()
    throw error
  }
  return new KafkaSource(options, cluster)
}

class KafkaSource implements Source {
  readonly #options: KafkaSourceOptions
  readonly #positions = new Positions()
  #cluster: KafkaCluster | null
  #isConnected: boolean | null = null

  constructor(options: KafkaSourceOptions, cluster: KafkaCluster) {
    this.#options = options
    this.#cluster = cluster
  }

  async consume(handle: (batch: Batch) => Promise<void>, signal: AbortSignal): Promise<void> {
    const { group, topics } = this.#options
    let untilEnd: UntilEnd | null = null
    if (this.#options.untilEnd !== false && !signal.aborted) {
      const cluster = await this.#connected(signal)
      const given = this.#options.untilEnd
      untilEnd = given === true ? await fixEnds(cluster, group, topics) : await known(given, cluster, group)
      if (untilEnd.allDone()) return
    }
    for (let pause = lostPauseMilliseconds; !signal.aborted; pause = Math.min(pause * 2, lostPauseMillisecondsMax)) {
      const start = performance.now()
      const end = await this.#session({ handle, signal, untilEnd })
      if (end.kind === 'stopped') return
      this.#dropCluster()
      if (isHopeless(end.error)) throw kafkaError(end.error, `consume as group "${group}"`)
      this.#told(false)
      if (performance.now() - start > lostPauseMillisecondsMax) pause = lostPauseMilliseconds
      await sleep(pause, signal)
    }
  }

  partitions() {
    return this.#positions.all()
  }

  async close(): Promise<void> {
    const cluster = this.#cluster
    this.#cluster = null
    await cluster?.close()
  }

  async #session(run: {
    handle: (batch: Batch) => Promise<void>
    signal: AbortSignal
    untilEnd: UntilEnd | null
  }): Promise<SessionEnd> {
    let cluster: KafkaCluster
    try {
      cluster = await this.#connected(run.signal)
    } catch (error) {
      if (run.signal.aborted) return { kind: 'stopped' }
      return { kind: 'lost', error }
    }
    const { transactions = null } = this.#options
    const session = new Session({
      cluster,
      topics: this.#options.topics,
      group: this.#options.group,
      tell: this.#options.tell,
      connected: () => this.#told(true),
      sessionTimeoutMilliseconds: this.#options.sessionTimeoutMs ?? 10_000,
      maxBytesPerPartition: this.#options.maxBytesPerPartition ?? 1024 * 1024,
      concurrency: this.#options.concurrency ?? (transactions === null ? concurrencyDefault : concurrencyTransactional),
      transactions,
      positions: this.#positions,
      untilEnd: run.untilEnd,
      handle: run.handle,
    })
    return session.run(run.signal)
  }

  async #connected(signal: AbortSignal): Promise<KafkaCluster> {
    if (this.#cluster === null) {
      this.#cluster = await openCluster(this.#options.connection, { signal })
      await requireTopics(this.#cluster, this.#options.topics)
    }
    return this.#cluster
  }

  /** Only changes are worth telling. */
  #told(connected: boolean): void {
    if (this.#isConnected === connected) return
    this.#isConnected = connected
    this.#options.tell({ name: 'kafka-connected', role: 'consumer', connected })
  }

  #dropCluster(): void {
    this.#cluster?.abandon()
    this.#cluster = null
  }
}

/** Denied, misconfigured, or a mistake of our own. All else may pass: brokers come back, topics too. */
function isHopeless(error: unknown): boolean {
  const code = kafkaCode(error)
  if (code !== null && hopelessCodes.has(code)) return true
  if (error instanceof Error && hopelessNames.has(error.name)) return true
  if (error instanceof LinkedEventsError && !error.retry && error.code !== 'KAFKA_TOPIC_MISSING') return true
  return kafkaError(error, 'consume').code === 'KAFKA_DENIED'
}

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, milliseconds)
    signal.addEventListener('abort', done, { once: true })
  })
}
