/** Decompression of record batches: gzip built in, the others from a package when it is installed. */
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import * as zlib from 'node:zlib'
import { LinkedEventsError } from '../errors.ts'

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
  [2, { name: 'snappy', package: 'snappy', load: () => snappy(require('snappy') as SnappyPackage) }],
  [
    3,
    {
      name: 'lz4',
      package: 'lz4-napi',
      load: () => (require('lz4-napi') as { decompressFrame: Decompress }).decompressFrame,
    },
  ],
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
  return await found(bytes)
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

interface SnappyPackage {
  uncompressSync(bytes: Buffer, options: { asBuffer: true }): Buffer
}

const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])

/** Java writes snappy in blocks with a head (xerial), others one bare block. */
export function snappy(library: SnappyPackage): Decompress {
  const one = (bytes: Buffer) => library.uncompressSync(bytes, { asBuffer: true })
  return (bytes) => {
    if (!bytes.subarray(0, 8).equals(xerialMagic)) return one(bytes)
    const blocks: Buffer[] = []
    for (let at = 16; at + 4 <= bytes.length; ) {
      const length = bytes.readUInt32BE(at)
      blocks.push(one(bytes.subarray(at + 4, at + 4 + length)))
      at += 4 + length
    }
    return Buffer.concat(blocks)
  }
}
