import { beforeAll, describe, expect, test } from 'vitest'
import type { KafkaConnection } from '../../../src/kafka/connection.ts'
import { judge, newLane, nothingWrong, partitions, publishNumbers } from '../../support/delivery.ts'
import { enrichToEnd } from '../../support/enrich-lane.ts'
import { sharedConnection, withAdmin } from '../../support/kafka.ts'

let connection: KafkaConnection
beforeAll(async () => {
  connection = await sharedConnection()
})

describe('exactly once', () => {
  test('outputs, dead letters and offsets are committed together, and the accounting closes', async () => {
    const lane = await newLane(connection)
    await publishNumbers(connection, lane, 0, 2000)
    const { counted } = await enrichToEnd(connection, lane)
    expect(counted).toMatchObject({ consumed: 2000, delivered: 1960, aborted: 0 })
    expect(counted.outcomes).toMatchObject({ bypassed: 1960, dead_letter: 40 })
    expect(counted.committed).toBeGreaterThan(1)
    expect(await judge(connection.brokers, lane, 2000)).toMatchObject(nothingWrong)
    const lag = await withAdmin(connection, (admin) => admin.lag(lane.group, [lane.input]))
    expect(lag.map((each) => each.lag)).toEqual([0, 0, 0, 0])
  })

  test('under load all partitions share a transaction', async () => {
    const lane = await newLane(connection)
    await publishNumbers(connection, lane, 0, 8000)
    const { counted, facts } = await enrichToEnd(connection, lane, { maxBytesPerPartition: 1024 * 1024 })
    expect(counted.consumed).toBe(8000)
    const batches = facts.flatMap((fact) => (fact.name === 'transaction-ended' ? [fact.batches] : []))
    expect(Math.max(...batches)).toBe(partitions)
  })

  test('goes on after what was committed', async () => {
    const lane = await newLane(connection)
    await publishNumbers(connection, lane, 0, 400)
    await enrichToEnd(connection, lane)
    await publishNumbers(connection, lane, 400, 400)
    expect((await enrichToEnd(connection, lane)).counted.consumed).toBe(400)
    expect(await judge(connection.brokers, lane, 800)).toMatchObject(nothingWrong)
  })
})
