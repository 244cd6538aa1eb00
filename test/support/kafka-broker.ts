/**
 * A real Apache Kafka broker (KRaft) for tests, from Maven Central jars on 127.0.0.1: one node, or several for leader moves.
 * `KAFKA_BROKERS` names a running one instead; a docker engine is the third choice.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startDockerBroker } from './kafka-broker-docker.ts'
import { classPath, missingTools } from './kafka-jars.ts'
import { freePorts } from './ports.ts'

export interface TestBroker {
  /** `host:port` of every node. */
  readonly brokers: readonly string[]
  /** Process ids of the nodes, null where one is down or not ours. */
  pids(): readonly (number | null)[]
  /** The first node's process id. */
  readonly pid: number | null
  /** Ends the node (all nodes without `node`) in order, SIGTERM. Nodes count from 1. */
  stop(node?: number): Promise<void>
  /** SIGKILL of one node, or of all. */
  kill(node?: number): Promise<void>
  /** Starts a stopped or killed node (all that are down) again, on the same data and port, and waits until it is ready. */
  restart(node?: number): Promise<void>
}

export interface BrokerOptions {
  /** Where the data is; kept at the end. Default: a temporary folder, removed by `stop()`. */
  readonly dir?: string
  /** Port of the first node's clients. Default, and for all other ports: free ones. */
  readonly port?: number
  readonly nodes?: number
  /** More broker properties, or other values; `{port}` and `{controller}` stand for the node's own. */
  readonly properties?: Readonly<Record<string, string>>
  readonly heapMegabytes?: number
}

const clusterId = 'MkU3OEVBNTcwNTJENDM2Qg'
const readySecondsMax = 120
const stopSecondsMax = 20
const running = new Set<ChildProcess>()
const temporaryFolders = new Set<string>()

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
  for (const folder of temporaryFolders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
})

let shared: Promise<TestBroker> | null = null

/** The broker that the tests of this process share: the one `KAFKA_BROKERS` names, else one started at the first call. */
export function sharedBroker(): Promise<TestBroker> {
  const named = process.env.KAFKA_BROKERS
  shared ??= named ? Promise.resolve(foreignBroker(named.split(',').map((text) => text.trim()))) : startBroker()
  return shared
}

export async function startBroker(options: BrokerOptions = {}): Promise<TestBroker> {
  const missing = missingTools()
  if (missing !== null) return startDockerBroker(missing)
  const temporary = options.dir === undefined
  const root = resolve(options.dir ?? mkdtempSync(join(tmpdir(), 'linked-events-kafka-')))
  if (temporary) temporaryFolders.add(root)
  const count = options.nodes ?? 1
  const ports = await choosePorts(count, options.port)
  const voters = ports.map((port, index) => `${index + 1}@127.0.0.1:${port.controller}`).join(',')
  const jars = await classPath()
  const nodes = ports.map((port, index) => new BrokerNode({ root, id: index + 1, port, voters, count, jars, options }))
  const chosen = (node?: number) => nodes.filter((_, index) => node === undefined || index === node - 1)
  try {
    await Promise.all(nodes.map((node) => node.start()))
  } catch (error) {
    await Promise.all(nodes.map((node) => node.end('SIGKILL')))
    // Another process of the tests took one of the ports since they were chosen.
    const another = temporary && options.port === undefined && String(error).includes('Address already in use')
    if (another) return startBroker(options)
    throw error
  }
  return {
    brokers: ports.map((port) => `127.0.0.1:${port.client}`),
    pids: () => nodes.map((node) => node.pid),
    get pid() {
      return nodes[0]?.pid ?? null
    },
    async stop(node) {
      await Promise.all(chosen(node).map((each) => each.end('SIGTERM')))
      if (temporary && node === undefined) rmSync(root, { recursive: true, force: true, maxRetries: 5 })
    },
    async kill(node) {
      await Promise.all(chosen(node).map((each) => each.end('SIGKILL')))
    },
    async restart(node) {
      await Promise.all(chosen(node).map((each) => each.start()))
    },
  }
}

interface NodePorts {
  readonly client: number
  readonly controller: number
}

interface NodeOptions {
  readonly root: string
  readonly id: number
  readonly port: NodePorts
  readonly voters: string
  readonly count: number
  readonly jars: string
  readonly options: BrokerOptions
}

class BrokerNode {
  readonly #options: NodeOptions
  readonly #dir: string
  #child: ChildProcess | null = null

  constructor(options: NodeOptions) {
    this.#options = options
    this.#dir = join(options.root, String(options.id))
  }

  get pid(): number | null {
    return this.#child?.pid ?? null
  }

