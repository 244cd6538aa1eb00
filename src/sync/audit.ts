/**
 * Proves that the snapshot is the table, or names the keys that differ: one digest for each bucket of keys, computed inside
 * the warehouse and here; only of buckets whose digests differ are rows read, and what they become decides. It changes
 * nothing on either side, needs no state in the warehouse and stands in no run's way.
 */
import { LinkedEventsError } from '../errors.ts'
import { differing, digestRows, type RowDigester, rowDigester, type Sha256 } from './digest.ts'
import type { EntityPlan } from './entity-plan.ts'
import { rowChanges } from './row.ts'
import { configHash, sourceOf } from './source.ts'
import type { SnapshotStore, StoredRows } from './store.ts'
import type { BucketDigest, Source, Warehouse, WarehouseSession } from './warehouse.ts'

/** How many keys, and the first of them. */
export interface AuditKeys {
  readonly count: number
  readonly keys: readonly string[]
}

export interface Audit {
  readonly ok: boolean
  readonly entity: string
  readonly version: number
  /** RFC 3339, UTC. */
  readonly as_of: string
  /** Rows with a key, on both sides. */
  readonly rows: { readonly table: number; readonly snapshot: number }
  readonly buckets: { readonly compared: number; readonly differing: number }
  /** Rows of the table that were read because their bucket differed. */
  readonly rows_read: number
  readonly missing_in_snapshot: AuditKeys
  readonly missing_in_table: AuditKeys
  readonly different: AuditKeys
  /** Keys that more than one row of the table has, where the entity does not say what becomes of them. */
  readonly duplicate_keys: number
  /** Whether the table has changed since `as_of`; null: the warehouse does not tell, or nothing differs. */
  readonly changed_since: boolean | null
  /** What may be the reason, and what to do; null when nothing differs. */
  readonly hint: string | null
}

export interface AuditOptions {
  readonly entity: EntityPlan
  readonly warehouse: Warehouse
  readonly store: Pick<SnapshotStore, 'read'>
  readonly sha256: Sha256
  readonly signal: AbortSignal
}

/** Keys that a report names of each kind. */
const keysMax = 100
const rowsPerBucket = 1000
const bucketsMax = 65_536
/** Buckets that one statement names; beyond it all rows are read. */
const bucketsNamedMax = 1000

/** @throws SNAPSHOT_MISSING, SNAPSHOT_CORRUPT, and what the warehouse may throw */
export async function audit(options: AuditOptions): Promise<Audit> {
  const { entity, store } = options
  const stored = await store.read(entity.slug)
  if (stored === null) throw new LinkedEventsError('SNAPSHOT_MISSING', `entity "${entity.slug}" has no version here`)
  try {
    return await compare(options, stored)
  } finally {
    stored.close()
  }
}

async function compare(options: AuditOptions, stored: StoredRows): Promise<Audit> {
  const { entity, sha256, signal } = options
  const buckets = Math.min(bucketsMax, Math.ceil((stored.version.rows + 1) / rowsPerBucket))
  // Closed while the digests of this side are made: DuckDB's file is nobody else's while it is open.
  const { source, theirs } = await withSession(options, async (session) => {
    const described = sourceOf(entity, await session.table(entity.tableRef))
    return { source: described, theirs: await session.digests(described, buckets) }
  })
  const digester = rowDigester(source, { examples: theirs.examples, buckets, sha256 })
  const ours = await digestRows(stored.all(), digester)
  signal.throwIfAborted()
  const numbers = differing(ours, theirs.buckets)
  const findings =
    numbers.length === 0 ? noFindings : await lookAtRows(options, { stored, source, digester, numbers, of: buckets })
  const ok = [findings.missingHere, findings.missingThere, findings.different].every(({ count }) => count === 0)
  return {
    ok: ok && findings.duplicateKeys === 0,
    entity: entity.slug,
    version: stored.version.version,
    as_of: new Date(stored.version.asOf).toISOString(),
    rows: { table: total(theirs.buckets), snapshot: total(ours) },
    buckets: { compared: buckets, differing: numbers.length },
    rows_read: findings.read,
    missing_in_snapshot: findings.missingHere,
    missing_in_table: findings.missingThere,
    different: findings.different,
    duplicate_keys: findings.duplicateKeys,
    changed_since: findings.changed,
    hint: ok && findings.duplicateKeys === 0 ? null : findings.hint,
  }
}

