/** The main job on a real broker: `run` as processes of their own, killed and stopped as in life. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { deadLetterReasons } from '../../../src/enrich/outcome.ts'
import { type PublishRecord, publish } from '../../../src/kafka/publish.ts'
import { folder, json, linkedEvents, type Started, start } from '../../support/cli.ts'
import { connectionTo, type ReadRecord, readAll, unique, until, withAdmin } from '../../support/kafka.ts'
import { poison } from '../../support/poison.ts'
import { duckdb, shopGraph, shopTables } from '../../support/shop.ts'

const brokers = (process.env.KAFKA_BROKERS ?? '').split(',')
const connection = connectionTo(brokers)

interface Job {
  readonly cwd: string
  readonly input: string
  readonly events: string
  readonly payloads: string
  readonly letters: string
  readonly group: string
}

interface JobOptions {
  readonly partitions?: number
  readonly sessionTimeout?: string
}

/** Topics, tables and texts of one job. A second folder with the same topics is a second process's. */
async function job({
  partitions = 4,
  sessionTimeout = '6s',
}: JobOptions = {}): Promise<Job & { second(): Promise<string> }> {
  const name = unique('job')
  const topics = { input: `${name}.in`, events: `${name}.events`, payloads: `${name}.payloads`, letters: `${name}.dlq` }
  await withAdmin(connection, (admin) =>
    admin.createTopics([
      { topic: topics.input, partitions, config: { 'max.message.bytes': '2000000' } },
      { topic: topics.events, partitions },
      { topic: topics.payloads, partitions: 1 },
      { topic: topics.letters, partitions: 1, config: { 'max.message.bytes': '4000000' } },
    ]),
  )
  const text = config({ ...topics, group: name, sessionTimeout })
  const make = async () => {
    const cwd = folder({ 'linked-events.yaml': text, 'data-graph.hcl': shopGraph })
    await duckdb(join(cwd, 'warehouse.duckdb'), shopTables)
    return cwd
  }
  return { cwd: await make(), ...topics, group: name, second: make }
}

function config(topics: {
  input: string
  events: string
  payloads: string
  letters: string
  group: string
  sessionTimeout: string
}): string {
  return `space: shop
data_graph: ./data-graph.hcl
warehouse: { type: duckdb, path: ./warehouse.duckdb }
source: { kafka: { topics: [${topics.input}], group: ${topics.group} } }
dead_letters: { topic: ${topics.letters} }
kafka: { brokers: [${brokers.map((broker) => `"${broker}"`).join(', ')}], session_timeout: ${topics.sessionTimeout} }
http: { port: 0 }
destinations:
  - slug: events
    output: { topic: ${topics.events}, format: event }
    mappings:
      - name: All
        action: log
        trigger: type = "track"
        entities: [{ entity: product, match: $.properties.sku }]
        mapping: { properties: { product: { "@path": $.__segment_entities.shop.product.NAME } } }
  - slug: payloads
    output: { topic: ${topics.payloads} }
    mappings:
      - name: Number
        action: send
        trigger: type = "track"
        mapping: { n: { "@path": $.properties.n } }
`
}

const order = (n: number, more: object = {}) =>
  JSON.stringify({ type: 'track', event: 'Order', properties: { sku: n % 3 === 0 ? 'SKU-1' : 'gone', n, ...more } })
const header = (record: ReadRecord, name: string) => record.headers.find(([key]) => key === name)?.[1]

