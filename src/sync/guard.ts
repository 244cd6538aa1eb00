/**
 * The mass-delete guard: a lost grant or a half-built table looks like an empty one, and must not empty the snapshot. What it
 * stops has a name, so that an approval lets that change through and no other.
 */
import { digest } from './source.ts'
import type { Change } from './warehouse.ts'

/** Called with the name of a change that the guard stops. True: it is let through. */
export type Approves = (change: string) => boolean

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

const keysAtATime = 10_000

/**
 * Names what a delta takes away: the keys that it deletes, or, when it is the whole table, the keys that are left. Rows that are
 * added or get other values meanwhile do not matter to whoever approves.
 */
export async function changeName(
  pages: AsyncIterable<readonly Change[]>,
  { isWhole }: { readonly isWhole: boolean },
): Promise<string> {
  let name = await digest(String(isWhole))
  let keys: string[] = []
  const fold = async () => {
    name = await digest(JSON.stringify([name, keys]))
    keys = []
  }
  for await (const page of pages)
    for (const [op, key] of page) {
      if (isWhole || op === 'D') keys.push(key)
      if (keys.length === keysAtATime) await fold()
    }
  await fold()
  return name
}
