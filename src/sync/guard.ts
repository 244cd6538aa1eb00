/** The mass-delete guard: a lost grant or a half-built table looks like an empty one, and must not empty the snapshot. */

/** A change that takes away more rows than both of these waits for somebody's approval. */
const deletedRowsMax = 1000
const deletedShareMax = 0.2

/** Why a change needs approval, or null. */
export function guarded(change: {
  readonly before: number
  readonly after: number
  readonly deleted: number
}): string | null {
  const { before, after, deleted } = change
  if (before > 0 && after === 0) return `the table is empty; the snapshot has ${before} rows`
  if (deleted > Math.max(deletedRowsMax, before * deletedShareMax))
    return `${deleted} of ${before} rows would be deleted`
  return null
}
