/** What the disk says, in our codes. */
import { LinkedEventsError } from '../errors.ts'

const full = new Set(['ENOSPC', 'EDQUOT', 'SQLITE_FULL'])
const unwritable = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'SQLITE_CANTOPEN', 'SQLITE_READONLY'])

export function operatingError(error: unknown, folder: string): unknown {
  if (!(error instanceof Error) || error instanceof LinkedEventsError) return error
  const code = String((error as NodeJS.ErrnoException).code ?? '')
  const details = { cause: error }
  if (full.has(code)) return new LinkedEventsError('DISK_FULL', `no space is left for ${folder}`, details)
  if (unwritable.has(code))
    return new LinkedEventsError('STATE_DIR_UNWRITABLE', `${folder} cannot be written: ${error.message}`, details)
  if (/^SQLITE_(?:CORRUPT|NOTADB)/.test(code))
    return new LinkedEventsError('SNAPSHOT_CORRUPT', `a snapshot in ${folder} is damaged: ${error.message}`, details)
  if (code.startsWith('SQLITE_IOERR') || code === 'EIO' || code === 'EFBIG')
    return new LinkedEventsError('DISK_FULL', `writing to ${folder} failed: ${error.message}`, details)
  return error
}
