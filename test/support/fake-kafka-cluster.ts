/** A cluster for the sender's unit tests: it answers Produce as a script says, and keeps what it was sent. */
import type { KafkaCluster } from '../../src/kafka/cluster.ts'
import { Encoder, type Protocol } from '../../src/kafka/internals.ts'

export interface SentBatch {
  readonly topic: string
  readonly partition: number
  readonly sequence: number
  readonly count: number
  readonly bytes: Buffer
}

/** An error number for each batch of a request, `no answer` for one the response leaves out, or an error of the connection. */
export type Answer = (
  batches: readonly SentBatch[],
) => (number | 'no answer')[] | Error | Promise<(number | 'no answer')[]>

export class FakeCluster {
  readonly requests: SentBatch[][] = []
  leaders: Record<string, string> = {}
  partitions = 8
  refreshed = 0
  /** How often a producer id was asked for. */
  initialised = 0
  initialise: () => Promise<void> = async () => {}
  answer: Answer = (batches) => batches.map(() => 0)

  get sent(): SentBatch[] {
    return this.requests.flat()
  }

  asCluster(): KafkaCluster {
    return this as unknown as KafkaCluster
  }

  findTopicPartitionMetadata() {
    return Array.from({ length: this.partitions }, (_, partitionId) => ({ partitionId }))
  }

  findLeaderForPartitions(topic: string, [partition]: number[]) {
    return { [this.leaders[`${topic}/${partition}`] ?? '1']: [partition] }
  }

  getNodeIds() {
    return ['1', '2']
  }

  async refreshMetadata() {
    this.refreshed++
  }

  async refreshMetadataIfNecessary() {}

  async findBroker({ nodeId }: { nodeId: string }) {
    return {
      nodeId,
      initProducerId: async () => {
        this.initialised++
        await this.initialise()
        return { producerId: '77', producerEpoch: 0 }
      },
      disconnect: async () => {},
      connectionPool: { send: <T>(protocol: Protocol<T>) => this.#produce(protocol as never) as Promise<T> },
    }
  }

  async #produce(protocol: Protocol<unknown>): Promise<unknown> {
    const head = new Encoder()
    const parts = protocol.request.parts?.(head) ?? []
    const batches = parse(Buffer.concat([Buffer.from(head.buffer), ...parts]))
    this.requests.push(batches)
    await new Promise((resolve) => setImmediate(resolve))
    const codes = await this.answer(batches)
    if (codes instanceof Error) throw codes
    const topics = batches.flatMap(({ topic, partition }, index) => {
      const errorCode = codes[index]
      return typeof errorCode === 'number' ? [{ topicName: topic, partitions: [{ partition, errorCode }] }] : []
    })
    return { topics }
  }
}

function parse(request: Buffer): SentBatch[] {
  const batches: SentBatch[] = []
  let at = 2 + 2 + 4 // no transactional id, acks, time-out
  const int32 = () => {
    at += 4
    return request.readInt32BE(at - 4)
  }
  for (let topics = int32(); topics > 0; topics--) {
    const length = request.readInt16BE(at)
    const topic = request.toString('utf8', at + 2, at + 2 + length)
    at += 2 + length
    for (let partitions = int32(); partitions > 0; partitions--) {
      const partition = int32()
      const size = int32()
      const bytes = Buffer.from(request.subarray(at, at + size))
      at += size
      batches.push({ topic, partition, bytes, sequence: bytes.readInt32BE(53), count: bytes.readInt32BE(57) })
    }
  }
  return batches
}
