/** The snapshot versions under a state directory: the sync publishes them here, commands list, check, compare and open them. */
import { mkdir, readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { LinkedEventsError } from '../errors.ts'
import type { SnapshotStore, StoredVersion, VersionOrder } from '../sync/store.ts'
import { build } from './build.ts'
import { ComparedFile } from './compared-file.ts'
import { fileDigest } from './digest.ts'
import { operatingError } from './errors.ts'
import { SnapshotFile } from './file.ts'
import { entityFolder, listVersions, type Manifest, readManifest, snapshotPath, writeManifest } from './manifest.ts'

export interface StoreOptions {
  /** The state directory. */
  readonly dir: string
  /** Milliseconds since 1970-01-01 UTC, for `created_at`. */
  readonly now?: () => number
}

/** One version, as `snapshot list` prints it. */
export interface SnapshotInfo extends Omit<Manifest, 'format'> {
  /** Whether this is the version that is served. */
  readonly current: boolean
  readonly path: string
}

export interface VersionDiff {
  readonly added: readonly string[]
  readonly updated: readonly string[]
  readonly deleted: readonly string[]
}

export interface LocalSnapshotStore extends SnapshotStore {
  /** Newest first within an entity. Without an entity: of all. */
  list(entity?: string): Promise<readonly SnapshotInfo[]>
  /** The same, with whether each file still has the digest of its manifest. */
  verify(entity?: string): Promise<readonly (SnapshotInfo & { readonly ok: boolean })[]>
  /** Keys that differ between two versions, sorted. @throws SNAPSHOT_MISSING */
  diff(entity: string, from: number, to: number): Promise<VersionDiff>
  /** A version, the current one unless told otherwise; the caller closes it. @throws SNAPSHOT_MISSING, SNAPSHOT_CORRUPT */
  open(entity: string, version?: number): Promise<SnapshotFile>
}

export function snapshotStore(options: StoreOptions): LocalSnapshotStore {
  const { dir } = options
  const building = new Map<string, Promise<void>>()
  const store: LocalSnapshotStore = {
    async current(entity) {
      const [newest] = await listVersions(dir, entity)
      return newest === undefined ? null : storedVersion(newest)
    },

    publish(order) {
      // One build of an entity at a time: the next one sees what this one has published.
      const before = building.get(order.entity) ?? Promise.resolve()
      const result = before.then(() => publish(options, order))
      building.set(
        order.entity,
        result.then(
          () => {},
          () => {},
        ),
      )
      return result
    },

    async confirm(entity, { asOf, probe }) {
      const [newest] = await listVersions(dir, entity)
      if (newest === undefined || Date.parse(newest.as_of) >= asOf) return
      await writeManifest(dir, { ...newest, as_of: new Date(asOf).toISOString(), probe })
    },

    async read(entity) {
      const [newest] = await listVersions(dir, entity)
      if (newest === undefined) return null
      await checkDigest(dir, newest)
      return new ComparedFile(snapshotPath(dir, entity, newest.version), storedVersion(newest))
    },

    async list(entity) {
      const infos: SnapshotInfo[] = []
      for (const name of entity === undefined ? await entitiesIn(dir) : [entity]) {
        const manifests = await listVersions(dir, name)
        infos.push(...manifests.map((manifest, index) => info(dir, manifest, index === 0)))
      }
      return infos
    },

    async verify(entity) {
      const checked: (SnapshotInfo & { ok: boolean })[] = []
      for (const found of await store.list(entity)) {
        const digest = await fileDigest(found.path).catch(() => null)
        checked.push({ ...found, ok: digest === found.digest })
      }
      return checked
    },

    async diff(entity, from, to) {
      for (const version of [from, to]) await existing(dir, entity, version)
      return compare(snapshotPath(dir, entity, from), snapshotPath(dir, entity, to))
    },

    async open(entity, version) {
      const manifest = await existing(dir, entity, version)
      await checkDigest(dir, manifest)
      return new SnapshotFile(dir, manifest)
    },
  }
  return store
}

async function publish(options: StoreOptions, order: VersionOrder): Promise<StoredVersion> {
  const { dir, now = Date.now } = options
  const folder = entityFolder(dir, order.entity)
  await makeFolder(folder)
  await removeLeftovers(folder)
  const versions = await listVersions(dir, order.entity)
  const version = Math.max(0, ...(await numbersIn(folder))) + 1
  const previous = order.base === 'current' ? (versions[0] ?? null) : null
  if (order.base === 'current' && previous === null)
    throw new LinkedEventsError('SNAPSHOT_CORRUPT', `entity "${order.entity}" has no version to build on`)
  // The delta follows one version only; on top of any other one it would give something that never was.
  if (previous !== null && (previous.lineage !== order.lineage || previous.seq + 1 !== order.seq))
    throw new LinkedEventsError('SYNC_LOST', `another run published a version of entity "${order.entity}"`)
  const manifest = await build({ dir, version, order, previous, newest: versions[0]?.version ?? 0, createdAt: now() })
  await keepNewest(dir, [manifest, ...versions], order.keep)
  return storedVersion(manifest)
}

function storedVersion(manifest: Manifest): StoredVersion {
  const { version, epoch, lineage, seq, rows, config_hash: configHash, probe } = manifest
  return { version, epoch, lineage, seq, rows, asOf: Date.parse(manifest.as_of), configHash, probe }
}

async function checkDigest(dir: string, { entity, version, digest }: Manifest): Promise<void> {
  if ((await fileDigest(snapshotPath(dir, entity, version))) === digest) return
  throw new LinkedEventsError('SNAPSHOT_CORRUPT', `version ${version} of entity "${entity}" is damaged`)
}

function info(dir: string, { format: _, ...manifest }: Manifest, current: boolean): SnapshotInfo {
  return { ...manifest, current, path: snapshotPath(dir, manifest.entity, manifest.version) }
}

async function existing(dir: string, entity: string, version?: number): Promise<Manifest> {
  const manifest =
    version === undefined ? (await listVersions(dir, entity))[0] : await readManifest(dir, entity, version)
  if (manifest) return manifest
  const kept = (await listVersions(dir, entity)).map((one) => one.version)
  const which = version === undefined ? 'no version' : `no version ${version}`
  throw new LinkedEventsError(
    'SNAPSHOT_MISSING',
    `entity "${entity}" has ${which} here`,
    kept.length === 0 ? {} : { hint: `versions kept: ${kept.join(', ')}` },
  )
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw operatingError(error, folder)
  }
}

