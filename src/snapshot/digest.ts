/**
 * The digest of a file, against damage: SHA-256 over the CRC-32C of each of its pieces, which is three times as fast as SHA-256
 * over all bytes and still finds any one to three flipped bits of a piece for certain. The file is read in pieces so that the event
 * loop is never held for long; reading it through also brings it into the page cache, where the first lookups find it.
 */
import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { crc32c } from '@node-rs/crc32'

const pieceBytes = 1 << 20
/** How a digest looks. Another way to make one changes its name. */
export const digestPattern = /^crc32c-1m:[0-9a-f]{64}$/

export async function fileDigest(path: string): Promise<string> {
  const file = await open(path, 'r')
  try {
    const hash = createHash('sha256')
    const sum = Buffer.alloc(8)
    const buffers = [Buffer.allocUnsafe(pieceBytes), Buffer.allocUnsafe(pieceBytes)]
    // While one piece is digested, the next one is read.
    let reading = wholePiece(file, buffers[0]!, 0)
    for (let position = 0, turn = 0; ; turn ^= 1) {
      const bytesRead = await reading
      if (bytesRead === 0) return `crc32c-1m:${hash.digest('hex')}`
      position += bytesRead
      reading = wholePiece(file, buffers[turn ^ 1]!, position)
      sum.writeUInt32LE(crc32c(buffers[turn]!.subarray(0, bytesRead)), 0)
      sum.writeUInt32LE(bytesRead, 4)
      hash.update(sum)
    }
  } finally {
    await file.close()
  }
}

/** Pieces begin at the same places every time, so a read that brings less is continued. Resolves with the bytes of the piece. */
async function wholePiece(file: FileHandle, buffer: Buffer, position: number): Promise<number> {
  let bytes = 0
  while (bytes < pieceBytes) {
    const { bytesRead } = await file.read(buffer, bytes, pieceBytes - bytes, position + bytes)
    if (bytesRead === 0) break
    bytes += bytesRead
  }
  return bytes
}
