/**
 * Starts the real servers that tests need, once for a whole run: Apache Kafka and PostgreSQL. What this machine cannot start
 * is named loudly with the line that would make it start, and its tests are left out; with CI=true that is a failure.
 */

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { sharedBroker } from './kafka-broker.ts'
import { missingTools } from './kafka-jars.ts'
import { missingPython } from './librdkafka.ts'
import { sharedPostgres } from './postgres.ts'

interface Started {
  users: number
  readonly servers: Promise<readonly (() => Promise<void>)[]>
}

const key = Symbol.for('linked-events.test.servers')
const shared = globalThis as { [key]?: Started }

/** What cannot start on this machine: a sentence for each, and the tests that need it. */
export function missingServers(): { readonly messages: readonly string[]; readonly tests: readonly string[] } {
  const messages: string[] = []
  const tests: string[] = []
  const kafka = process.env.KAFKA_BROKERS === undefined ? missingTools() : null
  if (kafka !== null && spawnSync('docker', ['info']).status !== 0) {
    messages.push(`No Kafka: ${kafka}. Or set KAFKA_BROKERS, or start Docker.`)
    tests.push('test/**/kafka/**')
  }
  const python = missingPython()
  if (python !== null) {
    messages.push(`No librdkafka: ${python}.`)
    tests.push('test/contract/kafka/transactions.test.ts')
    tests.push(
      ...['kills', 'members', 'transaction-steps', 'zombies'].map((name) => `test/fault/kafka/${name}.test.ts`),
    )
  }
  const folder = '/usr/lib/postgresql'
  const postgres =
    existsSync(folder) && readdirSync(folder).some((version) => existsSync(`${folder}/${version}/bin/initdb`))
  if (process.env.PG_URL === undefined && !postgres) {
    messages.push('No PostgreSQL: apt-get install postgresql. Or set PG_URL.')
    tests.push('test/fault/sync.test.ts', 'test/integration/kafka/readme.test.ts')
    tests.push('test/contract/warehouse.test.ts', 'test/contract/warehouse-redshift.test.ts')
  }
  if (process.env.CI === 'true' && messages.length > 0)
    throw new Error(`tests need servers that cannot start here:\n${messages.join('\n')}`)
  return { messages, tests }
}

export default async function setup(): Promise<() => Promise<void>> {
  shared[key] ??= { users: 0, servers: startAll() }
  const started = shared[key]
  started.users++
  const stops = await started.servers
  return async () => {
    if (--started.users > 0) return
    delete shared[key]
    for (const stop of stops) await stop()
  }
}

async function startAll(): Promise<(() => Promise<void>)[]> {
  const { messages } = missingServers()
  if (messages.length > 0) {
    const line = '!'.repeat(100)
    process.stderr.write(
      `\n${line}\n${messages.map((message) => `! ${message}\n! Its tests are LEFT OUT of this run.\n`).join('')}${line}\n\n`,
    )
  }
  const broker = messages.some((message) => message.startsWith('No Kafka')) ? null : sharedBroker()
  const database = messages.some((message) => message.startsWith('No PostgreSQL')) ? null : sharedPostgres()
  const stops: (() => Promise<void>)[] = []
  if (broker !== null) {
    process.env.KAFKA_BROKERS = (await broker).brokers.join(',')
    stops.push(async () => void (await (await broker).stop()))
  }
  if (database !== null) {
    process.env.PG_URL = (await database).url
    stops.push(async () => (await database).stop())
  }
  return stops
}
