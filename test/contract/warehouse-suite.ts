/** One suite over the sync's warehouse port: an adapter is done when it passes. */
import { hash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test as vitest } from 'vitest'
import { snapshotStore } from '../../src/snapshot/store.ts'
import { audit } from '../../src/sync/audit.ts'
import type { EntityPlan } from '../../src/sync/entity-plan.ts'
import type { SyncOptions } from '../../src/sync/run.ts'
import { syncKeyOf } from '../../src/sync/source.ts'
import { releaseEvents, resetSync, sync } from '../../src/sync/sync.ts'
import { openWarehouse } from '../../src/warehouse/open.ts'
import { missing } from '../support/engine.ts'
import type { Peer } from '../support/peer.ts'
import { RowTopic, rowEventsTo } from '../support/row-topic.ts'
import { auditContract } from './audit-suite.ts'
import { differences } from './differences.ts'
import { localContract } from './local-suite.ts'

/** What the suite needs to know of an engine's spelling. */
export interface Spelling {
  readonly start: () => Promise<Peer>
  /** Column types with a literal and the JSON that it must become. */
  readonly types: readonly (readonly [type: string, literal: string, json: string])[]
  /** Awkward names of columns; absent: those of engines where a quoted name may hold anything. */
  readonly names?: readonly string[]
  readonly caseless: string
  readonly longStatement: string
  /** A small statement takes a second on a busy machine. */
  readonly slow?: boolean
}

export const common = [
  ['INTEGER', '42', '42'],
  ['BIGINT', '-9223372036854775808', '-9223372036854775808'],
  ['DECIMAL(38,9)', '12345678901234567890.123456789', '12345678901234567890.123456789'],
  ['DECIMAL(10,2)', '1.10', '1.1'],
  ['DECIMAL(10,2)', '-0.00', '0'],
  ['REAL', '0.1', '0.1'],
  ['DOUBLE PRECISION', '0.1::DOUBLE PRECISION + 0.2::DOUBLE PRECISION', '0.30000000000000004'],
  ['DOUBLE PRECISION', '1e300', '1e+300'],
  ['DOUBLE PRECISION', "'NaN'", 'null'],
  ['DOUBLE PRECISION', "'-Infinity'", 'null'],
  ['BOOLEAN', 'true', 'true'],
  ['BOOLEAN', 'false', 'false'],
  ['VARCHAR', "''", '""'],
  ['VARCHAR', "'null'", '"null"'],
  ['VARCHAR', `'it''s "a" \\ | é 🎉'`, '"it\'s \\"a\\" \\\\ | é 🎉"'],
  ['VARCHAR', 'chr(10) || chr(9)', '"\\n\\t"'],
  ['DATE', "'2026-02-28'", '"2026-02-28"'],
  ['DATE', "'infinity'", 'null'],
  ['TIMESTAMP', "'2026-01-01 12:00:00'", '"2026-01-01T12:00:00.000"'],
  ['TIMESTAMP', "'2026-01-01 12:00:00.123456'", '"2026-01-01T12:00:00.123456"'],
  ['TIMESTAMP', "'infinity'", 'null'],
  ['TIMESTAMP WITH TIME ZONE', "'2026-01-01 12:00:00.5+02:00'", '"2026-01-01T10:00:00.500Z"'],
  ['TIMESTAMP WITH TIME ZONE', "'-infinity'", 'null'],
  ['TIME', "'12:34:56'", '"12:34:56"'],
  ['UUID', "'6f1c0d0e-0000-4000-8000-000000000001'", '"6f1c0d0e-0000-4000-8000-000000000001"'],
  ['JSON', `'{"a": [1, 9007199254740993, null]}'`, '{"a":[1,9007199254740993,null]}'],
  ['JSON', `'null'`, 'null'],
  ['INTEGER[]', '{1,2}', '[1,2]'],
] as const

const slowTestMs = 600_000

