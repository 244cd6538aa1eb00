/** Records to NDJSON files or stdout, one a line. */
import { closeSync, fdatasyncSync, fstatSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { assert } from '../assert.ts'
import type { Outputs, Sink, Target } from '../enrich/sink.ts'
import { LinkedEventsError } from '../errors.ts'
import { bytesOf } from '../memory.ts'
import { deadLetterLine, envelopeLine, valueLine } from './record.ts'

export interface FileSinkOptions {
  readonly files: readonly string[]
  /** File for dead letters, or null when they go elsewhere. */
  readonly deadLetters: string | null
  /** Keep what the files hold (a resumable source), or begin anew (a source that is always read from its beginning). */
  readonly append: boolean
  /** Headers for every envelope, after the provenance: `le.replay_id`. */
  readonly extraHeaders?: readonly (readonly [name: string, value: string])[]
}

/** @throws LinkedEventsError FILE_UNWRITABLE */
export function fileSink(options: FileSinkOptions): Sink {
  const open = new Map<string, OutputFile>()
  for (const file of new Set([...options.files, ...(options.deadLetters === null ? [] : [options.deadLetters])])) {
    open.set(file, openFile(file, options.append))
  }
  return {
    begin(): Outputs {
      const pending = new Map<OutputFile, Buffer[]>()
      const add = (file: string, line: Buffer) => {
        const output = open.get(file)!
        const lines = pending.get(output)
        if (lines === undefined) pending.set(output, [line])
        else lines.push(line)
      }
      return {
        deliver(target, message, value, provenance) {
          const { file, record } = target as Extract<Target, { file: string }>
          const bytes = bytesOf(value)
          add(
            file,
            record === 'value' ? valueLine(bytes) : envelopeLine(message, bytes, provenance, options.extraHeaders),
          )
        },
        deadLetter(message, reason, explanation) {
          add(options.deadLetters!, deadLetterLine(message, reason, explanation))
        },
        hold() {
          assert(false, 'held events need a topic')
        },
        async flush() {
          for (const [file, lines] of pending) await file.write(Buffer.concat(lines))
        },
      }
    },
    recordBytesMax: () => Number.POSITIVE_INFINITY,
    async close() {
      for (const file of open.values()) file.close()
    },
  }
}

interface OutputFile {
  write(bytes: Buffer): Promise<void>
  close(): void
}

function openFile(file: string, append: boolean): OutputFile {
  if (file === '-') return { write: writeStdout, close() {} }
  let descriptor: number
  try {
    mkdirSync(dirname(file), { recursive: true })
    descriptor = openSync(file, append ? 'a' : 'w')
  } catch (error) {
    throw new LinkedEventsError('FILE_UNWRITABLE', `cannot write ${file}: ${(error as Error).message}`, {
      cause: error,
    })
  }
  const durable = append && fstatSync(descriptor).isFile()
  return {
    async write(bytes) {
      try {
        for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at)
        if (durable) fdatasyncSync(descriptor)
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code === 'ENOSPC' ? 'DISK_FULL' : 'FILE_UNWRITABLE'
        throw new LinkedEventsError(code, `cannot write ${file}: ${(error as Error).message}`, { cause: error })
      }
    },
    close: () => closeSync(descriptor),
  }
}

function writeStdout(bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => process.stdout.write(bytes, (error) => (error ? reject(error) : resolve())))
}
