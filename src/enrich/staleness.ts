/** What the event path does when a snapshot is older than its entity allows: go on, wait for a newer one, or stop. */
import type { Clock } from '../clock.ts'
import { LinkedEventsError } from '../errors.ts'
import type { Tell } from '../telemetry.ts'
import type { SnapshotSet, Snapshots } from './snapshots.ts'

export interface Freshness {
  /** Milliseconds; older is stale. */
  readonly maxAge: number
  readonly onStale: 'serve' | 'pause' | 'fail'
}

/** How long a paused batch waits before it looks again. */
const pauseMilliseconds = 500

export interface FreshnessOptions {
  readonly snapshots: Snapshots
  /** By entity; only those that some mapping uses. */
  readonly rules: ReadonlyMap<string, Freshness>
  readonly clock: Clock
  readonly tell: Tell
}

/** Hands out the versions for a batch once none of them is too old, as the rules say. */
export class FreshVersions {
  readonly #options: FreshnessOptions
  /** Entities that were stale the last time: each change is told once. */
  readonly #stale = new Set<string>()

  constructor(options: FreshnessOptions) {
    this.#options = options
  }

  /**
   * Null when `signal` was aborted while it waited: then the batch is not to be handled.
   * @throws LinkedEventsError SNAPSHOT_STALE where the rule says fail
   */
  async current(signal: AbortSignal): Promise<SnapshotSet | null> {
    for (;;) {
      const versions = this.#options.snapshots.current()
      const stale = this.#staleIn(versions)
      if (stale.every(({ onStale }) => onStale === 'serve')) return versions
      versions.release()
      const failing = stale.find(({ onStale }) => onStale === 'fail')
      if (failing !== undefined) {
        const { entity, ageSeconds } = failing
        throw new LinkedEventsError(
          'SNAPSHOT_STALE',
          `the snapshot of ${entity} is ${Math.round(ageSeconds)} s old, and on_stale is fail`,
        )
      }
      if (signal.aborted) return null
      await this.#options.clock.sleep(pauseMilliseconds, signal)
    }
  }

  #staleIn(versions: SnapshotSet): { entity: string; onStale: Freshness['onStale']; ageSeconds: number }[] {
    const { rules, clock, tell } = this.#options
    const found: { entity: string; onStale: Freshness['onStale']; ageSeconds: number }[] = []
    for (const [entity, { maxAge, onStale }] of rules) {
      const snapshot = versions.of(entity)
      const age = snapshot === undefined ? 0 : clock.now() - snapshot.asOf
      const stale = age > maxAge
      if (stale) found.push({ entity, onStale, ageSeconds: age / 1000 })
      if (stale === this.#stale.has(entity)) continue
      if (stale) this.#stale.add(entity)
      else this.#stale.delete(entity)
      tell({ name: 'snapshot-stale', entity, stale, ageSeconds: age / 1000, onStale })
    }
    return found
  }
}
