/** Decompression of record batches: gzip, snappy and LZ4 built in; zstd from Node 22.15 on, before that from a package. */
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import * as zlib from 'node:zlib'
import { LinkedEventsError } from '../errors.ts'
import { unlz4, unsnappy } from './lz.ts'

export type Decompress = (bytes: Buffer) => Promise<Buffer> | Buffer

/** The codec's number is in the lowest three bits of a batch's attributes; 0 is none. */
export function codecOf(attributes: number): number {
  return attributes & 7
}

const require = createRequire(import.meta.url)
const gunzip: Decompress = promisify(zlib.gunzip)
/** zstd came to Node with version 22.15. */
const builtInZstd = (zlib as { zstdDecompress?: typeof zlib.gunzip }).zstdDecompress

interface Codec {
  readonly name: string
  readonly package: string | null
  load(): Decompress
}

const codecs = new Map<number, Codec>([
  [1, { name: 'gzip', package: null, load: () => gunzip }],
  [2, { name: 'snappy', package: null, load: () => unsnappy }],
  [3, { name: 'lz4', package: null, load: () => unlz4 }],
  [
    4,
    {
      name: 'zstd',
      package: 'zstd-napi',
      load: () =>
        builtInZstd === undefined
          ? (require('zstd-napi') as { decompress: Decompress }).decompress
          : (promisify(builtInZstd) as Decompress),
    },
  ],
])

const loaded = new Map<number, Decompress>()

/** @throws KAFKA_CODEC_MISSING naming the package that would read this batch. */
export async function decompress(attributes: number, bytes: Buffer): Promise<Buffer> {
  const number = codecOf(attributes)
  let found = loaded.get(number)
  if (found === undefined) {
    found = loadCodec(number)
    loaded.set(number, found)
  }
  try {
    return await found(bytes)
  } catch (error) {
    throw new LinkedEventsError('KAFKA_FATAL', `a compressed batch cannot be read: ${(error as Error).message}`, {
      hint: 'check the topic with `kafka-dump-log`; `kafka-delete-records` can take the damaged stretch away',
      cause: error,
    })
  }
}

function loadCodec(number: number): Decompress {
  const codec = codecs.get(number)
  if (codec === undefined) throw new LinkedEventsError('KAFKA_FATAL', `compression codec ${number} is not known`)
  try {
    return codec.load()
  } catch (error) {
    throw new LinkedEventsError(
      'KAFKA_CODEC_MISSING',
      `the input is compressed with ${codec.name}, and the package "${codec.package}" is not installed`,
      { hint: `npm install ${codec.package}`, cause: error },
    )
  }
}
