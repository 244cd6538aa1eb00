/**
 * Starts the real servers that tests need, once for a whole run: Apache Kafka and PostgreSQL. What cannot start is named with
 * the line that would make it start; with CI set that is a failure, elsewhere the tests that need it are skipped, loudly.
 */
import type { TestProject } from 'vitest/node'
import { sharedBroker } from './kafka-broker.ts'
import { sharedPostgres } from './postgres.ts'

interface Started {
  users: number
  readonly servers: Promise<readonly (() => Promise<void>)[]>
}

const key = Symbol.for('linked-events.test.servers')
const shared = globalThis as { [key]?: Started }

declare module 'vitest' {
  export interface ProvidedContext {
    /** Brokers, comma-separated, or null when none could start. */
    kafka: string | null
    /** Connection URL, or null when PostgreSQL could not start. */
    postgres: string | null
  }
}

let kafka: string | null = null
let postgres: string | null = null

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const started = (shared[key] ??= { users: 0, servers: startAll() })
  started.users++
  const stops = await started.servers
  project.provide('kafka', process.env.KAFKA_BROKERS ?? kafka)
  project.provide('postgres', process.env.PG_URL ?? postgres)
  return async () => {
    if (--started.users > 0) return
    delete shared[key]
    for (const stop of stops) await stop()
  }
}

async function startAll(): Promise<(() => Promise<void>)[]> {
  const [broker, database] = await Promise.all([
    attempt('Apache Kafka', sharedBroker),
    attempt('PostgreSQL', sharedPostgres),
  ])
  if (broker !== null) process.env.KAFKA_BROKERS = kafka = broker.brokers.join(',')
  if (database !== null) process.env.PG_URL = postgres = database.url
  return [broker, database].flatMap((server) => (server === null ? [] : [async () => void (await server.stop())]))
}

async function attempt<T>(name: string, start: () => Promise<T>): Promise<T | null> {
  try {
    return await start()
  } catch (error) {
    const message = `${name} could not start, and tests need it: ${(error as Error).message}`
    if (process.env.CI === 'true') throw new Error(message, { cause: error })
    process.stderr.write(`\n${'!'.repeat(100)}\n! ${message.replaceAll('\n', '\n! ')}\n${'!'.repeat(100)}\n\n`)
    return null
  }
}
