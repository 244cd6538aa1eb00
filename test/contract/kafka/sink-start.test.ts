/** What a sink asks of the brokers while it is opened. */
import { test } from 'vitest'
import type { KafkaConnection } from '../../../src/kafka/connection.ts'
import { kafkaSink } from '../../../src/kafka/sink.ts'
import { newTopic, until } from '../../support/kafka.ts'
import { api, type KafkaProxy, useSpoiledBroker } from '../../support/kafka-proxy.ts'

let proxy: KafkaProxy
let connection: KafkaConnection
useSpoiledBroker((made) => {
  proxy = made.proxy
  connection = made.connection
})

test('a sink asks for its producer id when it is opened, and opens without one', async () => {
  const topic = await newTopic(connection)
  let asked = 0
  proxy.spoil = ({ key }) => {
    if (key !== api.initProducerId) return null
    asked++
    return { kind: 'lose request' }
  }
  const sink = await kafkaSink({ connection, targets: [topic], deadLetterTopic: null, tell: () => {} })
  await until(() => asked > 0, 'the producer id is asked for')
  await sink.close()
})
