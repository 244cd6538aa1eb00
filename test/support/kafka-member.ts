/**
 * A process that consumes a topic as a member of a group and passes every message on, to be killed by fault tests.
 * Arguments: brokers, input, output, group, session milliseconds. Prints `assigned N` at each assignment.
 */
import { kafkaSink } from '../../src/kafka/sink.ts'
import { kafkaSource } from '../../src/kafka/source.ts'
import { connectionTo } from './kafka.ts'

const [brokers = '', input = '', output = '', group = '', session = '6000'] = process.argv.slice(2)
const connection = connectionTo(brokers.split(','))
const source = await kafkaSource({
  connection,
  topics: [input],
  group,
  untilEnd: false,
  sessionTimeoutMs: Number(session),
  maxBytesPerPartition: 2000,
  tell: (fact) => {
    if (fact.name === 'partitions-assigned') console.log(`assigned ${fact.partitions.length}`)
  },
})
const sink = await kafkaSink({ connection, targets: [output], deadLetterTopic: null, inputs: [input], tell: () => {} })
const abort = new AbortController()
process.on('SIGTERM', () => abort.abort())
const provenance = {
  destination: 'd',
  action: 'a',
  mapping: 'm',
  outcome: 'full' as const,
  entities: '',
  eventIdPrefix: 'id',
}
await source.consume(async (batch) => {
  const outputs = sink.begin(batch)
  batch.each((message) => {
    const value = message.bytes.subarray(message.valueStart, message.valueEnd)
    outputs.deliver({ topic: output }, message, value, provenance)
  })
  await new Promise((resolve) => setTimeout(resolve, 15))
  await outputs.flush()
  await batch.acknowledge()
}, abort.signal)
await Promise.all([source.close(), sink.close()])
console.log('left')