describe('run --until-end', () => {
  test('keys, timestamps, partitions and headers are those of the input, and ours are added', async () => {
    const { cwd, input, events, payloads, letters } = await job()
    await publish(connection, [
      {
        topic: input,
        partition: 2,
        key: 'k-1',
        value: order(0),
        timestamp: 1_700_000_000_123,
        headers: [
          ['trace', 'abc'],
          ['trace', 'def'],
          ['nothing', null],
          ['le.outcome', 'forged'],
          ['le.custom', 'kept'],
        ],
      },
      { topic: input, partition: 1, key: null, value: order(1), timestamp: 1_700_000_000_456 },
      {
        topic: input,
        partition: 2,
        key: 'k-2',
        value: 'not json',
        timestamp: 1_700_000_000_789,
        headers: [['trace', 'ghi']],
      },
      { topic: input, partition: 3, key: 'k-3', value: '{"type":"page"}' },
    ])
    const summary = await json(['run', '--until-end'], { cwd })
    expect(summary).toMatchObject({
      ok: true,
      exit: 0,
      consumed: 4,
      delivered: 4,
      outcomes: { full: 1, none: 1, bypassed: 2, filtered: 2, dead_letter: 1 },
    })

    const [one, two] = await readAll(connection, events)
    expect(two).toMatchObject({
      partition: 2,
      key: 'k-1',
      timestamp: 1_700_000_000_123,
      value: order(0).replace('"n":0', '"n":0,"product":"Hat"'),
    })
    expect(one).toMatchObject({ partition: 1, key: null, timestamp: 1_700_000_000_456, value: order(1) })
    expect(two?.headers).toEqual([
      ['trace', 'abc'],
      ['trace', 'def'],
      ['nothing', null],
      ['le.custom', 'kept'],
      ['le.destination', 'events'],
      ['le.action', 'log'],
      ['le.mapping', 'All'],
      ['le.outcome', 'full'],
      ['le.entities', 'product=hit@1'],
      ['le.source', `${input}/2/0`],
      ['le.event_id', expect.stringMatching(/^[0-9a-f]{24}-2-0$/)],
    ])
    expect((await readAll(connection, payloads)).map(({ value }) => value).sort()).toEqual(['{"n":0}', '{"n":1}'])

    const [letter] = await readAll(connection, letters)
    expect(letter).toMatchObject({ key: 'k-2', value: 'not json', timestamp: 1_700_000_000_789 })
    expect(Object.fromEntries(letter?.headers ?? [])).toMatchObject({
      trace: 'ghi',
      'le.reason': 'invalid_json',
      '__connect.errors.topic': input,
      '__connect.errors.partition': '2',
      '__connect.errors.offset': '1',
    })

    // Everything is committed: a second run finds nothing to do.
    expect(await json(['run', '--until-end'], { cwd })).toMatchObject({ ok: true, consumed: 0 })
    const status = await json<{ kafka: string; partitions: { lag: number; end: number }[] }>(['status'], { cwd })
    expect(status.kafka).toBe('connected')
    expect(status.partitions.map(({ lag }) => lag)).toEqual([0, 0, 0, 0])
  })

  test('two hundred kinds of broken message are all classified, with their bytes, and nothing stops', async () => {
    const { cwd, input, events, letters } = await job({ partitions: 1 })
    const all = poison()
    expect(all.length).toBeGreaterThanOrEqual(200)
    const records: PublishRecord[] = all.flatMap(({ value }, n) => [
      { topic: input, partition: 0, key: `p-${n}`, value },
      { topic: input, partition: 0, key: `e-${n}`, value: order(n) },
    ])
    await publish(connection, records)
    const summary = await json(['run', '--until-end'], { cwd })
    expect(summary).toMatchObject({
      ok: true,
      consumed: 2 * all.length,
      outcomes: { dead_letter: all.length, bypassed: all.length },
    })
    expect(await readAll(connection, events)).toHaveLength(all.length)
    const found = await readAll(connection, letters)
    expect(found.map((letter) => [letter.key, header(letter, 'le.reason')])).toEqual(
      all.map(({ reason }, n) => [`p-${n}`, reason]),
    )
    for (const [n, letter] of found.entries()) expect(letter.value).toBe(all[n]!.value?.toString('utf8') ?? null)
    for (const letter of found) expect(Object.keys(deadLetterReasons)).toContain(header(letter, 'le.reason'))
  })

  test('dlq list, show and retry: a corrected mapping gets the message again, once', async () => {
    const { cwd, input, letters } = await job({ partitions: 1 })
    await publish(connection, [{ topic: input, partition: 0, key: 'k', value: 'broken', headers: [['trace', 'x']] }])
    await json(['run', '--until-end'], { cwd })
    const { stdout } = await linkedEvents(['dlq', 'list', '--json'], { cwd })
    expect(JSON.parse(stdout)).toMatchObject({ reason: 'invalid_json', topic: input, partition: 0, offset: 0, size: 6 })
    expect(await json(['dlq', 'show', '1'], { cwd })).toMatchObject({ key: 'k', value: 'broken' })
    expect(await json(['dlq', 'retry', '--dry-run'], { cwd })).toMatchObject({ ok: true, retried: 1 })
    expect(await json(['dlq', 'retry'], { cwd })).toMatchObject({ ok: true, retried: 1 })
    expect(await json(['dlq', 'retry'], { cwd })).toMatchObject({ ok: true, retried: 0 })
    expect((await readAll(connection, input)).map(({ key, value, headers }) => ({ key, value, headers }))).toEqual([
      { key: 'k', value: 'broken', headers: [['trace', 'x']] },
      { key: 'k', value: 'broken', headers: [['trace', 'x']] },
    ])
    await json(['run', '--until-end'], { cwd })
    expect(await readAll(connection, letters)).toHaveLength(2)
  })
})

