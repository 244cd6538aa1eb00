/** Lines of a file or of stdin, as bytes, with their numbers from 0. A line may end in `\r\n`; the last may lack its end. */
import { createReadStream } from 'node:fs'
import { LinkedEventsError } from '../errors.ts'

/** One line may not be longer than this: 64 MiB. */
const lineBytesMax = 64 * 1024 * 1024

export interface Line {
  readonly number: number
  readonly bytes: Buffer
}

/** Groups of lines, about `groupBytes` each. @throws LinkedEventsError FILE_NOT_FOUND */
export async function* lineGroups(file: string, groupBytes: number, signal: AbortSignal): AsyncGenerator<Line[]> {
  const stream = file === '-' ? process.stdin : createReadStream(file, { highWaterMark: 1 << 18 })
  let rest: Buffer = Buffer.alloc(0)
  let number = 0
  let group: Line[] = []
  let size = 0
  const take = (bytes: Buffer) => {
    const line = bytes.at(-1) === 0x0d ? bytes.subarray(0, -1) : bytes
    if (!isBlank(line)) {
      group.push({ number, bytes: line })
      size += line.length
    }
    number++
  }
  try {
    for await (const chunk of untilAborted(stream as AsyncIterable<Buffer>, signal)) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      let start = 0
      for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, start)) {
        take(bytes.subarray(start, end))
        start = end + 1
        if (size >= groupBytes) {
          yield group
          group = []
          size = 0
          if (signal.aborted) return
        }
      }
      rest = bytes.subarray(start)
      if (rest.length > lineBytesMax)
        throw new LinkedEventsError('BAD_INPUT', `line ${number + 1} of ${file} is longer than ${lineBytesMax} bytes`)
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'EISDIR')
      throw new LinkedEventsError('FILE_NOT_FOUND', `cannot read ${file}`, { cause: error })
    throw error
  }
  if (rest.length > 0) take(rest)
  if (group.length > 0) yield group
}

/** The chunks until the signal: a pipe may stay silent for ever. */
async function* untilAborted(stream: AsyncIterable<Buffer>, signal: AbortSignal): AsyncGenerator<Buffer> {
  const aborted = new Promise<{ done: true; value: undefined }>((resolve) => {
    if (signal.aborted) resolve({ done: true, value: undefined })
    else signal.addEventListener('abort', () => resolve({ done: true, value: undefined }), { once: true })
  })
  const chunks = stream[Symbol.asyncIterator]()
  for (;;) {
    const { done, value } = await Promise.race([chunks.next(), aborted])
    if (done === true || signal.aborted) return
    yield value
  }
}

function isBlank(line: Buffer): boolean {
  for (const byte of line) if (byte !== 0x20 && byte !== 0x09) return false
  return true
}
