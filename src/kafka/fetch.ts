/** One Fetch request, answered with record batches of ours. A partition that failed does not spoil the others. */

import { sendTo } from './cluster.ts'
import { type Broker, Decoder, fetchRequest } from './internals.ts'
import { type FetchedPartition, readRawBatches } from './record-reader.ts'

export interface FetchOptions {
  readonly topics: readonly {
    readonly topic: string
    readonly partitions: readonly {
      readonly partition: number
      readonly fetchOffset: string
      readonly maxBytes: number
    }[]
  }[]
  readonly maxBytes: number
  readonly minBytes: number
  /** How long the broker may wait for `minBytes`. */
  readonly maxWaitMilliseconds: number
  readonly isolationLevel: number
  readonly rackId: string
}

export interface FetchAnswer {
  readonly clientSideThrottleTime: number
  readonly topics: readonly { readonly topic: string; readonly partitions: readonly FetchedPartition[] }[]
}

export function fetchFrom(broker: Broker, options: FetchOptions): Promise<FetchAnswer> {
  return sendTo<FetchAnswer>(broker, {
    request: fetchRequest({
      replicaId: -1,
      maxWaitTime: options.maxWaitMilliseconds,
      minBytes: options.minBytes,
      maxBytes: options.maxBytes,
      topics: shuffled(options.topics),
      rackId: options.rackId,
      isolationLevel: options.isolationLevel,
    }),
    response,
    requestTimeout: options.maxWaitMilliseconds + 100,
  })
}

const response = {
  async decode(payload: Buffer): Promise<FetchAnswer> {
    const decoder = new Decoder(payload)
    const clientSideThrottleTime = decoder.readInt32()
    decoder.readInt16() // the session's error: we use no fetch sessions
    decoder.readInt32() // the session's id
    const topics: { topic: string; partitions: FetchedPartition[] }[] = []
    for (let topicsLeft = decoder.readInt32(); topicsLeft > 0; topicsLeft--) {
      const topic = decoder.readString()
      const partitions: FetchedPartition[] = []
      for (let left = decoder.readInt32(); left > 0; left--) partitions.push(await readPartition(decoder))
      topics.push({ topic, partitions })
    }
    return { clientSideThrottleTime, topics }
  },
  parse: async (answer: FetchAnswer): Promise<FetchAnswer> => answer,
}

async function readPartition(decoder: Decoder): Promise<FetchedPartition> {
  const partition = decoder.readInt32()
  const errorCode = decoder.readInt16()
  const highWatermark = int64(decoder)
  const lastStableOffset = int64(decoder)
  const logStartOffset = int64(decoder)
  const abortedTransactions: { producerId: number; firstOffset: number }[] = []
  for (let left = decoder.readInt32(); left > 0; left--)
    abortedTransactions.push({ producerId: int64(decoder), firstOffset: int64(decoder) })
  decoder.readInt32() // preferred read replica: we read from the leader
  const size = decoder.readInt32()
  const batches = size > 0 ? await readRawBatches(decoder.readBytes(size)) : []
  return { partition, errorCode, highWatermark, lastStableOffset, logStartOffset, abortedTransactions, batches }
}

function int64(decoder: Decoder): number {
  return Number(decoder.readInt64().toString())
}

/** In another order each time, because the broker fills the answer in the order of the request (KIP-74). */
function shuffled(topics: FetchOptions['topics']): { topic: string; partitions: unknown[] }[] {
  const flat = topics.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })))
  for (let last = flat.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1))
    const one = flat[last]
    const two = flat[other]
    if (one === undefined || two === undefined) continue
    flat[last] = two
    flat[other] = one
  }
  const merged: { topic: string; partitions: unknown[] }[] = []
  for (const { topic, partition } of flat) {
    const last = merged.at(-1)
    if (last !== undefined && last.topic === topic) last.partitions.push(partition)
    else merged.push({ topic, partitions: [partition] })
  }
  return merged
}
