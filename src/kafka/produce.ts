/** One Produce request: the batches go to the socket as they are, with what names them between. */
import { Encoder, type ProduceAnswer, type Protocol, produceResponse } from './internals.ts'
import type { RecordWriter } from './record-writer.ts'

export interface Producer {
  readonly id: bigint
  readonly epoch: number
  /** Null for a producer that is only idempotent. */
  readonly transactionalId: string | null
}

export interface NumberedBatch {
  readonly topic: string
  readonly partition: number
  readonly writer: RecordWriter
  readonly sequence: number
}

/** How long the broker may wait for the replicas. */
const produceTimeoutMilliseconds = 30_000

export function produceRequest(producer: Producer, batches: readonly NumberedBatch[]): Protocol<ProduceAnswer> {
  return {
    request: {
      apiKey: 0,
      apiVersion: 7,
      apiName: 'Produce',
      parts: (head: Encoder) => produceParts(head, producer, batches),
    },
    response: { decode: produceResponse.decode, parse: async (answer: ProduceAnswer) => answer },
    requestTimeout: produceTimeoutMilliseconds + 5000,
  }
}

/** The head goes on to the first batch; between two batches lies what names the next. */
function produceParts(head: Encoder, producer: Producer, batches: readonly NumberedBatch[]): Buffer[] {
  head.writeString(producer.transactionalId).writeInt16(-1).writeInt32(produceTimeoutMilliseconds)
  const byTopic = new Map<string, NumberedBatch[]>()
  for (const batch of batches) {
    const others = byTopic.get(batch.topic)
    if (others === undefined) byTopic.set(batch.topic, [batch])
    else others.push(batch)
  }
  head.writeInt32(byTopic.size)
  const parts: Buffer[] = []
  let names = head
  for (const [topic, ofTopic] of byTopic) {
    names.writeString(topic).writeInt32(ofTopic.length)
    for (const { partition, writer, sequence } of ofTopic) {
      const { id, epoch, transactionalId } = producer
      const bytes = writer.seal({ producerId: id, epoch, sequence, transactional: transactionalId !== null })
      names.writeInt32(partition).writeInt32(bytes.length)
      if (names !== head) parts.push(Buffer.from(names.buffer))
      parts.push(bytes)
      names = new Encoder(64)
    }
  }
  return parts
}
