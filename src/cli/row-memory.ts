/** How much memory rows may take in this process. */
import { totalmem } from 'node:os'
import type { Config } from '../config/config.ts'

/** Of what the process may use: while a version follows another one both may be in memory, and a sync runs beside. */
const share = 1 / 4

/** Bytes. */
export function rowMemoryOf({ limits }: Config): number {
  return limits.row_memory ?? Math.floor(share * Math.min(totalmem(), process.constrainedMemory() || totalmem()))
}
