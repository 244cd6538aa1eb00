import { spawn } from 'node:child_process'
import * as zlib from 'node:zlib'
import { beforeAll, expect, test } from 'vitest'
import type { KafkaConnection } from '../../../src/kafka/connection.ts'
import { newTopic, readAll, sharedConnection } from '../../support/kafka.ts'
import { classPath, missingTools } from '../../support/kafka-jars.ts'

let connection: KafkaConnection
beforeAll(async () => {
  connection = await sharedConnection()
})

/** What Kafka's own console producer sends. */
async function javaProduce(topic: string, codec: string, lines: readonly string[]): Promise<void> {
  const producer = ['org.apache.kafka.tools.ConsoleProducer', '--bootstrap-server', connection.brokers.join(',')]
  const settings = ['--topic', topic, '--compression-codec', codec, '--batch-size', '500000', '--timeout', '300']
  const arguments_ = ['-XX:TieredStopAtLevel=1', '-cp', await classPath(), ...producer, ...settings]
  const child = spawn('java', arguments_, { stdio: ['pipe', 'ignore', 'pipe'] })
  let talk = ''
  child.stderr.on('data', (chunk: Buffer) => {
    talk += chunk.toString('utf8')
  })
  child.stdin.end(lines.map((line) => `${line}\n`).join(''))
  const code = await new Promise((resolve) => child.once('exit', resolve))
  if (code !== 0) throw new Error(`the console producer ended with ${code}: ${talk.slice(0, 2000)}`)
}

const builtIn = 'zstdDecompress' in zlib ? ['gzip', 'snappy', 'lz4', 'zstd'] : ['gzip', 'snappy', 'lz4']

test.skipIf(missingTools() !== null).each(builtIn)(
  'what a Java producer compresses with %s is read as it was',
  async (codec) => {
    const topic = await newTopic(connection)
    // Repetition near and far, text that does not compress, long runs, empty lines.
    const lines = Array.from({ length: 5000 }, (_, index) => {
      if (index % 50 === 0) return 'a'.repeat((index * 7) % 3000)
      if (index % 7 === 0) return ''
      const noise = ((index * 2654435761) >>> 0).toString(36)
      return JSON.stringify({ type: 'track', event: 'Order Completed', index, noise, text: 'é'.repeat(index % 40) })
    })
    await javaProduce(topic, codec, lines)
    expect((await readAll(connection, topic)).map(({ value }) => value)).toEqual(lines)
  },
)
