/** `delivery: exactly_once`, as the program does it: run, kill -9, doctor, replay. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { publish } from '../../../src/kafka/publish.ts'
import { folder, json, start } from '../../support/cli.ts'
import { connectionTo, readAll, unique, until, withAdmin } from '../../support/kafka.ts'
import { duckdb, shopGraph, shopTables } from '../../support/shop.ts'

const brokers = (process.env.KAFKA_BROKERS ?? '').split(',')
const connection = connectionTo(brokers)
const name = unique('once')
const [input, output, letters] = [`${name}.in`, `${name}.out`, `${name}.dlq`]
const count = 20_000

async function stateFolder(): Promise<string> {
  const cwd = folder({
    'linked-events.yaml': `space: shop
data_graph: ./data-graph.hcl
warehouse: { type: duckdb, path: ./warehouse.duckdb }
source: { kafka: { topics: [${input}], group: ${name} } }
dead_letters: { topic: ${letters} }
kafka: { brokers: ${JSON.stringify(brokers)}, delivery: exactly_once, session_timeout: 3s }
http: { port: 0 }
destinations:
  - slug: out
    output: { topic: ${output}, format: event }
    mappings:
      - name: All
        action: log
        trigger: type = "track"
        entities: [{ entity: product, match: $.properties.sku }]
        mapping: { properties: { product: { "@path": $.__segment_entities.shop.product.NAME } } }
`,
    'data-graph.hcl': shopGraph,
  })
  await duckdb(join(cwd, 'warehouse.duckdb'), shopTables)
  return cwd
}

function* records(from: number, to: number) {
  for (let n = from; n < to; n++) {
    const event = { type: 'track', properties: { sku: 'SKU-1', n, filler: 'x'.repeat(400) } }
    yield { topic: input, partition: n % 4, key: `k-${n}`, value: n % 100 === 5 ? `${n}` : JSON.stringify(event) }
  }
}

async function numbersOf(topic: string): Promise<number[]> {
  const values = (await readAll(connection, topic)).map(({ value }) => JSON.parse(value!))
  return values.map((value) => (typeof value === 'number' ? value : value.properties.n)).sort((a, b) => a - b)
}

test('killed members lose and repeat nothing, doctor has tried the right, and a replay is exact as well', async () => {
  await withAdmin(connection, (admin) =>
    admin.createTopics([
      { topic: input, partitions: 4, config: { 'max.message.bytes': '20000' } },
      ...[output, letters, `${output}.replay`].map((topic) => ({ topic, partitions: 4 })),
    ]),
  )
  const [one, two] = [await stateFolder(), await stateFolder()]
  const doctor = await json<{ checks: { name: string; ok: boolean }[] }>(['doctor'], { cwd: one })
  for (const name of ['transactions', 'transactions that hang'])
    expect(doctor.checks.find((check) => check.name === name)).toMatchObject({ ok: true })

  let running = start(['run'], { cwd: one, open: true })
  const other = start(['run'], { cwd: two, open: true })
  for (let kill = 0; kill < 3; kill++) {
    const publishing = publish(connection, records((count / 4) * kill, (count / 4) * (kill + 1)))
    const before = (await readAll(connection, output)).length
    await until(async () => (await readAll(connection, output)).length > before, 'some are out', 60)
    running.child.kill('SIGKILL')
    await running.ended
    running = start(['run'], { cwd: one, open: true })
    await publishing
  }
  await publish(connection, records((count / 4) * 3, count))
  const lag = () => withAdmin(connection, (admin) => admin.lag(name, [input]))
  await until(async () => (await lag()).every((each) => each.lag === 0), 'everything is committed', 60)
  // The other one may have done everything before this one hears signals.
  await until(() => running.output.stderr.includes('"started"'), 'the last one has started')
  for (const { child } of [running, other]) child.kill('SIGTERM')
  expect([(await running.ended).code, (await other.ended).code]).toEqual([0, 0])

  const all = Array.from({ length: count }, (_, n) => n)
  expect(await numbersOf(output)).toEqual(all.filter((n) => n % 100 !== 5))
  expect(await numbersOf(letters)).toEqual(all.filter((n) => n % 100 === 5))

  const bounds = ['--from', 'earliest', '--to', 'latest', '--topic', input, '--yes']
  const replayed = await json(['replay', ...bounds], { cwd: one })
  expect(replayed).toMatchObject({ ok: true, events: count })
  expect(await numbersOf(`${output}.replay`)).toEqual(all.filter((n) => n % 100 !== 5))
}, 240_000)
