/** Whether two output topics hold the same records: as far as the shorter one goes in each partition, bytes first, then meaning. */
import { isDeepStrictEqual } from 'node:util'
import type { KafkaConnection } from '../../src/kafka/connection.ts'
import { scan } from '../../src/kafka/scan.ts'

export interface Comparison {
  readonly connection: KafkaConnection
  readonly one: string
  readonly other: string
  /** Fewer records in common are a failure. */
  readonly atLeast: number
}

export async function compareOutputs({ connection, one, other, atLeast }: Comparison): Promise<string> {
  const ones = new Map<string, Buffer>()
  for await (const batch of scan({ connection, topic: one })) {
    batch.each((message) => {
      const record = Buffer.from(message.bytes.subarray(message.keyStart, message.valueEnd))
      ones.set(`${message.partition}/${message.offset}`, record)
    })
  }
  let compared = 0
  let sameBytes = 0
  for await (const batch of scan({ connection, topic: other })) {
    batch.each((message) => {
      const place = `${message.partition}/${message.offset}`
      const record = ones.get(place)
      if (record === undefined) return
      compared++
      const mine = message.bytes.subarray(message.keyStart, message.valueEnd)
      if (record.equals(mine)) sameBytes++
      else if (!isDeepStrictEqual(parsedValue(record), parsedValue(mine)))
        throw new Error(`${place} differs:\n${record.toString()}\n${mine.toString()}`)
    })
  }
  if (compared < atLeast) throw new Error(`only ${compared} of ${atLeast} records to compare`)
  return `${compared} outputs of (b) and (c) compared: all equal, ${sameBytes} of them byte for byte`
}

/** Key, length and value lie one after another; the value begins with its brace. */
function parsedValue(record: Buffer): unknown {
  return JSON.parse(record.toString('utf8', record.indexOf(0x7b)))
}
