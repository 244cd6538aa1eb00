/**
 * The sync against a model: random changes of the table, runs that die, lose answers or are cancelled, a state directory
 * restored from a copy, state tables dropped. After a run that succeeds the snapshot is the table, and nothing is left over.
 */
import fc from 'fast-check'
import { expect } from 'vitest'
import type { SyncOptions } from '../../src/sync/run.ts'
import type { SnapshotStore } from '../../src/sync/store.ts'
import type { SyncRun } from '../../src/sync/sync-run.ts'
import type { Warehouse } from '../../src/sync/warehouse.ts'
import { Crash, type Fault, type FaultPlan, faulty, type Row } from './sync-world.ts'

/** A table, what it should hold, a state directory, and what can happen to them. */
export interface World {
  readonly model: Map<string, Row>
  readonly store: SnapshotStore
  /** Nobody can change the table while a run reads it. */
  readonly isExclusive: boolean
  warehouse(): Promise<Warehouse>
  /** Puts and removes rows, in the table and in the model. */
  change(rows: ReadonlyMap<string, Row | null>): Promise<void>
  sync(options?: Partial<SyncOptions>): Promise<SyncRun>
  /** Everything that must hold after a run that succeeded; a list of what does not. */
  violations(): Promise<string[]>
  dropState(): Promise<void>
  /** Drops baseline and delta, and leaves the pointer. */
  dropTables(): Promise<void>
  /** Takes one row out of the baseline. */
  loseBaselineRow(): Promise<void>
  copyVersions(): Promise<void>
  restoreVersions(): Promise<void>
  /** The newest version is gone. */
  loseVersion(): Promise<void>
  remove(): Promise<void>
}

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

/** Null and empty text most of all: a checksum may take one for the other. */
const text = fc.oneof(fc.constantFrom(null, ''), { weight: 2, arbitrary: fc.constantFrom(...awkward) })
export const row: fc.Arbitrary<Row> = fc.tuple(
  text,
  fc.constantFrom(null, 0n, 1n, -1n, 9007199254740993n, 9223372036854775807n, -9223372036854775808n),
  fc.constantFrom(null, '0', '0.0001', '-0.0001', '1.1', '1.1000', '9999999999999999.9999'),
  fc.constantFrom(null, true, false),
)

const wrecks = ['copyVersions', 'restoreVersions', 'loseVersion', 'dropState', 'dropTables', 'loseBaselineRow'] as const

type Action =
  | { readonly do: 'change'; readonly rows: readonly (readonly [string, Row | null])[] }
  /** Other values in one column: what a checksum may miss. */
  | { readonly do: 'edit'; readonly column: number; readonly rows: readonly (readonly [string, Row])[] }
  | { readonly do: 'sync'; readonly full: boolean }
  | { readonly do: 'fault'; readonly at: number; readonly fault: Fault }
  | { readonly do: 'cancel'; readonly at: number }
  | { readonly do: 'change meanwhile'; readonly at: number; readonly rows: readonly (readonly [string, Row | null])[] }
  /**
   * While a run is held up the table changes and another run overtakes it, which goes through or dies on its way. A change of
   * values alone may be taken back afterwards: then what the first run has seen is true again, and no count tells.
   */
  | {
      readonly do: 'overtake'
      readonly at: number
      readonly rows: readonly (readonly [string, Row | null])[]
      readonly dies: number | null
      readonly undone: boolean
    }
  | { readonly do: 'wreck'; readonly what: keyof World & (typeof wrecks)[number] }

/** A call of a run: any of them, and more often one between taking the sync over and its end. */
const place = fc.oneof(fc.nat(32), fc.integer({ min: 10, max: 24 }))

const changed = fc.array(fc.tuple(fc.constantFrom(...keys), fc.option(row, { freq: 3 })), {
  minLength: 1,
  maxLength: 12,
})

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('change' as const), rows: changed }),
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
      at: place,
      fault: fc.constantFrom<Fault>('before', 'after', 'lost', 'refused'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel' as const), at: place }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('change meanwhile' as const), at: place, rows: changed }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('overtake' as const),
      at: place,
      rows: changed,
      dies: fc.option(place, { freq: 2 }),
      undone: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wreck' as const), what: fc.constantFrom(...wrecks) }) },
)

