/** Builds one snapshot file: beside the others, without a journal, because a file that is not finished is thrown away. */
import { randomUUID } from 'node:crypto'
import { copyFile, link, open, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { LinkedEventsError } from '../errors.ts'
import type { VersionOrder } from '../sync/store.ts'
import { Bulk } from './bulk.ts'
import { fileDigest } from './digest.ts'
import { operatingError } from './errors.ts'
import {
  entityFolder,
  listVersions,
  type Manifest,
  setAside,
  snapshotPath,
  syncFolder,
  writeManifest,
} from './manifest.ts'
import { countRows, createTable, type RowWriter, rowPacker, rowWriter, tableFormat } from './table.ts'

/** Changes applied before the event loop gets a turn. */
const rowsPerTurn = 500

export interface BuildOptions {
  readonly dir: string
  readonly version: number
  readonly order: VersionOrder
  /** The newest version when this build began; 0: none. */
  readonly newest: number
  /** The version that the changes are applied to, or null. */
  readonly previous: Manifest | null
  readonly createdAt: number
}

/** Build beside, verify, sync, rename, sync the folder; the manifest comes last. */
export async function build(options: BuildOptions): Promise<Manifest> {
  const { dir, version, order, previous } = options
  const folder = entityFolder(dir, order.entity)
  const building = join(folder, `${version}.${randomUUID()}.building`)
  try {
    if (previous !== null) await copyPrevious(dir, previous, building)
    await applyChanges(building, order)
    const digest = await syncAndDigest(building)
    const bytes = digest.bytes
    await stillNewest(options)
    await claim(building, snapshotPath(dir, order.entity, version), order.entity)
    await syncFolder(folder)
    const manifest: Manifest = {
      format: tableFormat,
      entity: order.entity,
      version,
      epoch: order.epoch,
      lineage: order.lineage,
      seq: order.seq,
      as_of: new Date(order.asOf).toISOString(),
      valid_from: new Date(order.asOf).toISOString(),
      config_hash: order.configHash,
      probe: order.probe,
      rows: order.rows(),
      bytes,
      digest: digest.digest,
      created_at: new Date(options.createdAt).toISOString(),
      reason: order.reason,
    }
    await writeManifest(dir, manifest)
    return manifest
  } catch (error) {
    await unlink(building).catch(() => {})
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw lost(order.entity, error)
    throw operatingError(error, folder)
  }
}

/** A run that was held up while another one published must not put its older version on top. */
async function stillNewest(options: BuildOptions): Promise<void> {
  const [newest] = await listVersions(options.dir, options.order.entity)
  if ((newest?.version ?? 0) !== options.newest) throw lost(options.order.entity)
}

/** Gives the file its name, unless another run has taken that name since: a link, unlike a rename, replaces nothing. */
async function claim(building: string, path: string, entity: string): Promise<void> {
  try {
    await link(building, path)
    await unlink(building)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw lost(entity, error)
    // Some network file systems have no links.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP' && code !== 'ENOSYS') throw error
    await rename(building, path)
  }
}

function lost(entity: string, cause?: unknown): LinkedEventsError {
  return new LinkedEventsError('SYNC_LOST', `another run published a version of entity "${entity}"`, { cause })
}

/** A bit that flipped in the previous version must not live on in the next ones. */
async function copyPrevious(dir: string, previous: Manifest, building: string): Promise<void> {
  await copyFile(snapshotPath(dir, previous.entity, previous.version), building)
  if ((await fileDigest(building)) === previous.digest) return
  await setAside(dir, previous)
  throw new LinkedEventsError(
    'SNAPSHOT_CORRUPT',
    `version ${previous.version} of entity "${previous.entity}" does not have the digest of its manifest`,
  )
}

async function applyChanges(path: string, order: VersionOrder): Promise<void> {
  await (await open(path, 'a', 0o600)).close()
  const staging = path.replace(/building$/, 'staging.building')
  const database = new Database(path)
  try {
    // Small pages: a point read looks at a few rows of one page, and the inner pages hold numbers only.
    // No journal and no sync: the file is nobody's until it is renamed, and synced as a whole before.
    database.exec(
      'PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -16000',
    )
    if (order.base === 'nothing') {
      createTable(database)
      database.exec('BEGIN')
      await loadAll(database, order, staging)
    } else {
      database.exec('BEGIN')
      await putAll(database, order, rowWriter(database))
    }
    database.exec('COMMIT')
    const rows = countRows(database)
    if (rows !== order.rows())
      throw new LinkedEventsError(
        'SNAPSHOT_CORRUPT',
        `the next version of entity "${order.entity}" has ${rows} rows instead of ${order.rows()}`,
      )
  } finally {
    database.close()
    await unlink(staging).catch(() => {})
  }
}

async function loadAll(database: Database.Database, order: VersionOrder, path: string): Promise<void> {
  const bulk = new Bulk(database, { path, rows: order.rows() })
  try {
    await putAll(database, order, { put: (key, row) => bulk.put(key, row), remove: unexpected })
    for (const _ of bulk.load()) await turn()
  } finally {
    bulk.close()
  }
}

async function putAll(
  database: Database.Database,
  { changes }: VersionOrder,
  { put, remove }: RowWriter,
): Promise<void> {
  const pack = rowPacker(database)
  let applied = 0
  for await (const page of changes) {
    for (const { key, row } of page) {
      if (++applied % rowsPerTurn === 0) await turn()
      if (row === null) remove(key)
      else put(key, pack(row))
    }
  }
}

function unexpected(key: string): never {
  throw new Error(`the whole content of an entity has a deletion, of ${JSON.stringify(key)}`)
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Reads back what was written: the digest is of the file as it is, and the write-out to the disk goes on meanwhile. */
async function syncAndDigest(path: string): Promise<{ readonly digest: string; readonly bytes: number }> {
  const file = await open(path, 'r+')
  try {
    const [digest] = await Promise.all([fileDigest(path), file.sync()])
    return { digest, bytes: (await file.stat()).size }
  } finally {
    await file.close()
  }
}
