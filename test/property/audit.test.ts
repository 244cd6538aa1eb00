/** An audit against a model, on DuckDB files: after random changes it names exactly the keys that differ. Repeat a run with its seed: `AUDIT_SEED=… npx vitest run --project property audit`. */
import { hash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { audit } from '../../src/sync/audit.ts'
import { keys, row } from '../support/sync-model.ts'
import { SyncWorld } from '../support/sync-world.ts'

const changes = fc
  .array(fc.tuple(fc.constantFrom(...keys), fc.option(row, { freq: 4 })), { maxLength: 40 })
  .map((rows) => new Map(rows))

test('an audit names the keys that differ from the table, all of them and no others', async () => {
  await fc.assert(
    fc.asyncProperty(changes, changes, async (before, after) => {
      const world = await SyncWorld.create()
      try {
        await world.change(before)
        expect((await world.sync()).error).toBeNull()
        const then = world.expected()
        await world.change(after)
        const now = world.expected()
        const found = await audit({
          entity: world.entity,
          warehouse: await world.warehouse(),
          store: world.store,
          sha256: (text) => hash('sha256', text, 'hex'),
          signal: new AbortController().signal,
        })
        const list = (wanted: Iterable<string>) => [...wanted].toSorted()
        expect(found.missing_in_snapshot.keys).toEqual(list([...now.keys()].filter((key) => !then.has(key))))
        expect(found.missing_in_table.keys).toEqual(list([...then.keys()].filter((key) => !now.has(key))))
        const kept = [...now].filter(([key]) => then.has(key))
        expect(found.different.keys).toEqual(list(kept.flatMap(([key, text]) => (then.get(key) === text ? [] : [key]))))
        expect(found.ok).toBe(found.hint === null)
      } finally {
        await world.remove()
      }
    }),
    {
      numRuns: Number(process.env.AUDIT_RUNS ?? 25),
      verbose: 1,
      ...(process.env.AUDIT_SEED ? { seed: Number(process.env.AUDIT_SEED) } : {}),
    },
  )
})
