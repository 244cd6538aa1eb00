/**
 * The mass-delete guard: a lost grant or a half-built table looks like an empty one, and must not empty the snapshot. What it
 * stops has a name, so that an approval lets that change through and no other.
 */
import { keyHash } from '../key.ts'
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

/**
 * Names a change by a set of keys, in whatever order they come: those that it deletes or, when the whole table comes anew, those
 * that are left. Rows that are added or get other values meanwhile do not matter to whoever approves.
 */
export function changeNamer({ isWhole }: { readonly isWhole: boolean }): { add(key: string): void; name(): string } {
  let count = 0
  let [low, high] = [0, 0]
  return {
    add(key) {
      const hash = keyHash(key)
      count++
      low = (low + (hash % 2 ** 26)) % 2 ** 52
      high = (high + Math.floor(hash / 2 ** 26)) % 2 ** 52
    },
    name: () => `${isWhole ? 'left' : 'deleted'} ${count}.${low}.${high}`,
  }
}

export async function changeName(
  pages: AsyncIterable<readonly Change[]>,
  { isWhole }: { readonly isWhole: boolean },
): Promise<string> {
  const namer = changeNamer({ isWhole })
  for await (const page of pages) for (const [op, key] of page) if (isWhole || op === 'D') namer.add(key)
  return namer.name()
}
