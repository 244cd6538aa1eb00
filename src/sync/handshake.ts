/** What a run has to do first, from how far the warehouse and the snapshots say it has come. Every doubt ends in reading everything anew. */
import type { Checkpoint } from './checkpoint.ts'
import type { StoredVersion } from './store.ts'

export type Step =
  /** Both sides agree: look for changes. */
  | { readonly do: 'diff' }
  /** A delta was prepared and its version not published: publish that same delta. */
  | { readonly do: 'apply' }
  /** A delta was published and not committed: commit it. */
  | { readonly do: 'commit' }
  /** Start a new epoch: read everything. */
  | { readonly do: 'restart'; readonly reason: string }

export interface Standing {
  readonly checkpoint: Checkpoint | null
  readonly stored: StoredVersion | null
  readonly configHash: string
  /** Rows found in the generation and the delta that the checkpoint names; null when missing. */
  readonly generationRows: number | null
  readonly deltaRows: number | null
}

/** What differs between two texts of `configHash`, in words, or null. */
export function changeOfConfig(before: string, now: string): string | null {
  if (before === now) return null
  return before.split('.')[0] === now.split('.')[0] ? 'settings changed' : 'columns changed'
}

export function nextStep(standing: Standing): Step {
  const { checkpoint, stored } = standing
  const restart = (reason: string): Step => ({ do: 'restart', reason })
  if (checkpoint === null) return restart(stored === null ? 'first sync' : 'warehouse state is gone')
  if (stored === null) return restart(checkpoint.seq === 0 ? 'first sync' : 'no snapshot here')
  const changed = changeOfConfig(checkpoint.configHash, standing.configHash)
  if (changed !== null) return restart(changed)
  if (checkpoint.epoch !== stored.epoch || checkpoint.lineage !== stored.lineage)
    return restart('snapshot and warehouse state do not belong together')
  // A recomputed delta would lose the deletes of rows that the lost one had added: a baseline that is not whole is not used.
  if (standing.generationRows !== checkpoint.rows) return restart('warehouse state is damaged')
  if (checkpoint.delta === null) {
    if (checkpoint.seq !== stored.seq) return restart('snapshot and warehouse state do not belong together')
    return stored.rows === checkpoint.rows ? { do: 'diff' } : restart('snapshot and warehouse state differ')
  }
  const { added, updated, deleted } = checkpoint.deltaCounts
  if (standing.deltaRows !== added + updated + deleted) return restart('warehouse state is damaged')
  if (checkpoint.seq === stored.seq) return { do: 'apply' }
  if (checkpoint.seq + 1 === stored.seq) return { do: 'commit' }
  return restart('snapshot and warehouse state do not belong together')
}
