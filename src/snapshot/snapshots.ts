/**
 * The versions that are served. A newer one is taken up only when its digest holds and it has been read through; the old
 * one is closed when the last batch that holds it is done.
 */
import type { Snapshot, SnapshotSet, Snapshots } from '../enrich/snapshots.ts'
import type { Tell } from '../telemetry.ts'
import { fileDigest } from './digest.ts'
import { SnapshotFile } from './file.ts'
import { listVersions, type Manifest, setAside, snapshotPath } from './manifest.ts'
import { Room } from './pace.ts'

export interface SnapshotsOptions {
  /** The state directory. */
  readonly dir: string
  readonly entities: readonly string[]
  /** By entity: the version to serve, instead of the newest. */
  readonly pins?: ReadonlyMap<string, number>
  /** Most bytes of rows that are held in memory; 0 when left out. */
  readonly memoryBytesMax?: number
  readonly tell: Tell
}

export interface SnapshotState {
  readonly entity: string
  readonly version: number | null
  readonly epoch: number | null
  /** Milliseconds since 1970-01-01 UTC. */
  readonly asOf: number | null
  readonly rows: number
  readonly bytes: number
}

export interface LiveSnapshots extends Snapshots {
  /** Looks for newer versions on disk. One at a time: a second call waits for the first and looks again. */
  refresh(): Promise<void>
  /** Whether each entity has a verified version. */
  ready(): boolean
  state(): readonly SnapshotState[]
  /** Closes what nobody holds; the rest when it is released. */
  close(): void
}

export function openSnapshots(options: SnapshotsOptions): LiveSnapshots {
  return new OpenSnapshots(options)
}

/** A file with the number of those who need it open: being the current one counts as one. */
interface Held {
  readonly file: SnapshotFile
  holders: number
}

class OpenSnapshots implements LiveSnapshots {
  readonly #options: SnapshotsOptions
  readonly #current = new Map<string, Held>()
  /** Verified once, verified for good: the files are immutable. Rejected ones are told once. */
  readonly #rejected = new Set<string>()
  readonly #room: Room
  #refreshing: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: SnapshotsOptions) {
    this.#options = options
    this.#room = new Room(options.memoryBytesMax ?? 0)
  }

  current(): SnapshotSet {
    const held = new Map(this.#current)
    for (const one of held.values()) one.holders++
    let released = false
    return {
      of: (entity): Snapshot | undefined => held.get(entity)?.file,
      release: () => {
        if (released) return
        released = true
        for (const one of held.values()) letGo(one)
      },
    }
  }

  refresh(): Promise<void> {
    const next = this.#refreshing.catch(() => {}).then(() => this.#refreshAll())
    this.#refreshing = next
    return next
  }

  ready(): boolean {
    return this.#options.entities.every((entity) => this.#current.has(entity))
  }

  state(): readonly SnapshotState[] {
    return this.#options.entities.map((entity) => {
      const file = this.#current.get(entity)?.file
      return {
        entity,
        version: file?.version ?? null,
        epoch: file?.epoch ?? null,
        asOf: file?.asOf ?? null,
        rows: file?.rows ?? 0,
        bytes: file?.manifest.bytes ?? 0,
      }
    })
  }

  close(): void {
    this.#closed = true
    for (const one of this.#current.values()) letGo(one)
    this.#current.clear()
  }

  async #refreshAll(): Promise<void> {
    for (const entity of this.#options.entities) {
      if (this.#closed) return
      await this.#refreshOne(entity)
    }
  }

  /** The newest version that is good, or the one that is pinned. */
  async #refreshOne(entity: string): Promise<void> {
    const pin = this.#options.pins?.get(entity)
    for (const manifest of await listVersions(this.#options.dir, entity)) {
      if (pin !== undefined && manifest.version !== pin) continue
      const serving = this.#current.get(entity)
      if (serving?.file.version === manifest.version && serving.file.manifest.digest === manifest.digest) {
        serving.file.confirm(manifest)
        return
      }
      const file = await this.#verified(manifest)
      if (file === null) continue
      if (this.#closed) return file.close()
      this.#current.set(entity, { file, holders: 1 })
      if (serving !== undefined) letGo(serving)
      const { version, rows, bytes } = manifest
      this.#options.tell({ name: 'snapshot-serving', entity, version, rows, bytes, asOf: file.asOf })
      return
    }
  }

  async #verified(manifest: Manifest): Promise<SnapshotFile | null> {
    const { dir, tell } = this.#options
    const { entity, version } = manifest
    let reason: string
    try {
      const digest = await fileDigest(snapshotPath(dir, entity, version))
      if (digest === manifest.digest)
        return new SnapshotFile(dir, manifest, {
          room: this.#room,
          cacheTold: (state) => tell({ name: 'row-cache', entity, ...state }),
          inMemory: ({ bytes }) => tell({ name: 'rows-in-memory', entity, version, bytes }),
        })
      reason = 'the file does not have the digest of its manifest'
      await setAside(dir, manifest)
    } catch (error) {
      // Deleted since it was listed: a newer one has taken its place.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      reason = error instanceof Error ? error.message : String(error)
    }
    const known = `${entity}/${version}/${manifest.digest}`
    if (!this.#rejected.has(known)) tell({ name: 'snapshot-rejected', entity, version, reason })
    this.#rejected.add(known)
    return null
  }
}

function letGo(held: Held): void {
  if (--held.holders === 0) held.file.close()
}
