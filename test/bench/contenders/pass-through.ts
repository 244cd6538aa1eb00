/** The cheapest pass-through that our reader and writer can do: every value replaced by one of the same size, nothing looked at. */
import type { Provenance } from '../../../src/enrich/provenance.ts'
import { kafkaSink } from '../../../src/kafka/sink.ts'
import { kafkaSource } from '../../../src/kafka/source.ts'
import { memory, reserve } from '../../../src/memory.ts'

const [brokers = '', input = '', output = '', bytes = ''] = process.argv.slice(2)
const connection = { brokers: brokers.split(','), clientId: 'bench', tls: null, sasl: null }
const address = reserve(Number(bytes))
const value = { bytes: memory, start: address, end: address + Number(bytes) }
memory.fill('x', value.start, value.end)
const target = { topic: output }
const provenance: Provenance = {
  destination: 'amplitude',
  action: 'logEvent',
  mapping: 'Order Completed',
  outcome: 'full',
  entities: 'product-entity=hit@1',
  eventIdPrefix: '0123456789abcdef01234567',
}
const tell = () => {}
const stop = new AbortController()
process.once('SIGTERM', () => stop.abort())

const sink = await kafkaSink({ connection, targets: [output], deadLetterTopic: null, tell, inputs: [input] })
const source = await kafkaSource({ connection, topics: [input], group: output, untilEnd: false, tell })
await source.consume(async (batch) => {
  const outputs = sink.begin(batch)
  batch.each((message) => outputs.deliver(target, message, value, provenance))
  await outputs.flush()
  await batch.acknowledge()
}, stop.signal)
await source.close()
await sink.close()
