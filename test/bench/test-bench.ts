/**
 * What the parts of the benchmark share: a real broker that has one processor while a contender has the other, a folder, events
 * in a topic, rows in a snapshot, and a configuration that joins them.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type KafkaAdmin, kafkaAdmin } from '../../src/kafka/admin.ts'
import type { KafkaConnection } from '../../src/kafka/connection.ts'
import { publish } from '../../src/kafka/publish.ts'
import { snapshotStore } from '../../src/snapshot/store.ts'
import type { RowChange } from '../../src/sync/store.ts'
import { connectionTo } from '../support/kafka.ts'
import { startBroker, type TestBroker } from '../support/kafka-broker.ts'
import { entity, eventText, mappings, productId, rowText, space, trigger } from './segment-events.ts'

export const partitions = 4
export type Format = keyof typeof mappings

export interface RunConfig {
  /** Names the configuration, the consumer group and, unless told otherwise, the output topic. */
  readonly name: string
  readonly input: string
  readonly output?: string
  readonly stateDir: string
  readonly format?: Format
  readonly delivery?: 'at_least_once' | 'exactly_once'
  /** Default: the broker itself. */
  readonly brokers?: readonly string[]
  /** An older snapshot is synced at once. Default: the program's own. */
  readonly maxAge?: string
}

export class TestBench {
  readonly folder: string
  readonly broker: TestBroker
  readonly connection: KafkaConnection
  readonly admin: KafkaAdmin
  /** The processor of the contender, null where there is one for all. */
  readonly core: number | null
  readonly #started = performance.now()
  readonly #snapshots = new Map<number, Promise<string>>()

  private constructor(parts: Pick<TestBench, 'folder' | 'broker' | 'connection' | 'admin' | 'core'>) {
    this.folder = parts.folder
    this.broker = parts.broker
    this.connection = parts.connection
    this.admin = parts.admin
    this.core = parts.core
  }

  static async open(): Promise<TestBench> {
    const [load = 0] = loadavg()
    process.stderr.write(
      `load average before the start: ${load.toFixed(2)}${load > 0.5 ? ' (not a quiet machine)' : ''}\n`,
    )
    const folder = mkdtempSync(join(tmpdir(), 'linked-events-bench-'))
    const broker = await startBroker({ dir: join(folder, 'kafka'), heapMegabytes: 1024 })
    const [core, brokerCore] = availableParallelism() > 1 ? [0, 1] : [null, null]
    for (const pid of [process.pid, broker.pid]) {
      if (pid === null || brokerCore === null) continue
      execFileSync('taskset', ['-a', '-p', '-c', String(brokerCore), String(pid)], { stdio: 'ignore' })
    }
    const connection = connectionTo(broker.brokers)
    return new TestBench({ folder, broker, connection, admin: await kafkaAdmin(connection), core })
  }

  async close(): Promise<void> {
    await this.admin.close()
    await this.broker.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }

  talk(text: string): void {
    process.stderr.write(`${((performance.now() - this.#started) / 1000).toFixed(0).padStart(4)} s  ${text}\n`)
  }

  get brokers(): string {
    return this.broker.brokers.join(',')
  }

  async createTopic(topic: string, config: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.admin.createTopics([{ topic, partitions, config }])
  }

  /** Output records so far. */
  async written(topic: string): Promise<number> {
    return (await this.admin.offsets(topic)).reduce((sum, { high }) => sum + high, 0)
  }

  /** A topic of events that look up `rows` rows, in record batches of the size that producers make. */
  async publishEvents(topic: string, { events, rows }: { events: number; rows: number }): Promise<void> {
    await this.createTopic(topic, { 'max.message.bytes': '131072' })
    function* inputs() {
      for (let number = 0; number < events; number++) {
        const key = `user-${String(number % 250_000).padStart(15, '0')}`
        yield { topic, key, value: eventText(number, rows) }
      }
    }
    await publish(this.connection, inputs())
  }

  /** The folder with a snapshot of so many rows, built when it is asked for first. */
  snapshotOf(rows: number): Promise<string> {
    let folder = this.#snapshots.get(rows)
    if (folder === undefined) {
      folder = this.#buildSnapshot(rows)
      this.#snapshots.set(rows, folder)
    }
    return folder
  }

  async #buildSnapshot(rows: number): Promise<string> {
    const dir = join(this.folder, `state-${rows}`)
    async function* changes(): AsyncGenerator<readonly RowChange[]> {
      for (let at = 0; at < rows; at += 10_000) {
        yield Array.from({ length: Math.min(10_000, rows - at) }, (_, index) => ({
          key: productId(at + index),
          row: rowText(at + index),
        }))
      }
    }
    await snapshotStore({ dir }).publish({
      entity,
      epoch: 1,
      lineage: 'bench',
      seq: 1,
      asOf: Date.now(),
      configHash: '',
      probe: null,
      reason: 'bench',
      base: 'nothing',
      changes: changes(),
      rows: () => rows,
      keep: 1,
    })
    return dir
  }

  /** `linked-events run` as installed. */
  program(config: RunConfig, nodeOptions: readonly string[] = []): string[] {
    const program = new URL('../../dist/main.js', import.meta.url).pathname
    return ['node', ...nodeOptions, program, 'run', '--config', this.#configFile(config)]
  }

  #configFile(options: RunConfig): string {
    const { name, input, output = name, stateDir, maxAge, format = 'event', delivery = 'at_least_once' } = options
    writeFileSync(
      join(this.folder, 'graph.hcl'),
      `entity "${entity}" {\n  name = "Product"\n  table_ref = "products"\n  primary_key = "PRODUCT_ID"\n  enrichment_enabled = true\n}\n`,
    )
    const mapping = {
      name: 'Order Completed',
      action: 'logEvent',
      trigger,
      entities: [{ entity, match: '$.properties.product_id', on_missing: 'pass' }],
      mapping: mappings[format],
    }
    const config = {
      space,
      data_graph: './graph.hcl',
      state_dir: stateDir,
      warehouse: { type: 'duckdb', path: './warehouse.duckdb' },
      entities: {
        [entity]: { schedule: { strategy: 'MANUAL' }, ...(maxAge === undefined ? {} : { max_age: maxAge }) },
      },
      source: { kafka: { topics: [input], group: name } },
      dead_letters: { topic: output },
      destinations: [
        {
          slug: 'amplitude',
          output: { topic: output, format: format === 'event' ? 'event' : 'payload' },
          mappings: [mapping],
        },
      ],
      kafka: { brokers: options.brokers ?? this.broker.brokers, delivery },
      http: { host: '127.0.0.1', port: 0 },
    }
    const file = join(this.folder, `${name}.yaml`)
    writeFileSync(file, JSON.stringify(config, null, 2))
    return file
  }
}
