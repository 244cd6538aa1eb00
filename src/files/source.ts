/** Events from an NDJSON file or stdin, one a line. A file is one partition and is always read from its beginning. */
import { basename } from 'node:path'
import type { Batch, Message, PartitionState, Source } from '../enrich/source.ts'
import { type Line, lineGroups } from './lines.ts'

/** A batch is about this many bytes. */
const batchBytes = 512 * 1024

export interface FileSourceOptions {
  /** Path, or `-` for stdin. */
  readonly file: string
  readonly now: () => number
}

/** What `le.source` calls the file. */
export function topicOf(file: string): string {
  return file === '-' ? 'stdin' : basename(file)
}

export function fileSource(options: FileSourceOptions): Source {
  const topic = topicOf(options.file)
  let position: number | null = null
  return {
    async consume(handle, signal) {
      for await (const lines of lineGroups(options.file, batchBytes, signal)) {
        await handle(batchOf(topic, lines, options.now(), (next) => (position = next)))
        if (signal.aborted) return
      }
    },
    partitions: (): readonly PartitionState[] => [{ topic, partition: 0, position, end: null }],
    async close() {},
  }
}

function batchOf(
  topic: string,
  lines: readonly Line[],
  timestamp: number,
  acknowledged: (next: number) => void,
): Batch {
  return {
    topic,
    partition: 0,
    count: lines.length,
    bytes: lines.reduce((sum, { bytes }) => sum + bytes.length, 0),
    lag: null,
    each(visit) {
      for (const line of lines) visit(messageOf(topic, line, timestamp))
    },
    async acknowledge() {
      acknowledged((lines.at(-1)?.number ?? -1) + 1)
    },
  }
}

/** A line as a message: no key, no headers. */
export function messageOf(topic: string, { number, bytes }: Line, timestamp: number): Message {
  return {
    place: -1,
    topic,
    partition: 0,
    offset: number,
    timestamp,
    bytes,
    keyStart: -1,
    keyEnd: -1,
    valueStart: 0,
    valueEnd: bytes.length,
    headersStart: 0,
    headersEnd: 0,
  }
}
