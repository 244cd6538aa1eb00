/**
 * SHA-256 of a file, read in pieces so that the event loop is never held for long. Reading the file through also brings it
 * into the page cache, where the first lookups find it.
 */
import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'

const pieceBytes = 1 << 20

export async function fileDigest(path: string): Promise<string> {
  const file = await open(path, 'r')
  try {
    const hash = createHash('sha256')
    const buffers = [Buffer.allocUnsafe(pieceBytes), Buffer.allocUnsafe(pieceBytes)]
    // While one piece is digested, the next one is read.
    let reading = file.read(buffers[0]!, 0, pieceBytes, 0)
    for (let position = 0, turn = 0; ; turn ^= 1) {
      const { bytesRead } = await reading
      if (bytesRead === 0) return `sha256:${hash.digest('hex')}`
      position += bytesRead
      reading = file.read(buffers[turn ^ 1]!, 0, pieceBytes, position)
      hash.update(buffers[turn]!.subarray(0, bytesRead))
    }
  } finally {
    await file.close()
  }
}