  async start(): Promise<void> {
    if (this.#child !== null) return
    mkdirSync(this.#dir, { recursive: true })
    const properties = join(this.#dir, 'broker.properties')
    writeFileSync(properties, this.#properties())
    if (!existsSync(join(this.#dir, 'data', 'meta.properties'))) await this.#format(properties)
    const logPath = join(this.#dir, 'broker.log')
    const log = openSync(logPath, 'w')
    const child = spawn(
      'java',
      [...this.#java('info'), `-Xmx${this.#options.options.heapMegabytes ?? 320}m`, 'kafka.Kafka', properties],
      { stdio: ['ignore', log, log] },
    )
    this.#child = child
    running.add(child)
    child.once('exit', () => {
      running.delete(child)
      if (this.#child === child) this.#child = null
    })
    for (let left = readySecondsMax * 10; left > 0; left--) {
      const text = readFileSync(logPath, 'utf8')
      if (text.includes('Kafka Server started')) return
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(`the broker ended while starting:\n${text.slice(-3000)}`)
      }
      await sleep(100)
    }
    throw new Error(`the broker was not ready after ${readySecondsMax} s, see ${logPath}`)
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child
    if (child === null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), stopSecondsMax * 1000)
    await ended
    clearTimeout(timer)
  }

  async #format(properties: string): Promise<void> {
    const log = openSync(join(this.#dir, 'format.log'), 'w')
    const arguments_ = [...this.#java('warn'), 'kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', properties]
    const child = spawn('java', arguments_, { stdio: ['ignore', log, log] })
    const code = await new Promise((resolve) => child.once('exit', resolve))
    if (code !== 0)
      throw new Error(`the storage could not be formatted:\n${readFileSync(join(this.#dir, 'format.log'), 'utf8')}`)
  }

  #java(level: string): string[] {
    return [
      '-Xshare:auto',
      '-XX:TieredStopAtLevel=1',
      '-XX:+UseSerialGC',
      `-Dorg.slf4j.simpleLogger.defaultLogLevel=${level}`,
      '-cp',
      this.#options.jars,
    ]
  }

  /** Fast answers for tests: short broker sessions, one-partition internal topics, no wait before the first rebalance. */
  #properties(): string {
    const { id, port, voters, count, options } = this.#options
    const replicas = String(Math.min(3, count))
    const inSync = count >= 3 ? '2' : '1'
    const all: Record<string, string> = {
      'process.roles': 'broker,controller',
      'node.id': String(id),
      'controller.quorum.voters': voters,
      listeners: `PLAINTEXT://127.0.0.1:${port.client},CONTROLLER://127.0.0.1:${port.controller}`,
      'controller.listener.names': 'CONTROLLER',
      'log.dirs': join(this.#dir, 'data'),
      'auto.create.topics.enable': 'false',
      'num.partitions': '4',
      'default.replication.factor': replicas,
      'min.insync.replicas': inSync,
      'offsets.topic.replication.factor': replicas,
      'transaction.state.log.replication.factor': replicas,
      'transaction.state.log.min.isr': inSync,
      'share.coordinator.state.topic.replication.factor': replicas,
      'share.coordinator.state.topic.min.isr': inSync,
      'offsets.topic.num.partitions': '1',
      'transaction.state.log.num.partitions': '1',
      'group.initial.rebalance.delay.ms': '0',
      'group.min.session.timeout.ms': '1000',
      'transaction.abort.timed.out.transaction.cleanup.interval.ms': '1000',
      'broker.session.timeout.ms': '3000',
      'broker.heartbeat.interval.ms': '500',
      'log.retention.ms': '-1',
      'log.cleaner.dedupe.buffer.size': '4194304',
      'log.cleaner.backoff.ms': '1000',
      ...options.properties,
    }
    return Object.entries(all)
      .map(([name, value]) => `${name}=${value}\n`)
      .map((line) => line.replaceAll('{port}', String(port.client)).replaceAll('{controller}', String(port.controller)))
      .join('')
  }
}

async function choosePorts(count: number, first?: number): Promise<NodePorts[]> {
  const numbers = await freePorts(count * 2)
  return Array.from({ length: count }, (_, index) => ({
    client: (index === 0 ? first : undefined) ?? numbers[index * 2]!,
    controller: numbers[index * 2 + 1]!,
  }))
}

function foreignBroker(brokers: readonly string[]): TestBroker {
  const refuse = async () => {
    throw new Error('this broker is the one that KAFKA_BROKERS names: the tests may not stop it')
  }
  return { brokers, pids: () => [], pid: null, stop: async () => {}, kill: refuse, restart: refuse }
}
