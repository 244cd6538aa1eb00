/** The part of the warehouse contract where nothing may be written in the warehouse: `state: local`. */
import { expect } from 'vitest'
import { snapshotStore } from '../../src/snapshot/store.ts'
import type { EntityPlan } from '../../src/sync/entity-plan.ts'
import type { SyncOptions } from '../../src/sync/run.ts'
import type { SyncRun } from '../../src/sync/sync-run.ts'
import { openWarehouse } from '../../src/warehouse/open.ts'
import type { Peer } from '../support/peer.ts'
import { faulty } from '../support/sync-world.ts'
import type { Spelling } from './warehouse-suite.ts'

export interface LocalSuite {
  readonly test: (name: string, check: () => Promise<void>) => void
  readonly types: Spelling['types']
  readonly peer: () => Peer
  readonly dir: () => string
  readonly entity: EntityPlan
  readonly run: (plan?: Partial<EntityPlan>, options?: Partial<SyncOptions>) => Promise<SyncRun>
}

/** Engines whose rights the test engine checks. */
const withRights = ['postgres', 'redshift', 'snowflake']

export function localContract({ test, types, peer, dir, entity, run }: LocalSuite): void {
  const warehouse = () => openWarehouse({ ...peer().reader, state: 'local' })
  const local = async (plan: Partial<EntityPlan> = {}, options: Partial<SyncOptions> = {}) =>
    run(plan, { warehouse: await warehouse(), ...options })
  const rows = async () => {
    const stored = (await snapshotStore({ dir: dir() }).read('item'))!
    const found: string[] = []
    for await (const page of stored.all()) found.push(...page.map(({ row }) => row))
    stored.close()
    return found.toSorted()
  }

  test('with SELECT alone a sync compares here: every change is brought, and nothing is written in the warehouse', async () => {
    await peer().sql(
      'CREATE TABLE "items" ("id" INTEGER, "t" VARCHAR)',
      `INSERT INTO "items" VALUES (1, 'a'), (2, 'b'), (3, NULL)`,
    )
    if (withRights.includes(peer().config.type)) {
      const elsewhere = await openWarehouse(peer().reader)
      expect((await run({}, { warehouse: elsewhere })).error).toMatchObject({ code: 'WAREHOUSE_DENIED' })
    }
    expect(await local()).toMatchObject({ error: null, reason: 'first sync', version: 1, added: 3, rows: 3 })
    expect(await local()).toMatchObject({ result: 'unchanged', version: 1, rows: 3 })
    await peer().sql(
      `UPDATE "items" SET "t" = '' WHERE "id" = 3`,
      'DELETE FROM "items" WHERE "id" = 2',
      `INSERT INTO "items" VALUES (4, 'd')`,
    )
    const counts = { added: 1, updated: 1, deleted: 1 }
    expect(await local({}, { dryRun: true })).toMatchObject({ result: 'dry_run', ...counts, version: 1 })
    expect(await local()).toMatchObject({ result: 'success', reason: 'changes', ...counts, version: 2, epoch: 1 })
    expect(await rows()).toEqual(['{"id":1,"t":"a"}', '{"id":3,"t":""}', '{"id":4,"t":"d"}'])
    await peer().sql('DELETE FROM "items"')
    expect(await local()).toMatchObject({ result: 'guarded', version: 2, rows: 3 })
    expect(await local({}, { approves: () => true })).toMatchObject({ result: 'success', deleted: 3, rows: 0 })
    expect(await peer().state()).toBeNull()
  })

  test('values of every type are the same, wherever the state is', async () => {
    await peer().sql(
      `CREATE TABLE "items" ("id" INTEGER, ${types.map(([type], index) => `"v${index}" ${type}`).join(', ')})`,
      `INSERT INTO "items" SELECT 1, ${types.map(([, literal]) => literal).join(', ')}`,
      `INSERT INTO "items" ("id") VALUES (2)`,
    )
    expect(await local()).toMatchObject({ error: null, epoch: 1 })
    const here = await rows()
    expect(await local({}, { full: true })).toMatchObject({ reason: 'full sync requested', epoch: 2, version: 2 })
    expect(await run()).toMatchObject({ error: null, result: 'success', version: 3, rows: 2 })
    expect(await rows()).toEqual(here)
    expect(await local()).toMatchObject({ reason: 'the state was kept in the warehouse', version: 4, rows: 2 })
    expect(await rows()).toEqual(here)
    expect(await run()).toMatchObject({ error: null, result: 'success', version: 5, rows: 2 })
  })

  test('with SELECT alone, keys and columns are looked at as everywhere', async () => {
    await peer().sql(
      'CREATE TABLE "items" ("id" INTEGER, "t" VARCHAR)',
      `INSERT INTO "items" VALUES (1, 'a'), (2, 'b'), (2, 'c'), (NULL, 'd')`,
    )
    expect(await local()).toMatchObject({ result: 'failed', null_keys: 1, error: { code: 'KEYS_NULL' } })
    expect(await local({ duplicates: 'reject' })).toMatchObject({ error: null, rows: 1 })
    const first = await local({ duplicates: 'first' })
    expect(first).toMatchObject({ error: null, reason: 'settings changed', epoch: 2, duplicate_keys: 1, rows: 2 })
    expect(await local({ duplicates: 'first' })).toMatchObject({ result: 'unchanged' })
    await peer().sql('ALTER TABLE "items" ADD COLUMN "extra" INTEGER')
    expect(await local({ duplicates: 'first' })).toMatchObject({ reason: 'columns changed', epoch: 3, rows: 2 })
  })

  test('with SELECT alone, what changes while a run reads is seen by the next one', async () => {
    if (peer().config.type === 'duckdb') return // nobody writes the file while it is open
    const store = snapshotStore({ dir: dir() })
    await peer().sql(
      'CREATE TABLE "items" ("id" INTEGER, "t" VARCHAR)',
      `INSERT INTO "items" VALUES (1, 'a'), (2, 'b')`,
    )
    const first = faulty({ warehouse: await warehouse(), store }, null)
    expect((await run({}, first)).error).toBeNull()
    await peer().sql(`UPDATE "items" SET "t" = 'A' WHERE "id" = 1`)
    const meanwhile = async () => void (await peer().sql(`UPDATE "items" SET "t" = 'B' WHERE "id" = 2`))
    // By then the rows are being read. The current version is opened too, but pages of rows are not counted here.
    const at = first.calls.indexOf('publish')
    const second = faulty({ warehouse: await warehouse(), store }, { at, fault: 'after', meanwhile })
    expect(await run({}, second)).toMatchObject({ error: null, updated: 1 })
    expect(second.calls[at]).toBe('publish')
    expect(await local()).toMatchObject({ error: null, updated: 1 })
    expect(await rows()).toEqual(['{"id":1,"t":"A"}', '{"id":2,"t":"B"}'])
  })

  test('doctor asks one who may only SELECT for no right on the state schema', async () => {
    await peer().sql('CREATE TABLE "items" ("id" INTEGER)')
    const checks = await (await warehouse()).checks([entity])
    expect(checks.map(({ name, ok }) => [name.split(' ')[0], ok])).toEqual([
      ['warehouse', true],
      ['entity', true],
    ])
    if (!withRights.includes(peer().config.type)) return
    const state = (await (await openWarehouse(peer().reader)).checks([])).at(-1)
    expect(state).toMatchObject({ ok: false, required: expect.stringContaining('warehouse.state: local') })
    expect(state?.fix).toMatch(/^GRANT /)
  })
}
