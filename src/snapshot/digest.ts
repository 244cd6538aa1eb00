/**
 * SHA-256 of a file, read in pieces so that the event loop is never held for long. Reading the file through also brings it
 * into the page cache, where the first lookups find it.
 */
import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'

const pieceBytes = 1 << 20

export async function fileDigest(path: string): Promise<string> {
  const file = await open(path, 'r')
  try {
    return await digestAndCopy(file, null)
  } finally {
    await file.close()
  }
}

/** Copies a file in the same pass that digests it. */
export async function copyWithDigest(from: string, to: string): Promise<string> {
  const source = await open(from, 'r')
  try {
    const target = await open(to, 'wx', 0o600)
    try {
      return await digestAndCopy(source, target)
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

/** While one piece is digested, the next one is read and the one before is written. */
async function digestAndCopy(source: FileHandle, target: FileHandle | null): Promise<string> {
  const hash = createHash('sha256')
  const buffers = [Buffer.allocUnsafe(pieceBytes), Buffer.allocUnsafe(pieceBytes)]
  let writing: Promise<unknown> = Promise.resolve()
  let reading = source.read(buffers[0]!, 0, pieceBytes, 0)
  for (let position = 0, turn = 0; ; turn ^= 1) {
    const { bytesRead } = await reading
    if (bytesRead === 0) break
    await writing
    const piece = buffers[turn]!.subarray(0, bytesRead)
    reading = source.read(buffers[turn ^ 1]!, 0, pieceBytes, position + bytesRead)
    if (target !== null) writing = target.write(piece, 0, bytesRead, position)
    position += bytesRead
    hash.update(piece)
  }
  await writing
  return `sha256:${hash.digest('hex')}`
}