const anyName = ['op', 'record_id', 'checksum', 'c0', 'select', 'a.b', `it's`, 'say "x"', ' ', '🎉', 'x'.repeat(60)]

export function warehouseContract(engine: string, spelling: Spelling): void {
  const leftOut = new Map(differences.filter((row) => row.engine === engine).map((row) => [row.leavesOut, row.here]))
  const test = (name: string, check: () => Promise<void>) => {
    const reason = leftOut.get(name)
    if (reason === undefined) vitest(name, check, spelling.slow ? slowTestMs : undefined)
    else vitest.skip(`${name} (left out: ${reason})`, check)
  }
  describe(engine, () => {
    let peer: Peer
    let dir: string
    const entity: EntityPlan = {
      slug: 'item',
      tableRef: 'items',
      primaryKey: 'id',
      columns: null,
      duplicates: 'fail',
      versions: 2,
      installId: 'test',
    }

    beforeAll(async () => {
      peer = await spelling.start()
    })
    afterAll(() => peer.stop())
    beforeEach(() => {
      dir = mkdtempSync(join(tmpdir(), 'le-contract-'))
    })
    afterEach(async () => {
      rmSync(dir, { recursive: true, force: true })
      await peer.sql('DROP VIEW IF EXISTS "item_view"', 'DROP TABLE IF EXISTS "items"')
      await peer.dropState()
    })

    const store = () => snapshotStore({ dir })
    const run = async (plan: Partial<EntityPlan> = {}, options: Partial<SyncOptions> = {}) =>
      sync({
        entity: { ...entity, ...plan },
        warehouse: await openWarehouse(peer.config),
        store: store(),
        clock: { now: Date.now, sleep: async () => {} },
        tell: () => {},
        owner: 'test',
        signal: new AbortController().signal,
        ...options,
      })
    const pointer = async () => `"${peer.config.stateSchema}"."checkpoint_${await syncKeyOf(entity)}"`
    const rows = async (...keys: string[]) => {
      const snapshot = await store().open('item')
      const found = keys.map((key) => snapshot.get(key)?.text)
      snapshot.close()
      return found
    }

    test('every type becomes the JSON that the contract names', async () => {
      const { types } = spelling
      await peer.sql(
        `CREATE TABLE "items" ("id" INTEGER, ${types.map(([type], index) => `"v${index}" ${type}`).join(', ')})`,
        `INSERT INTO "items" SELECT 1, ${types.map(([, literal]) => literal).join(', ')}`,
        `INSERT INTO "items" ("id") VALUES (2)`,
      )
      expect((await run()).error).toBeNull()
      const [full, empty] = await rows('1', '2')
      const expected = types.map(([, , json], index) => `"v${index}":${json}`)
      expect(full).toBe(`{"id":1,${expected.join(',')}}`)
      expect(empty).toBe(`{"id":2,${types.map((_, index) => `"v${index}":null`).join(',')}}`)
    })

    const audited = async (plan: Partial<EntityPlan> = {}) =>
      audit({
        entity: { ...entity, ...plan },
        warehouse: await openWarehouse(peer.config),
        store: store(),
        sha256: (text) => hash('sha256', text, 'hex'),
        signal: new AbortController().signal,
      })

    auditContract({ test, types: spelling.types, peer: () => peer, dir: () => dir, run, audited })

    test('every change of a value is seen, however small', async () => {
      const changes = [
        [`NULL, '', 1, 0`, `"t" = ''`],
        [`'', '', 1, 0`, `"t" = 'n'`],
        [`'n', '', 1, 0`, `"t" = 'NULL'`],
        [`'NULL', '', 1, 0`, `"t" = '', "u" = 'NULL'`],
        [`'', 'NULL', 1, 0`, `"t" = NULL, "u" = ''`],
        [`NULL, '', 1, 0`, `"t" = '', "u" = NULL`],
        [`'', NULL, 1, 0`, `"t" = 'a', "u" = 'b|c'`],
        [`'a', 'b|c', 1, 0`, `"t" = 'a|b', "u" = 'c'`],
        [`'ab', 'c', 1, 0`, `"t" = 'a', "u" = 'bc'`],
        [`'', '', 1.000000001, 0`, '"d" = 1.000000002'],
        [`'', '', 0, 0`, '"d" = -0.000000001'],
        [`'', '', -0.000000001, 0`, '"d" = 0.000000001'],
        [`'', '', -1, 0`, '"d" = 0'],
        [`'', '', 1, 0`, '"x" = -1'],
        [`'', '', 1, 0.3`, '"x" = 0.30000000000000004'],
        [`'', '', 1, 0.1`, '"x" = CAST(0.1 AS DOUBLE PRECISION) + CAST(1e-16 AS DOUBLE PRECISION)'],
        [`'same', 'same', 1, 0`, `"t" = 'same'`],
      ] as const
      await peer.sql(
        'CREATE TABLE "items" ("id" INTEGER, "t" VARCHAR, "u" VARCHAR, "d" DECIMAL(38,9), "x" DOUBLE PRECISION)',
        `INSERT INTO "items" VALUES ${changes.map(([before], id) => `(${id}, ${before})`).join(', ')}`,
      )
      await run()
      const keys = changes.map((_, id) => String(id))
      const before = await rows(...keys)
      for (const [id, [, change]] of changes.entries())
        await peer.sql(`UPDATE "items" SET ${change} WHERE "id" = ${id}`)
      const { different } = await audited()
      expect(different).toEqual({ count: changes.length - 1, keys: keys.slice(0, -1).toSorted() })
      expect(await run()).toMatchObject({ error: null, added: 0, updated: changes.length - 1, deleted: 0 })
      const after = await rows(...keys)
      for (const [id, [, change]] of changes.entries())
        expect(after[id] === before[id], change).toBe(id === changes.length - 1)
    })

    test('a run brings what was added, updated and deleted, and nothing else', async () => {
      await peer.sql(
        'CREATE TABLE "items" ("id" INTEGER, "t" VARCHAR)',
        `INSERT INTO "items" VALUES (1, 'a'), (2, 'b'), (3, 'c')`,
      )
      expect(await run()).toMatchObject({
        result: 'success',
        reason: 'first sync',
        version: 1,
        epoch: 1,
        added: 3,
        rows: 3,
      })
      expect(await run()).toMatchObject({ result: 'unchanged', version: 1, rows: 3 })
      await peer.sql(
        `UPDATE "items" SET "t" = 'B' WHERE "id" = 2`,
        'DELETE FROM "items" WHERE "id" = 3',
        `INSERT INTO "items" VALUES (4, 'd')`,
      )
      const counts = { added: 1, updated: 1, deleted: 1 }
      expect(await run({}, { dryRun: true })).toMatchObject({ result: 'dry_run', ...counts, version: 1 })
      expect(await run()).toMatchObject({ result: 'success', ...counts, version: 2, epoch: 1, rows: 3 })
      expect(await rows('1', '2', '3', '4')).toEqual([
        '{"id":1,"t":"a"}',
        '{"id":2,"t":"B"}',
        undefined,
        '{"id":4,"t":"d"}',
      ])
      expect(await store().diff('item', 1, 2)).toEqual({ added: ['4'], updated: ['2'], deleted: ['3'] })
    })

    test('a dry run leaves no trace in the warehouse', async () => {
      await peer.sql('CREATE TABLE "items" ("id" INTEGER, "t" VARCHAR)', `INSERT INTO "items" VALUES (1, 'a')`)
      expect(await run({}, { dryRun: true })).toMatchObject({ result: 'dry_run', added: 1, version: null })
      expect(await peer.state()).toBeNull()
    })

    test('a view is read like a table', async () => {
      await peer.sql(
        'CREATE TABLE "items" ("id" INTEGER, "t" VARCHAR)',
        `INSERT INTO "items" VALUES (1, 'a'), (2, 'b')`,
      )
      await peer.sql(`CREATE VIEW "item_view" AS SELECT "id", "t" || '!' AS "t" FROM "items"`)
      expect((await run({ tableRef: 'item_view' })).error).toBeNull()
      await peer.sql('DELETE FROM "items" WHERE "id" = 1')
      expect(await run({ tableRef: 'item_view' })).toMatchObject({ deleted: 1, rows: 1 })
      expect(await rows('2')).toEqual(['{"id":2,"t":"b!"}'])
    })

    test('a view that is another one each time it is read keeps snapshot and baseline together', async () => {
      await peer.sql('CREATE TABLE "items" ("id" INTEGER)', 'INSERT INTO "items" VALUES (1), (2)')
      await peer.sql('CREATE VIEW "item_view" AS SELECT "id", random() AS "r" FROM "items"')
      expect(await run({ tableRef: 'item_view' })).toMatchObject({ error: null, rows: 2 })
      expect(await run({ tableRef: 'item_view' })).toMatchObject({ error: null, updated: 2, rows: 2 })
    })

    test('keys that only a collation takes for equal are different keys', async () => {
      await peer.sql(
        `CREATE TABLE "items" ("id" ${spelling.caseless}, "t" VARCHAR)`,
        `INSERT INTO "items" VALUES ('a', '1'), ('A', '2'), ('', '3'), (' ', '4'), ('é', '5'), ('e\u0301', '6')`,
      )
      expect(await run()).toMatchObject({ error: null, added: 6 })
      await peer.sql(`UPDATE "items" SET "t" = 'x' WHERE "t" = '2'`, `DELETE FROM "items" WHERE "t" = '5'`)
      expect(await run()).toMatchObject({ error: null, updated: 1, deleted: 1, rows: 5 })
      expect(await rows('A', 'a', 'é')).toEqual(['{"id":"A","t":"x"}', '{"id":"a","t":"1"}', undefined])
    })

    test('names that look like SQL or like our own are only names', async () => {
      const names = spelling.names ?? anyName
      const quoted = names.map((name) => `"${name.replaceAll('"', '""')}"`)
      await peer.sql(
        `CREATE TABLE "items" ("rank" INTEGER, ${quoted.map((name) => `${name} VARCHAR`).join(', ')})`,
        `INSERT INTO "items" VALUES (1, ${names.map((_, index) => `'v${index}'`).join(', ')})`,
      )
      for (const duplicates of ['fail', 'first', 'reject'] as const) {
        expect((await run({ primaryKey: 'rank', duplicates })).error).toBeNull()
        const members = names.map((name, index) => `${JSON.stringify(name)}:"v${index}"`)
        expect(await rows('1')).toEqual([`{"rank":1,${members.join(',')}}`])
      }
      expect((await run({ primaryKey: names.at(-3)! })).error).toBeNull()
    })

    test('null keys fail the run, or are left out and counted', async () => {
      await peer.sql(
        'CREATE TABLE "items" ("id" INTEGER, "t" VARCHAR)',
        `INSERT INTO "items" VALUES (1, 'a'), (NULL, 'b'), (NULL, 'c')`,
      )
      expect(await run()).toMatchObject({ result: 'failed', null_keys: 2, error: { code: 'KEYS_NULL' } })
      expect(await run({ duplicates: 'first' })).toMatchObject({ result: 'success', null_keys: 2, rows: 1 })
    })

    test('duplicate keys fail the run with examples, or one row wins, or none does', async () => {
      await peer.sql(
        'CREATE TABLE "items" ("id" INTEGER, "t" VARCHAR)',
        `INSERT INTO "items" VALUES (1, 'a'), (2, 'b'), (2, 'c'), (3, 'd'), (3, 'd')`,
      )
      const failed = await run()
      expect(failed).toMatchObject({
        result: 'failed',
        duplicate_keys: 2,
        version: null,
        error: { code: 'KEYS_DUPLICATE' },
      })
      expect(failed.error?.message).toMatch(/"2"/)
      expect(await run({ duplicates: 'first' })).toMatchObject({ result: 'success', duplicate_keys: 2, rows: 3 })
      expect(await audited({ duplicates: 'first' })).toMatchObject({ ok: true, rows: { table: 3, snapshot: 3 } })
      expect(await audited()).toMatchObject({ ok: false, duplicate_keys: 2 })
      const [winner, twin] = await rows('2', '3')
      expect(twin).toBe('{"id":3,"t":"d"}')
      expect(await run({ duplicates: 'first' }, { full: true })).toMatchObject({ result: 'success', rows: 3 })
      expect(await rows('2')).toEqual([winner])
      expect(await run({ duplicates: 'reject' })).toMatchObject({ result: 'success', rows: 1 })
      expect(await rows('1', '2', '3')).toEqual(['{"id":1,"t":"a"}', undefined, undefined])
    })

    test('a column that comes, goes or changes its type is a new epoch', async () => {
      await peer.sql('CREATE TABLE "items" ("id" INTEGER, "t" VARCHAR)', `INSERT INTO "items" VALUES (1, '5')`)
      await run()
      await peer.sql('ALTER TABLE "items" ADD COLUMN "extra" INTEGER')
      expect(await run()).toMatchObject({ result: 'success', reason: 'columns changed', epoch: 2, rows: 1 })
      expect(await rows('1')).toEqual(['{"id":1,"t":"5","extra":null}'])
      expect(await run({ columns: ['t'] })).toMatchObject({ reason: 'columns changed', epoch: 3 })
      expect(await rows('1')).toEqual(['{"id":1,"t":"5"}'])
      await peer.sql('ALTER TABLE "items" DROP COLUMN "extra"')
      expect(await run({ columns: ['t'] })).toMatchObject({ result: 'unchanged', epoch: 3 })
    })

    test('a table that became empty keeps its snapshot until somebody approves', async () => {
      await peer.sql('CREATE TABLE "items" ("id" INTEGER)')
      expect(await run()).toMatchObject({ result: 'success', version: 1, rows: 0 })
      await peer.sql('INSERT INTO "items" VALUES (1)')
      await run()
      await peer.sql('DELETE FROM "items"')
      expect(await run()).toMatchObject({ result: 'guarded', version: 2, rows: 1, error: { code: 'SYNC_GUARDED' } })
      expect(await run({}, { full: true })).toMatchObject({ result: 'guarded', version: 2 })
      expect(await rows('1')).toEqual(['{"id":1}'])
      expect(await run({}, { approves: () => true })).toMatchObject({ result: 'success', deleted: 1, rows: 0 })
    })

    test('a guarded change that the table takes back is forgotten', async () => {
      await peer.sql('CREATE TABLE "items" ("id" INTEGER)', 'INSERT INTO "items" VALUES (1)')
      await run()
      await peer.sql('DELETE FROM "items"')
      expect((await run()).result).toBe('guarded')
      await peer.sql('INSERT INTO "items" VALUES (1)')
      expect(await run()).toMatchObject({ result: 'unchanged', rows: 1 })
    })

    test('what is missing is named, with what may have been meant', async () => {
      await peer.sql('CREATE TABLE "items" ("id" INTEGER, "t" VARCHAR)')
      expect((await run({ tableRef: 'itmes' })).error).toMatchObject({
        code: 'TABLE_MISSING',
        hint: 'did you mean "items"?',
      })
      expect((await run({ primaryKey: 'ID' })).error).toMatchObject({
        code: 'COLUMN_MISSING',
        hint: 'did you mean "id"?',
      })
      expect((await run({ tableRef: 'nowhere.at.all' })).error).toMatchObject({ code: 'TABLE_MISSING' })
      expect((await run({ tableRef: 'items; DROP TABLE items' })).error).toMatchObject({ code: 'TABLE_MISSING' })
      expect((await run()).error).toBeNull()
    })

    test('a table that is dropped later fails the run and keeps the snapshot', async () => {
      await peer.sql('CREATE TABLE "items" ("id" INTEGER)', 'INSERT INTO "items" VALUES (1)')
      await run()
      await peer.sql('DROP TABLE "items"')
      expect(await run()).toMatchObject({ result: 'failed', version: 1, rows: 1, error: { code: 'TABLE_MISSING' } })
    })

    test('state that somebody dropped or edited leads to a new epoch', async () => {
      await peer.sql('CREATE TABLE "items" ("id" INTEGER)', 'INSERT INTO "items" VALUES (1), (2)')
      await run()
      const schema = `"${peer.config.stateSchema}"`
      const generation = async () => String((await peer.sql(`SELECT gen_table FROM ${await pointer()}`))[0]?.[0])
      await peer.sql(`DELETE FROM ${schema}."${await generation()}" WHERE record_id = '1'`)
      expect(await run()).toMatchObject({ result: 'success', reason: 'warehouse state is damaged', epoch: 2, rows: 2 })
      await peer.sql(`DROP TABLE ${schema}."${await generation()}"`)
      expect(await run()).toMatchObject({ result: 'success', reason: 'warehouse state is damaged', epoch: 3 })
      await peer.sql(`UPDATE ${await pointer()} SET seq = 77`)
      expect(await run()).toMatchObject({ result: 'success', epoch: 4 })
      await peer.sql(`DROP TABLE ${await pointer()}`)
      expect(await run()).toMatchObject({ result: 'success', reason: 'warehouse state is gone', epoch: 5 })
      await peer.dropState()
      expect(await run()).toMatchObject({ result: 'success', epoch: 6, rows: 2 })
      expect(await run()).toMatchObject({ result: 'unchanged', epoch: 6 })
    })

    test('a reset forgets the warehouse state and keeps the snapshot', async () => {
      await peer.sql('CREATE TABLE "items" ("id" INTEGER)', 'INSERT INTO "items" VALUES (1)')
      const signal = new AbortController().signal
      await resetSync({ entity, warehouse: await openWarehouse(peer.config), signal })
      await run()
      await resetSync({ entity, warehouse: await openWarehouse(peer.config), signal })
      expect(await peer.state()).toEqual([])
      expect(await rows('1')).toEqual(['{"id":1}'])
      expect(await run()).toMatchObject({ result: 'success', epoch: 2, added: 1, version: 2 })
    })

    test('row events come in one order of keys; one installation sends them, until it is released', async () => {
      await peer.sql('CREATE TABLE "items" ("id" INTEGER, "v" VARCHAR)')
      const keys = [10, 9, 1, 100, 55, 7, 23, 42, 8, 1000]
      await peer.sql(`INSERT INTO "items" VALUES ${keys.map((id) => `(${id}, 'v${id}')`).join(', ')}`)
      const topic = new RowTopic()
      const plan = { events: { topic: 'rows', mode: 'mirror', stream: 'rows of item' } } as const
      const told = { events: rowEventsTo(topic) }
      expect(await run(plan, told)).toMatchObject({ error: null, row_events: { sent: 10, elsewhere: null } })
      expect(topic.events.map((event) => JSON.parse(event).__segment_id)).toEqual(keys.map(String).sort())

      await peer.sql(`UPDATE "items" SET "v" = NULL WHERE "id" = 7`, `DELETE FROM "items" WHERE "id" = 8`)
      expect(await run(plan, told)).toMatchObject({ error: null, row_events: { sent: 2, elsewhere: null } })
      expect(topic.events.slice(10)).toEqual([
        '{"type":"track","event":"updated","__segment_id":"7","properties":{"id":7,"v":null}}',
        '{"type":"track","event":"deleted","__segment_id":"8","properties":{"id":null,"v":null}}',
      ])

      const other = { ...told, store: snapshotStore({ dir: join(dir, 'elsewhere') }), owner: 'another' }
      const elsewhere = { ...plan, installId: 'other' }
      expect(await run(elsewhere, other)).toMatchObject({ error: null, row_events: { sent: 0, elsewhere: 'test' } })
      const signal = new AbortController().signal
      await releaseEvents({ entity: { ...entity, ...plan }, warehouse: await openWarehouse(peer.config), signal })
      expect(await run(elsewhere, other)).toMatchObject({ error: null, row_events: { sent: 9, elsewhere: null } })
      expect(await run(plan, told)).toMatchObject({ result: 'unchanged', row_events: { sent: 0, elsewhere: null } })
    })

    test('two entities, and two installations, do not see each other', async () => {
      await peer.sql('CREATE TABLE "items" ("id" INTEGER)', 'INSERT INTO "items" VALUES (1)')
      await run()
      expect(await run({ slug: 'other' })).toMatchObject({ result: 'success', added: 1 })
      const elsewhere = snapshotStore({ dir: join(dir, 'elsewhere') })
      expect(await run({ installId: 'other' }, { store: elsewhere })).toMatchObject({ result: 'success', added: 1 })
      expect(await run()).toMatchObject({ result: 'unchanged' })
    })

    test('of two first runs at the same time at most one changes anything, and the next one agrees', async () => {
      await peer.sql('CREATE TABLE "items" ("id" INTEGER)', 'INSERT INTO "items" VALUES (1)')
      for (let round = 0; round < (spelling.slow ? 1 : 3); round++) {
        await Promise.all([run(), run(), run()])
        expect((await run()).error).toBeNull()
        expect(await rows('1')).toEqual(['{"id":1}'])
        expect(await run()).toMatchObject({ result: 'unchanged' })
        expect((await peer.sql(`SELECT count(*) FROM ${await pointer()}`)).map(String)).toEqual(['1'])
        expect(await peer.state()).toHaveLength(2)
      }
    })

    test('a run that is cancelled ends at once, says so, and is repeated by the next one', async () => {
      await peer.sql('CREATE TABLE "items" ("id" INTEGER)', 'INSERT INTO "items" VALUES (1)')
      const already = AbortSignal.abort()
      expect(await run({}, { signal: already })).toMatchObject({
        result: 'cancelled',
        error: { code: 'SYNC_CANCELLED' },
      })
      const abort = new AbortController()
      await peer.sql(`CREATE VIEW "item_view" AS SELECT 1 AS "id", (${spelling.longStatement}) AS "t"`)
      setTimeout(() => abort.abort(), 300)
      const cancelled = await run({ tableRef: 'item_view' }, { signal: abort.signal })
      expect(cancelled).toMatchObject({ result: 'cancelled', version: null, error: { code: 'SYNC_CANCELLED' } })
      expect((await run()).error).toBeNull()
    })

    localContract({ test, types: spelling.types, peer: () => peer, dir: () => dir, entity, run })

    test('doctor sees what is right, and what would make the rest right', async () => {
      await peer.sql('CREATE TABLE "items" ("id" INTEGER)')
      const warehouse = await openWarehouse(peer.config)
      const checks = await warehouse.checks([entity, { ...entity, slug: 'wrong', primaryKey: 'ix' }])
      expect(checks.map(({ ok }) => ok)).toEqual([true, true, false, true])
      expect(checks[2]?.fix).toBe('did you mean "id"?')
    })
  })
}

/** The tests of an engine that is made for them; where it cannot be made they are left out loudly, in CI that is a failure. */
export async function onEngine(name: string, make: () => Promise<unknown>, tests: () => void): Promise<void> {
  const reason = await missing(name, make)
  if (reason === null) tests()
  // Go, Python or Java is not on every machine; with CI=true `missing` throws, so nothing is left out there.
  else vitest.skip(`${name} (${reason})`)
}
