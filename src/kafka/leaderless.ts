/**
 * Partitions without a leader. For stock one of them makes the whole answer of Metadata an error, and with it all others stand
 * still; for us it is a partition whose leader is -1, which is looked for again soon.
 */
import { BrokerPool, type PartitionMetadata, type Protocol } from './internals.ts'

const metadataKey = 3
const leaderNotAvailable = 5
const lookAgainMilliseconds = 500

interface Metadata {
  readonly topicMetadata: readonly { readonly partitionMetadata: readonly PartitionMetadata[] }[]
}

/** The same request, whose answer is no error where some partitions have no leader. */
export function toleratesLeaderless<T>(protocol: Protocol<T>): Protocol<T> {
  const { request, response } = protocol
  if (request.apiKey !== metadataKey) return protocol
  const parse = (decoded: never) => response.parse(tolerant(decoded) as never)
  return { ...protocol, response: { decode: (payload) => response.decode(payload), parse } }
}

function tolerant(metadata: Metadata): Metadata {
  if (!isSomeLeaderless(metadata)) return metadata
  const topicMetadata = metadata.topicMetadata.map((topic) => ({
    ...topic,
    partitionMetadata: topic.partitionMetadata.map((partition) =>
      partition.partitionErrorCode === leaderNotAvailable
        ? { ...partition, partitionErrorCode: 0, leader: -1 }
        : partition,
    ),
  }))
  return { ...metadata, topicMetadata }
}

function isSomeLeaderless({ topicMetadata }: Metadata): boolean {
  return topicMetadata.some(({ partitionMetadata }) =>
    partitionMetadata.some(({ leader, partitionErrorCode }) => leader < 0 || partitionErrorCode === leaderNotAvailable),
  )
}

/** Metadata in which a leader is missing expires soon. */
export class LookingBrokerPool extends BrokerPool {
  override async refreshMetadata(topics: readonly string[]): Promise<void> {
    await super.refreshMetadata(topics)
    const { metadata } = this
    if (metadata !== null && isSomeLeaderless(metadata as Metadata))
      this.metadataExpireAt = Date.now() + lookAgainMilliseconds
  }
}
