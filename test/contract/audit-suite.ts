/** The part of the warehouse contract that is about audits. */
import Database from 'better-sqlite3'
import { expect } from 'vitest'
import { fileDigest } from '../../src/snapshot/digest.ts'
import { listVersions, snapshotPath, writeManifest } from '../../src/snapshot/manifest.ts'
import type { Audit } from '../../src/sync/audit.ts'
import type { EntityPlan } from '../../src/sync/entity-plan.ts'
import type { LocalSuite } from './local-suite.ts'
import type { Spelling } from './warehouse-suite.ts'

interface AuditSuite extends Omit<LocalSuite, 'entity'> {
  readonly audited: (plan?: Partial<EntityPlan>) => Promise<Audit>
}

/** What the snapshot has cannot tell how the engine wrote it: null for what is no number or date, years of other than four digits, `1.5` for `1.50` in JSON. */
const isFormless = ([, literal, json]: Spelling['types'][number]) =>
  json === 'null' || /BC|^'12026|: 1\.50|NaN'::DOUBLE/.test(literal)

/** Changes the current version of an entity in its place, as nothing of ours does: the digest of its file is right. */
async function corrupt(dir: string, entity: string, sql: string): Promise<void> {
  const [manifest] = await listVersions(dir, entity)
  const path = snapshotPath(dir, entity, manifest!.version)
  const database = new Database(path)
  expect(database.prepare(sql).run().changes).toBe(1)
  database.close()
  await writeManifest(dir, { ...manifest!, digest: await fileDigest(path) })
}

export function auditContract({ test, types, peer, dir, run, audited }: AuditSuite): void {
  test('an audit of values of every type is settled by digests; where a text has no form, by the row', async () => {
    await peer().sql(
      `CREATE TABLE "items" ("id" INTEGER, ${types.map(([type], index) => `"v${index}" ${type}`).join(', ')})`,
      `INSERT INTO "items" SELECT 1, ${types.map(([, literal]) => literal).join(', ')}`,
      `INSERT INTO "items" ("id") VALUES (2)`,
    )
    const columns = types.flatMap((type, index) => (isFormless(type) ? [] : [`v${index}`]))
    for (const [plan, read] of [
      [{ columns }, 0],
      [{}, 2],
    ] as const) {
      await run(plan)
      expect(await audited(plan)).toMatchObject({
        ok: true,
        rows: { table: 2, snapshot: 2 },
        rows_read: read,
        hint: null,
      })
    }
  })

  test('an audit names exactly the keys that differ, whichever side has changed', async () => {
    const values = Array.from({ length: 40 }, (_, id) => `(${id}, ${id % 3 === 0 ? 'NULL' : `'t${id}'`})`)
    await peer().sql(
      'CREATE TABLE "items" ("id" INTEGER, "t" VARCHAR)',
      `INSERT INTO "items" VALUES ${values.join(', ')}`,
    )
    await run()
    const none = { count: 0, keys: [] }
    expect(await audited()).toMatchObject({ ok: true, buckets: { compared: 1, differing: 0 }, hint: null })
    await corrupt(dir(), 'item', `UPDATE entity SET row = replace(row, 't7', 'T7') WHERE key = '7'`)
    const corrupted = await audited()
    expect(corrupted).toMatchObject({
      ok: false,
      different: { count: 1, keys: ['7'] },
      missing_in_snapshot: none,
      missing_in_table: none,
    })
    expect(corrupted.changed_since).not.toBe(true)
    await run({}, { full: true })
    await peer().sql(
      `UPDATE "items" SET "t" = '' WHERE "id" = 3`,
      'DELETE FROM "items" WHERE "id" = 4',
      `INSERT INTO "items" VALUES (99, NULL)`,
    )
    const changed = await audited()
    expect(changed).toMatchObject({
      ok: false,
      different: { count: 1, keys: ['3'] },
      missing_in_snapshot: { count: 1, keys: ['99'] },
      missing_in_table: { count: 1, keys: ['4'] },
      hint: expect.stringMatching(/linked-events sync item/),
    })
    expect(changed.changed_since).not.toBe(false)
    await run()
    expect(await audited()).toMatchObject({ ok: true, different: none })
  })
}
