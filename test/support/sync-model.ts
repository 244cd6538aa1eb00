/**
 * The sync against a model: random changes of the table, runs that die, lose answers or are cancelled, a state directory
 * restored from a copy, state tables dropped. After a run that succeeds the snapshot is the table, and nothing is left over.
 */
import { cpSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect } from 'vitest'
import type { StatePlace } from '../../src/sync/warehouse.ts'
import type { Peer } from './peer.ts'
import { Crash, type Fault, faulty, type Row, SyncWorld } from './sync-world.ts'

const awkward = [null, '', 'n', 's1:a', "'", '"', 'a|b', '漢字', '🎉', ' ', 'NULL', 'null', '\\', '\n', 'x'.repeat(300)]
export const keys = [
  '1',
  '01',
  '1.0',
  '',
  ' ',
  'a',
  'A',
  'é',
  'e\u0301',
  "o'k",
  ...Array.from({ length: 20 }, (_, i) => `k${i}`),
]

const text = fc.constantFrom(...awkward)
export const row: fc.Arbitrary<Row> = fc.tuple(
  text,
  fc.constantFrom(null, 0n, 1n, -1n, 9007199254740993n, 9223372036854775807n, -9223372036854775808n),
  fc.constantFrom(null, '0', '0.0001', '-0.0001', '1.1', '1.1000', '9999999999999999.9999'),
  fc.constantFrom(null, true, false),
)

type Action =
  | { readonly do: 'change'; readonly rows: readonly (readonly [string, Row | null])[] }
  /** Other values in one column: what a checksum may miss. */
  | { readonly do: 'edit'; readonly column: number; readonly rows: readonly (readonly [string, Row])[] }
  | { readonly do: 'sync'; readonly full: boolean }
  | { readonly do: 'fault'; readonly at: number; readonly fault: Fault }
  | { readonly do: 'cancel'; readonly at: number }
  | { readonly do: 'copy' | 'restore' | 'drop state' | 'drop generation' | 'lose a version' }

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('change' as const),
      rows: fc.array(fc.tuple(fc.constantFrom(...keys), fc.option(row, { freq: 3 })), { minLength: 1, maxLength: 12 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('edit' as const),
      column: fc.nat(3),
      rows: fc.array(fc.tuple(fc.constantFrom(...keys), row), { minLength: 8, maxLength: 24 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('sync' as const), full: fc.boolean() }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('fault' as const),
      at: fc.nat(32),
      fault: fc.constantFrom<Fault>('before', 'after', 'lost', 'refused'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel' as const), at: fc.nat(24) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('copy', 'restore', 'drop state', 'drop generation', 'lose a version') }),
  },
)

/** `runs` schedules; all in one warehouse, or each in a DuckDB file of its own. One seed repeats them. */
export async function followsTheTable(options: {
  readonly runs: number
  readonly peer?: Peer
  readonly state?: StatePlace
}): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 3, maxLength: 14 }), async (actions) => {
      const world = await SyncWorld.create(options)
      try {
        for (const next of actions) await perform(world, next)
        const run = await world.sync({ approve: true })
        expect(run.error).toBeNull()
        expect(await world.violations()).toEqual([])
        expect(await world.sync()).toMatchObject({ result: 'unchanged', rows: world.model.size })
      } finally {
        await world.remove()
      }
    }),
    {
      numRuns: options.runs,
      endOnFailure: options.peer !== undefined,
      verbose: 1,
      ...(process.env.SYNC_MODEL_SEED ? { seed: Number(process.env.SYNC_MODEL_SEED) } : {}),
    },
  )
}

async function perform(world: SyncWorld, next: Action): Promise<void> {
  const snapshots = join(world.folder, 'snapshots')
  const copy = join(world.folder, 'copy')
  switch (next.do) {
    case 'change':
      return world.change(new Map(next.rows))
    case 'edit': {
      const edited = next.rows.flatMap(([key, row]): [string, Row][] => {
        const before = world.model.get(key)
        return before === undefined ? [] : [[key, before.with(next.column, row[next.column]!) as unknown as Row]]
      })
      return world.change(new Map(edited))
    }
    case 'sync': {
      const run = await world.sync({ full: next.full, approve: true })
      expect(run.error).toBeNull()
      expect(await world.violations()).toEqual([])
      return
    }
    case 'fault':
    case 'cancel': {
      const abort = new AbortController()
      const plan =
        next.do === 'fault' ? next : { at: next.at, fault: 'refused' as const, meanwhile: async () => abort.abort() }
      const ports = faulty({ warehouse: await world.warehouse(), store: world.store }, plan)
      await world.sync({ ...ports, approve: true, signal: abort.signal }).catch((error: unknown) => {
        if (!(error instanceof Crash)) throw error
      })
      return
    }
    case 'copy':
      rmSync(copy, { recursive: true, force: true })
      if (existsSync(snapshots)) cpSync(snapshots, copy, { recursive: true })
      return
    case 'restore':
      rmSync(snapshots, { recursive: true, force: true })
      if (existsSync(copy)) cpSync(copy, snapshots, { recursive: true })
      return
    case 'drop state':
      return world.dropState()
    case 'drop generation':
      return world.dropTables()
    case 'lose a version': {
      const current = await world.store.current(world.entity.slug)
      if (current) rmSync(join(snapshots, world.entity.slug, `${current.version}.json`))
      return
    }
  }
}
