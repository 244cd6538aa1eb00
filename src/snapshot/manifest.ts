/**
 * The manifest beside each snapshot file. It is written last, so a version exists when its manifest does and the file has
 * the size that the manifest says; anything else in the folder is the rest of an interrupted build.
 */
import { randomUUID } from 'node:crypto'
import { open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { digestPattern } from './digest.ts'
import { operatingError } from './errors.ts'
import { tableFormat } from './table.ts'

export interface Manifest {
  /** Of the table in the file. */
  readonly format: typeof tableFormat
  readonly entity: string
  readonly version: number
  readonly epoch: number
  /** Unique to the epoch. */
  readonly lineage: string
  readonly seq: number
  /** RFC 3339. When the warehouse was last known to hold exactly these rows; moves when a run finds nothing changed. */
  readonly as_of: string
  /** RFC 3339. When the warehouse was read to make this version. */
  readonly valid_from: string
  /** Table, columns and rules of the sync that made it; null in versions of before it was kept. */
  readonly config_hash: string | null
  /** The warehouse's probe at `as_of`, where it has one. */
  readonly probe: string | null
  readonly rows: number
  readonly bytes: number
  /** Of the whole file, see digest.ts. */
  readonly digest: string
  readonly created_at: string
  readonly reason: string
}

/** An entity's folder. Slugs that are no plain file names are written with their bytes. */
export function entityFolder(dir: string, entity: string): string {
  const name = /^[A-Za-z0-9_-]+$/.test(entity) ? entity : `=${Buffer.from(entity).toString('hex')}`
  return join(dir, 'snapshots', name)
}

export function snapshotPath(dir: string, entity: string, version: number): string {
  return join(entityFolder(dir, entity), `${version}.sqlite`)
}

/** The versions that exist, newest first. Damage inside a file is not looked for. */
export async function listVersions(dir: string, entity: string): Promise<readonly Manifest[]> {
  const folder = entityFolder(dir, entity)
  const names = await readdir(folder).catch(ignoring('ENOENT', [] as string[]))
  const versions = names.flatMap((name) => /^(\d+)\.json$/.exec(name)?.[1] ?? []).map(Number)
  const found: Manifest[] = []
  for (const version of versions.sort((a, b) => b - a)) {
    const manifest = await readManifest(dir, entity, version)
    if (manifest !== null) found.push(manifest)
  }
  return found
}

/** The manifest of a version, or null when the version is not whole. */
export async function readManifest(dir: string, entity: string, version: number): Promise<Manifest | null> {
  const folder = entityFolder(dir, entity)
  const text = await readFile(join(folder, `${version}.json`), 'utf8').catch(ignoring('ENOENT', null))
  if (text === null) return null
  let manifest: Manifest
  try {
    manifest = JSON.parse(text) as Manifest
  } catch {
    return null
  }
  if (!isManifest(manifest, entity, version)) return null
  const { config_hash = null, probe = null } = manifest
  const file = await stat(join(folder, `${version}.sqlite`)).catch(ignoring('ENOENT', null))
  return file?.size === manifest.bytes ? { ...manifest, config_hash, probe } : null
}

function isManifest(manifest: Partial<Manifest> | null, entity: string, version: number): boolean {
  if (typeof manifest !== 'object' || manifest === null) return false
  const numbers = [manifest.epoch, manifest.seq, manifest.rows, manifest.bytes]
  const times = [manifest.as_of, manifest.valid_from]
  return (
    manifest.format === tableFormat &&
    manifest.entity === entity &&
    manifest.version === version &&
    typeof manifest.lineage === 'string' &&
    numbers.every((number) => Number.isSafeInteger(number)) &&
    times.every((time) => !Number.isNaN(Date.parse(time ?? ''))) &&
    digestPattern.test(manifest.digest ?? '')
  )
}

/** Replaces or creates a manifest: whole and durable, or as it was. */
export async function writeManifest(dir: string, manifest: Manifest): Promise<void> {
  const folder = entityFolder(dir, manifest.entity)
  const building = join(folder, `${manifest.version}.json.${randomUUID()}.tmp`)
  try {
    const file = await open(building, 'wx', 0o600)
    try {
      await file.writeFile(`${JSON.stringify(manifest, null, 2)}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(building, join(folder, `${manifest.version}.json`))
    await syncFolder(folder)
  } catch (error) {
    await unlink(building).catch(() => {})
    throw operatingError(error, folder)
  }
}

/** Takes a damaged version out of service and keeps its files for people to look at. Nothing happens where it cannot be written. */
export async function setAside(dir: string, manifest: Manifest): Promise<void> {
  const path = join(entityFolder(dir, manifest.entity), `${manifest.version}.json`)
  await rename(path, `${path}.damaged`).catch(() => {})
}

/** Names in a folder survive a power cut only when the folder itself was synced. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function ignoring<T>(code: string, value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === code) return value
    throw error
  }
}