/** `runs` schedules, each in a world of its own; one seed repeats them. `shrink`: look for a shorter one that fails. */
export async function followsTheTable(options: {
  readonly world: () => World | Promise<World>
  readonly runs: number
  readonly shrink: boolean
}): Promise<void> {
  const seed = Number(process.env.SYNC_MODEL_SEED ?? Math.floor(Math.random() * 2 ** 31))
  console.info(`${options.runs} schedules: SYNC_MODEL_SEED=${seed}`)
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 3, maxLength: 14 }), async (actions) => {
      const world = await options.world()
      try {
        for (const next of actions) await perform(world, next)
        const run = await world.sync({ approves: () => true })
        expect(run.error).toBeNull()
        expect(await world.violations()).toEqual([])
        expect(await world.sync()).toMatchObject({ result: 'unchanged', rows: world.model.size })
      } finally {
        await world.remove()
      }
    }),
    { numRuns: options.runs, endOnFailure: !options.shrink, verbose: 1, seed },
  )
}

async function perform(world: World, next: Action): Promise<void> {
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
      const run = await world.sync({ full: next.full, approves: () => true })
      expect(run.error).toBeNull()
      expect(await world.violations()).toEqual([])
      return
    }
    case 'fault':
      return troubled(world, next)
    case 'cancel': {
      const abort = new AbortController()
      return troubled(world, { at: next.at, fault: 'refused', meanwhile: async () => abort.abort() }, abort.signal)
    }
    case 'overtake': {
      if (world.isExclusive) return world.change(new Map(next.rows))
      const rows = next.undone ? next.rows.filter(([key, row]) => row !== null && world.model.has(key)) : next.rows
      const before = new Map(rows.map(([key]) => [key, world.model.get(key) ?? null]))
      const meanwhile = async () => {
        await world.change(new Map(rows))
        if (next.dies !== null) return troubled(world, { at: next.dies, fault: 'after' })
        expect((await world.sync({ approves: () => true, owner: 'other' })).error).toBeNull()
      }
      await troubled(world, { at: next.at, fault: 'after', meanwhile })
      return next.undone ? world.change(before) : undefined
    }
    case 'change meanwhile':
      if (world.isExclusive) return world.change(new Map(next.rows))
      return troubled(world, { at: next.at, fault: 'after', meanwhile: () => world.change(new Map(next.rows)) })
    case 'wreck':
      return world[next.what]()
  }
}

/** A run that meets a fault; what it reports is its own affair. */
/** What comes and is taken back while a run reads the table must not be hidden by a probe that is then as it was before. */
export async function noticesWhatWasTakenBack(world: World): Promise<void> {
  const row = (text: string): Row => [text, 1n, '1.5', true]
  await world.change(new Map([['a', row('first')]]))
  expect((await world.sync()).error).toBeNull()
  await world.change(new Map([['a', row('second')]]))
  const calls = faulty({ warehouse: await world.warehouse(), store: world.store }, null)
  await world.sync({ ...calls, dryRun: true })
  // After the probe, and before any row is read.
  const at = calls.calls.indexOf('probe') + 1
  const meanwhile = () => world.change(new Map([['b', row('passing')]]))
  await troubled(world, { at, fault: 'after', meanwhile })
  await world.change(new Map([['b', null]]))
  expect((await world.sync()).error).toBeNull()
  expect(await world.violations()).toEqual([])
}

async function troubled(world: World, plan: FaultPlan, signal = new AbortController().signal): Promise<void> {
  const ports = faulty({ warehouse: await world.warehouse(), store: world.store }, plan)
  await world.sync({ ...ports, approves: () => true, signal }).catch((error: unknown) => {
    if (!(error instanceof Crash)) throw error
  })
}
