/**
 * Two requests newer than kafkajs's own: offsets committed in a transaction by a member of a group, and offsets read only when
 * no transaction is about to move them. Both need Kafka 2.5.
 */
import type { KafkaCluster } from './cluster.ts'
import { type Broker, Decoder, Encoder, type Protocol } from './internals.ts'
import { protocolError } from './kafka-error.ts'
import type { Producer } from './produce.ts'

export interface Place {
  readonly topic: string
  readonly partition: number
}

export function nameOf({ topic, partition }: Place): string {
  return `${topic}/${partition}`
}

/** `offset` is the next to read; `metadata` is kept beside it. */
export interface Consumed extends Place {
  readonly offset: number
  readonly metadata?: string | null
}

/** Who commits: the coordinator refuses any but the present generation, which is what fences a zombie. */
export interface Membership {
  readonly generation: number
  readonly member: string
}

/** A group without members: only the epoch of its producer fences a zombie. */
export const noMembership: Membership = { generation: -1, member: '' }

export interface TransactionalCommit {
  readonly transactionalId: string
  readonly producer: Producer
  readonly group: string
  readonly membership: Membership
  readonly consumed: readonly Consumed[]
}

const txnOffsetCommitVersion = 3
const offsetFetchVersion = 7

export function speaksTransactions({ brokerPool }: KafkaCluster): boolean {
  const { versions } = brokerPool as { versions: Broker['versions'] }
  const speaks = (key: number, version: number) => (versions?.[key]?.maxVersion ?? 0) >= version
  return speaks(28, txnOffsetCommitVersion) && speaks(9, offsetFetchVersion)
}

export function txnOffsetCommit(commit: TransactionalCommit): Protocol<void> {
  const { transactionalId, producer, group, membership, consumed } = commit
  return {
    request: {
      apiKey: 28,
      apiVersion: txnOffsetCommitVersion,
      apiName: 'TxnOffsetCommit',
      async encode() {
        const encoder = new Encoder()
          .writeInt8(0) // no tags in the head of the request
          .writeUVarIntString(transactionalId)
          .writeUVarIntString(group)
          .writeInt64(producer.id.toString())
          .writeInt16(producer.epoch)
          .writeInt32(membership.generation)
          .writeUVarIntString(membership.member)
          .writeUVarIntString(null) // no static membership
        writeTopics(encoder, consumed, ({ partition, offset, metadata = null }) =>
          encoder
            .writeInt32(partition)
            .writeInt64(String(offset))
            .writeInt32(-1)
            .writeUVarIntString(metadata)
            .writeInt8(0),
        )
        return encoder.writeInt8(0)
      },
    },
    response: {
      async decode(payload) {
        const decoder = new Decoder(payload)
        decoder.readTaggedFields()
        const clientSideThrottleTime = decoder.readInt32()
        const codes: number[] = []
        readTopics(decoder, () => {
          decoder.readInt32()
          codes.push(decoder.readInt16())
        })
        return { clientSideThrottleTime, codes }
      },
      async parse({ codes }: { codes: number[] }) {
        const code = codes.find((each) => each !== 0)
        if (code !== undefined) throw protocolError(code)
      },
    },
  }
}

/** -1 where the group has none. */
export async function committedOffsets(
  coordinator: Broker,
  groupId: string,
  places: readonly Place[],
): Promise<(Place & { readonly offset: number })[]> {
  const topics = byTopic(places, ({ partition }) => ({ partition }))
  const { responses } = await coordinator.offsetFetch({ groupId, topics })
  return responses.flatMap(({ topic, partitions }) =>
    partitions.map(({ partition, offset }) => ({ topic, partition, offset: Number(offset) })),
  )
}

/** A transaction is about to move the offset. */
export const unstableOffset = 88

/** The offset is -1 where the group has none; `code` 88 says that a transaction is about to move it. */
export interface StableOffset extends Consumed {
  readonly code: number
}

export function stableOffsets(group: string, places: readonly Place[]): Protocol<readonly StableOffset[]> {
  return {
    request: {
      apiKey: 9,
      apiVersion: offsetFetchVersion,
      apiName: 'OffsetFetch',
      async encode() {
        const encoder = new Encoder().writeInt8(0).writeUVarIntString(group)
        writeTopics(encoder, places, ({ partition }) => encoder.writeInt32(partition))
        return encoder.writeInt8(1).writeInt8(0) // only stable offsets
      },
    },
    response: {
      async decode(payload) {
        const decoder = new Decoder(payload)
        decoder.readTaggedFields()
        const clientSideThrottleTime = decoder.readInt32()
        const offsets: StableOffset[] = []
        readTopics(decoder, (topic) => {
          const partition = decoder.readInt32()
          const offset = Number(decoder.readInt64().toString())
          decoder.readInt32() // leader epoch
          const metadata = decoder.readUVarIntString()
          offsets.push({ topic, partition, offset, metadata, code: decoder.readInt16() })
        })
        return { clientSideThrottleTime, offsets, code: decoder.readInt16() }
      },
      async parse({ offsets, code }: { offsets: StableOffset[]; code: number }) {
        if (code !== 0) throw protocolError(code)
        return offsets
      },
    },
  }
}

export function writeTopics<P extends Place>(encoder: Encoder, places: readonly P[], write: (place: P) => void): void {
  const topics = new Map<string, P[]>()
  for (const place of places) topics.set(place.topic, [...(topics.get(place.topic) ?? []), place])
  encoder.writeUVarInt(topics.size + 1)
  for (const [topic, ofTopic] of topics) {
    encoder.writeUVarIntString(topic).writeUVarInt(ofTopic.length + 1)
    for (const place of ofTopic) write(place)
    encoder.writeInt8(0)
  }
}

export function readTopics(decoder: Decoder, read: (topic: string) => void): void {
  for (let topics = decoder.readUVarInt(); topics > 1; topics--) {
    const topic = decoder.readUVarIntString() ?? ''
    for (let partitions = decoder.readUVarInt(); partitions > 1; partitions--) {
      read(topic)
      decoder.readTaggedFields()
    }
    decoder.readTaggedFields()
  }
}

/** As older requests list partitions. */
export function byTopic<T extends Place, P>(
  places: readonly T[],
  convert: (place: T) => P,
): { topic: string; partitions: P[] }[] {
  const topics = new Map<string, P[]>()
  for (const place of places) {
    const partitions = topics.get(place.topic) ?? []
    partitions.push(convert(place))
    topics.set(place.topic, partitions)
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }))
}