/** Version numbers that any file has, so that a number is never used twice. */
async function numbersIn(folder: string): Promise<readonly number[]> {
  return (await readdir(folder)).flatMap((name) => /^(\d+)\./.exec(name)?.[1] ?? []).map(Number)
}

/** What an interrupted build left: files in the making, and files without a manifest. */
async function removeLeftovers(folder: string): Promise<void> {
  const names = new Set(await readdir(folder))
  for (const name of names) {
    const version = /^(\d+)\.sqlite$/.exec(name)?.[1]
    const orphan = version !== undefined && !names.has(`${version}.json`) && !names.has(`${version}.json.damaged`)
    if (orphan || /\.(?:building|tmp)$/.test(name)) await unlink(join(folder, name)).catch(() => {})
  }
}

/** Deletes all but the newest versions; whoever has an older one open keeps reading it. Of damaged ones the newest is kept too. */
async function keepNewest(dir: string, versions: readonly Manifest[], keep: number): Promise<void> {
  const kept = versions.slice(0, Math.max(1, keep))
  const oldest = kept.at(-1)?.version ?? 0
  const folder = entityFolder(dir, versions[0]!.entity)
  for (const name of await readdir(folder)) {
    const version = Number(/^(\d+)\./.exec(name)?.[1] ?? Number.POSITIVE_INFINITY)
    // The manifest goes first: a version without one does not exist.
    if (version < oldest && name.endsWith('.json')) await unlink(join(folder, name)).catch(() => {})
  }
  for (const name of await readdir(folder)) {
    const version = Number(/^(\d+)\./.exec(name)?.[1] ?? Number.POSITIVE_INFINITY)
    if (version < oldest) await unlink(join(folder, name)).catch(() => {})
  }
}

async function entitiesIn(dir: string): Promise<readonly string[]> {
  const names = await readdir(join(dir, 'snapshots')).catch(() => [])
  return names.map((name) => (name.startsWith('=') ? Buffer.from(name.slice(1), 'hex').toString() : name)).sort()
}

function compare(from: string, to: string): VersionDiff {
  const database = new Database(':memory:')
  try {
    database.prepare('ATTACH ? AS a').run(from)
    database.prepare('ATTACH ? AS b').run(to)
    const keys = (sql: string) => database.prepare(sql).pluck().all() as string[]
    // Other columns, another row.
    const heads = (name: string) =>
      `(SELECT group_concat(head, '') FROM (SELECT head FROM ${name}.layout ORDER BY place))`
    const none = ['a', 'b'].every((name) => keys(`SELECT key FROM ${name}.collided LIMIT 1`).length === 0)
    const rows = (name: string) =>
      none ? `${name}.entity` : `(SELECT key, row FROM ${name}.entity UNION ALL SELECT key, row FROM ${name}.collided)`
    const same = none ? 'y.hash = x.hash AND y.key = x.key' : 'y.key = x.key'
    const only = (one: string, other: string) =>
      keys(`SELECT x.key FROM ${rows(one)} x LEFT JOIN ${rows(other)} y ON ${same} WHERE y.key IS NULL ORDER BY x.key`)
    return {
      added: only('b', 'a'),
      updated: keys(
        `SELECT x.key FROM ${rows('a')} x JOIN ${rows('b')} y ON ${same} WHERE x.row <> y.row OR ${heads('a')} <> ${heads('b')} ORDER BY x.key`,
      ),
      deleted: only('a', 'b'),
    }
  } finally {
    database.close()
  }
}
