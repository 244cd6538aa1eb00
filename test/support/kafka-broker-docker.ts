/** The third choice for a test broker: one container, where a docker engine answers and Java does not. */
import { spawnSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestBroker } from './kafka-broker.ts'
import { kafkaVersion } from './kafka-jars.ts'
import { freePort } from './ports.ts'

const readySecondsMax = 120

/** Starts a container, or throws `missing`: what is missing to start a broker without docker. */
export async function startDockerBroker(missing: string): Promise<TestBroker> {
  if (spawnSync('docker', ['info']).status !== 0) throw new Error(`${missing} (a running docker engine would do, too)`)
  const port = await freePort()
  const environment = {
    KAFKA_NODE_ID: '1',
    KAFKA_PROCESS_ROLES: 'broker,controller',
    KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
    KAFKA_LISTENERS: `PLAINTEXT://:${port},CONTROLLER://:9093`,
    KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://127.0.0.1:${port}`,
    KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
    KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
    KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
    KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS: '1',
    KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
    KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
    KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
    KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS: '1000',
  }
  const settings = Object.entries(environment).flatMap(([name, value]) => ['-e', `${name}=${value}`])
  const name = `linked-events-kafka-${process.pid}-${port}`
  docker('run', '-d', '--name', name, '-p', `127.0.0.1:${port}:${port}`, ...settings, `apache/kafka:${kafkaVersion}`)
  process.on('exit', () => spawnSync('docker', ['rm', '-f', name]))
  await ready(name)
  return {
    brokers: [`127.0.0.1:${port}`],
    pids: () => [],
    pid: null,
    stop: async () => docker('rm', '-f', name),
    kill: async () => docker('kill', name),
    restart: async () => {
      docker('start', name)
      await ready(name)
    },
  }
}

async function ready(name: string): Promise<void> {
  for (let left = readySecondsMax * 2; left > 0; left--) {
    const log = spawnSync('docker', ['logs', '--since', '2m', name], { encoding: 'utf8' })
    if (`${log.stdout}${log.stderr}`.includes('Kafka Server started')) return
    await sleep(500)
  }
  throw new Error(`the container ${name} was not ready after ${readySecondsMax} s`)
}

function docker(...args: string[]): void {
  const done = spawnSync('docker', args, { encoding: 'utf8' })
  if (done.status !== 0) throw new Error(`docker ${args[0]} failed: ${done.stderr}`)
}