describe('a consumer group of two', () => {
  test('shares the partitions; a killed member loses nothing, order holds, and SIGTERM drains with exit 0', async () => {
    const count = 20_000
    const { cwd, second, input, events, group } = await job({ partitions: 4 })
    const one = start(['run'], { cwd, open: true })
    const two = start(['run'], { cwd: await second(), open: true })
    await until(() => assigned(one) === 2 && assigned(two) === 2, 'each has two of the four partitions', 60)

    const publishing = publish(connection, records(input, count))
    await until(async () => (await lagOf(group, input)).committed > 1000, 'some are committed')
    two.child.kill('SIGKILL')
    await publishing
    await until(() => assigned(one) === 4, 'the survivor has all four', 40)
    await until(async () => (await lagOf(group, input)).lag === 0, 'everything is committed', 60)

    const stopping = Date.now()
    one.child.kill('SIGTERM')
    const { code } = await one.ended
    expect(code).toBe(0)
    expect(Date.now() - stopping).toBeLessThan(10_000)

    const seen = new Map<number, number[]>()
    const ids = new Map<string, string>()
    for (const record of await readAll(connection, events)) {
      const n = (JSON.parse(record.value!) as { properties: { n: number } }).properties.n
      const id = header(record, 'le.event_id')!
      if (ids.has(id))
        expect(ids.get(id)).toBe(record.value) // a repetition is the same record again, and its id says so
      else seen.set(record.partition, [...(seen.get(record.partition) ?? []), n])
      ids.set(id, record.value!)
    }
    const all = [...seen.values()].flat()
    expect(all).toHaveLength(count)
    expect(new Set(all).size).toBe(count)
    for (const numbers of seen.values()) expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
  }, 180_000)

  test('a member that leaves by SIGTERM hands over without a repetition', async () => {
    const count = 10_000
    const { cwd, second, input, events, group } = await job({ partitions: 4 })
    const one = start(['run'], { cwd, open: true })
    const two = start(['run'], { cwd: await second(), open: true })
    await until(() => assigned(one) === 2 && assigned(two) === 2, 'each has two of the four partitions', 60)
    const publishing = publish(connection, records(input, count))
    await until(async () => (await lagOf(group, input)).committed > 500, 'some are committed')
    two.child.kill('SIGTERM')
    expect((await two.ended).code).toBe(0)
    await publishing
    await until(async () => (await lagOf(group, input)).lag === 0, 'everything is committed', 60)
    one.child.kill('SIGTERM')
    expect((await one.ended).code).toBe(0)
    const ids = (await readAll(connection, events)).map((record) => header(record, 'le.event_id'))
    expect(ids).toHaveLength(count)
    expect(new Set(ids).size).toBe(count)
  }, 120_000)
})

describe('bad surroundings', () => {
  test('a topic that does not exist: its name, exit 69, nothing created', async () => {
    const { cwd, input } = await job()
    const text = readFileSync(join(cwd, 'linked-events.yaml'), 'utf8').replaceAll(`[${input}]`, '[no-such-topic]')
    const other = folder({ 'linked-events.yaml': text, 'data-graph.hcl': shopGraph })
    await duckdb(join(other, 'warehouse.duckdb'), shopTables)
    const result = await json(['run', '--until-end'], { cwd: other })
    expect(result).toMatchObject({
      ok: false,
      exit: 69,
      error: { code: 'KAFKA_TOPIC_MISSING', message: expect.stringContaining('no-such-topic') },
    })
    expect(await withAdmin(connection, (admin) => admin.topics())).not.toContain('no-such-topic')
    const doctor = await json<{ checks: { name: string; ok: boolean; fix: string | null }[] }>(['doctor'], {
      cwd: other,
    })
    expect(doctor).toMatchObject({ ok: false, exit: 1 })
    expect(doctor.checks.find(({ name }) => name === 'topic no-such-topic')).toMatchObject({
      ok: false,
      fix: expect.stringContaining('--create'),
    })
  })

  test('a broker that is not there: exit 69 in bounded time', async () => {
    const { cwd } = await job()
    const text = readFileSync(join(cwd, 'linked-events.yaml'), 'utf8').replace(
      /brokers: \[[^\]]*\]/,
      'brokers: ["127.0.0.1:1"]',
    )
    const other = folder({ 'linked-events.yaml': text, 'data-graph.hcl': shopGraph })
    expect(await json(['run', '--until-end'], { cwd: other })).toMatchObject({
      ok: false,
      exit: 69,
      error: { code: 'KAFKA_UNAVAILABLE' },
    })
    expect(await json(['status'], { cwd: other })).toMatchObject({
      exit: 0,
      kafka: expect.stringContaining('127.0.0.1:1'),
    })
  })
})

function* records(topic: string, count: number): Generator<PublishRecord> {
  for (let n = 0; n < count; n++)
    yield { topic, partition: n % 4, key: `k-${n}`, value: order(n, { filler: 'x'.repeat(400) }) }
}

/** Partitions that a process says it has, by its newest log line about it. */
function assigned({ output }: Started): number {
  const line = output.stderr.split('\n').findLast((one) => one.includes('partitions assigned'))
  return line === undefined ? 0 : (JSON.parse(line) as { partitions: string[] }).partitions.length
}

async function lagOf(group: string, topic: string): Promise<{ lag: number; committed: number }> {
  const partitions = await withAdmin(connection, (admin) => admin.lag(group, [topic]))
  return {
    lag: partitions.reduce((sum, { lag }) => sum + lag, 0),
    committed: partitions.reduce((sum, { offset }) => sum + (offset ?? 0), 0),
  }
}
