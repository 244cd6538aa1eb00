/** Whether two output topics hold the same records in the same places: bytes first, then meaning. */
import { isDeepStrictEqual } from 'node:util'
import type { KafkaAdmin } from '../../src/kafka/admin.ts'
import type { KafkaConnection } from '../../src/kafka/connection.ts'
import { scan } from '../../src/kafka/scan.ts'

export interface Comparison {
  readonly connection: KafkaConnection
  readonly admin: KafkaAdmin
  readonly one: string
  readonly other: string
  /** So many of each partition, as far as both go. */
  readonly recordsPerPartition: number
}

interface Output {
  readonly key: string
  readonly value: string
}

export async function compareOutputs(options: Comparison): Promise<string> {
  const { admin, one, other, recordsPerPartition } = options
  const to = new Map<number, number>()
  for (const { partition, high } of [...(await admin.offsets(one)), ...(await admin.offsets(other))])
    to.set(partition, Math.min(high, to.get(partition) ?? recordsPerPartition))
  const ones = new Map<string, Output>()
  await each(options, one, to, (place, output) => ones.set(place, output))
  let compared = 0
  let sameBytes = 0
  await each(options, other, to, (place, { key, value }) => {
    const expected = ones.get(place)
    if (expected === undefined) throw new Error(`${place} is in ${other}, not in ${one}`)
    compared++
    if (expected.value === value) sameBytes++
    if (expected.key !== key || !isDeepStrictEqual(JSON.parse(expected.value), JSON.parse(value)))
      throw new Error(`${place} of ${one} and ${other} differs:\n${expected.value}\n${value}`)
  })
  if (compared < ones.size || compared < (recordsPerPartition * to.size) / 2)
    throw new Error(`only ${compared} of ${ones.size} records of ${one} are in ${other}`)
  return `${compared} outputs compared, all equal, ${sameBytes} of them byte for byte`
}

async function each(
  { connection }: Comparison,
  topic: string,
  to: ReadonlyMap<number, number>,
  visit: (place: string, output: Output) => void,
): Promise<void> {
  for await (const batch of scan({ connection, topic, to })) {
    batch.each(({ partition, offset, bytes, keyStart, keyEnd, valueStart, valueEnd }) =>
      visit(`${partition}/${offset}`, {
        key: bytes.toString('utf8', keyStart, keyEnd),
        value: bytes.toString('utf8', valueStart, valueEnd),
      }),
    )
  }
}
