/** Where a source stands in each partition it owns: kept from fetches and commits, asked for by `status` and the metrics. */
import type { PartitionState } from '../enrich/source.ts'
import type { RecordBatch } from './record-reader.ts'

interface Position {
  readonly topic: string
  readonly partition: number
  position: number | null
  end: number | null
}

export class Positions {
  readonly #owned = new Map<string, Position>()

  assigned(partitions: readonly { readonly topic: string; readonly partition: number }[]): void {
    this.#owned.clear()
    for (const { topic, partition } of partitions)
      this.#owned.set(`${topic}/${partition}`, { topic, partition, position: null, end: null })
  }

  revoked(): void {
    this.#owned.clear()
  }

  /** `offset` is the next to read. */
  moved(topic: string, partition: number, offset: number): void {
    const owned = this.#owned.get(`${topic}/${partition}`)
    if (owned !== undefined) owned.position = offset
  }

  seen(batch: RecordBatch): void {
    const owned = this.#owned.get(`${batch.topic}/${batch.partition}`)
    if (owned === undefined) return
    owned.end = batch.highWatermark
    owned.position ??= Number(batch.firstOffset() ?? batch.next)
  }

  all(): readonly PartitionState[] {
    return [...this.#owned.values()].map((position) => ({ ...position }))
  }
}