function total(buckets: ReadonlyMap<number, BucketDigest>): number {
  let rows = 0
  for (const digest of buckets.values()) rows += digest.rows
  return rows
}

interface Findings {
  readonly missingHere: AuditKeys
  readonly missingThere: AuditKeys
  readonly different: AuditKeys
  readonly duplicateKeys: number
  readonly read: number
  readonly changed: boolean | null
  readonly hint: string
}

const noKeys: AuditKeys = { count: 0, keys: [] }
const noFindings: Findings = {
  missingHere: noKeys,
  missingThere: noKeys,
  different: noKeys,
  duplicateKeys: 0,
  read: 0,
  changed: null,
  hint: '',
}

/** Rows of the buckets that differ, one by one: some differ in the form of their texts alone. */
async function lookAtRows(
  options: AuditOptions,
  found: {
    readonly stored: StoredRows
    readonly source: Source
    readonly digester: RowDigester
    readonly numbers: readonly number[]
    readonly of: number
  },
): Promise<Findings> {
  const { stored, source, digester, numbers, of } = found
  const only = numbers.length > bucketsNamedMax ? null : { numbers, of }
  const [missingHere, missingThere, different] = [new KeyList(), new KeyList(), new KeyList()]
  let read = 0
  const { duplicateKeys, changed } = await withSession(options, async (session) => {
    for await (const page of rowChanges(source, session.rows(source, only))) {
      read += page.length
      for (const { key, row } of page) {
        const here = stored.see(key)
        if (here === undefined) missingHere.add(key)
        else if (here !== row) different.add(key)
      }
    }
    return {
      duplicateKeys: source.duplicates === 'fail' ? (await session.checkKeys(source)).duplicateKeys : 0,
      changed: await changedSince(session, source, stored.version.probe),
    }
  })
  const looked = new Set(numbers)
  for await (const page of stored.unseen())
    for (const { key, row } of page) if (only === null || looked.has(digester.digest(row).bucket)) missingThere.add(key)
  const { configHash: before } = stored.version
  const settled = before === null || before === (await configHash(options.entity, source))
  return {
    missingHere: missingHere.report(),
    missingThere: missingThere.report(),
    different: different.report(),
    duplicateKeys,
    read,
    changed,
    hint: hintOf(options.entity.slug, { settled, duplicateKeys, changed }),
  }
}

class KeyList {
  #count = 0
  readonly #keys: string[] = []

  add(key: string): void {
    this.#count++
    if (this.#keys.length < keysMax) this.#keys.push(key)
  }

  report(): AuditKeys {
    return { count: this.#count, keys: this.#keys.toSorted() }
  }
}

async function changedSince(session: WarehouseSession, source: Source, before: string | null): Promise<boolean | null> {
  const now = before === null ? null : await session.probe(source)
  return now === null ? null : now !== before
}

function hintOf(
  slug: string,
  found: { readonly settled: boolean; readonly duplicateKeys: number; readonly changed: boolean | null },
): string {
  const again = `run \`linked-events sync ${slug}\`, then audit again`
  if (found.duplicateKeys > 0) return 'make the primary key unique, or say what becomes of duplicates, then sync'
  if (!found.settled) return `columns or settings have changed since the snapshot was made: ${again}`
  if (found.changed === true) return `the table has changed since the snapshot was made: ${again}`
  if (found.changed === null) return `the table may have changed since the snapshot was made: ${again}`
  return `the table has not changed since the snapshot was made: run \`linked-events sync ${slug} --full\`, and report this`
}

async function withSession<T>(
  { warehouse, signal }: AuditOptions,
  work: (session: WarehouseSession) => Promise<T>,
): Promise<T> {
  const session = await warehouse.session(signal)
  try {
    return await work(session)
  } finally {
    await session.close()
  }
}
