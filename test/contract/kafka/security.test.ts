import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, Kafka, logLevel, ResourcePatternTypes } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kafkaAdmin } from '../../../src/kafka/admin.ts'
import type { KafkaConnection, KafkaSasl } from '../../../src/kafka/connection.ts'
import { publish } from '../../../src/kafka/publish.ts'
import { kafkaSource } from '../../../src/kafka/source.ts'
import { openTransactions } from '../../../src/kafka/transactions.ts'
import { connectionTo, newTopic, readAll, unique, until } from '../../support/kafka.ts'
import { startBroker, type TestBroker } from '../../support/kafka-broker.ts'
import { freePorts } from '../../support/ports.ts'

const fixture = (name: string) => fileURLToPath(new URL(`../../fixtures/kafka-tls/${name}`, import.meta.url))
const ca = readFileSync(fixture('cert.pem'), 'utf8')
const login = (password: string): KafkaSasl => ({ mechanism: 'plain', username: 'app', password })

let broker: TestBroker
let open: KafkaConnection
let secure: KafkaConnection

/** A broker with a second listener: TLS with a certificate of our own, users that log in, and rules for what they may do. */
beforeAll(async () => {
  const [port] = await freePorts(1)
  const oneLine = (name: string) => readFileSync(fixture(name), 'utf8').trim().replaceAll('\n', '\\n')
  broker = await startBroker({
    properties: {
      listeners: `PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},SASL_SSL://127.0.0.1:${port}`,
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL',
      'sasl.enabled.mechanisms': 'PLAIN',
      'listener.name.sasl_ssl.plain.sasl.jaas.config':
        'org.apache.kafka.common.security.plain.PlainLoginModule required user_app="secret" user_nobody="secret";',
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.certificate.chain': oneLine('cert.pem'),
      'ssl.keystore.key': oneLine('key.pem'),
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:ANONYMOUS;User:app',
    },
  })
  open = connectionTo(broker.brokers)
  secure = { brokers: [`127.0.0.1:${port}`], clientId: 'test', tls: { ca }, sasl: login('secret') }
})
afterAll(() => broker?.stop())

describe('over TLS, logged in', () => {
  test('megabytes go out and come back as they were', async () => {
    const topic = await newTopic(secure)
    const value = 'x'.repeat(300_000)
    await publish(
      secure,
      Array.from({ length: 20 }, (_, index) => ({ topic, key: null, value: `${index}${value}` })),
    )
    const back = await readAll(secure, topic)
    expect(back.map((record) => record.value)).toEqual(Array.from({ length: 20 }, (_, index) => `${index}${value}`))
  })

  test('a group consumes', async () => {
    const topic = await newTopic(secure)
    await publish(secure, [{ topic, key: null, value: 'v' }])
    const source = await kafkaSource({
      connection: secure,
      topics: [topic],
      group: topic,
      untilEnd: true,
      tell: () => {},
    })
    let count = 0
    await source.consume(async (batch) => {
      count += batch.count
      await batch.acknowledge()
    }, new AbortController().signal)
    await source.close()
    expect(count).toBe(1)
  })
})

describe('what is not allowed is KAFKA_DENIED', () => {
  const denied = { code: 'KAFKA_DENIED' }

  test('a wrong password', async () => {
    await expect(kafkaAdmin({ ...secure, sasl: login('wrong') })).rejects.toMatchObject(denied)
  })

  test('reading a topic without the right to', async () => {
    const topic = await newTopic(open)
    const nobody: KafkaConnection = { ...secure, sasl: { mechanism: 'plain', username: 'nobody', password: 'secret' } }
    const source = kafkaSource({
      connection: nobody,
      topics: [topic],
      group: unique('g'),
      untilEnd: false,
      tell: () => {},
    })
    await expect(source).rejects.toMatchObject(denied)
  })
})

test('transactions that hang are looked for where reading the outputs is allowed, and transactions begin without', async () => {
  const output = await newTopic(open)
  const group = unique('g')
  const nobody: KafkaConnection = { ...secure, sasl: { mechanism: 'plain', username: 'nobody', password: 'secret' } }
  const admin = new Kafka({ brokers: [...open.brokers], logLevel: logLevel.NOTHING }).admin()
  const allow = (resourceType: AclResourceTypes, resourceName: string, operation: AclOperationTypes) =>
    admin.createAcls({
      acl: [
        {
          ...{ resourceType, resourceName, operation, principal: 'User:nobody', host: '*' },
          resourcePatternType: ResourcePatternTypes.LITERAL,
          permissionType: AclPermissionTypes.ALLOW,
        },
      ],
    })
  await admin.connect()
  await allow(AclResourceTypes.TOPIC, output, AclOperationTypes.WRITE)
  await allow(AclResourceTypes.TRANSACTIONAL_ID, `${group}.one`, AclOperationTypes.WRITE)
  await allow(AclResourceTypes.GROUP, group, AclOperationTypes.READ)
  const options = { connection: nobody, transactionalId: `${group}.one`, group, outputs: [output], tell: () => {} }
  const transactions = await openTransactions(options)
  expect(await transactions.maySeeHanging()).toBe(false)
  await allow(AclResourceTypes.TOPIC, output, AclOperationTypes.READ)
  await until(() => transactions.maySeeHanging(), 'it may')
  await transactions.close()
  await admin.disconnect()
})

test('a certificate of nobody we trust is not accepted', { timeout: 40_000 }, async () => {
  const { tls: _, ...rest } = secure
  await expect(kafkaAdmin({ ...rest, tls: {} })).rejects.toMatchObject({
    code: 'KAFKA_UNAVAILABLE',
    message: expect.stringContaining('certificate'),
  })
})
