import { describe, expect, test } from 'vitest'
import type { Checkpoint } from '../../../src/sync/checkpoint.ts'
import { changeName, guarded } from '../../../src/sync/guard.ts'
import { nextStep, type Standing } from '../../../src/sync/handshake.ts'
import type { Change } from '../../../src/sync/warehouse.ts'

const checkpoint: Checkpoint = {
  syncKey: 'k',
  entity: 'product',
  configHash: 'columns.rest',
  epoch: 3,
  lineage: 'third',
  seq: 5,
  generation: 'g',
  rows: 100,
  delta: null,
  deltaCounts: { added: 0, updated: 0, deleted: 0 },
  deltaAsOf: 0,
  probe: null,
  fence: 9,
  writer: 'w',
  owner: 'o',
}
const prepared: Checkpoint = { ...checkpoint, delta: 'd', deltaCounts: { added: 1, updated: 2, deleted: 3 } }
const stored = { version: 7, epoch: 3, lineage: 'third', seq: 5, rows: 100, asOf: 0, configHash: null, probe: null }
const agreed: Standing = { checkpoint, stored, configHash: 'columns.rest', generationRows: 100, deltaRows: null }
const parked: Standing = { ...agreed, checkpoint: prepared, deltaRows: 6 }

describe('a run', () => {
  test('looks for changes when both sides agree', () => {
    expect(nextStep(agreed)).toEqual({ do: 'diff' })
  })

  test('publishes a prepared delta that no version has', () => {
    expect(nextStep(parked)).toEqual({ do: 'apply' })
  })

  test('commits a prepared delta that the newest version has', () => {
    expect(nextStep({ ...parked, stored: { ...stored, seq: 6, rows: 98 } })).toEqual({ do: 'commit' })
  })

  test.each<[string, Partial<Standing>, string]>([
    ['there is nothing yet', { checkpoint: null, stored: null }, 'first sync'],
    ['the warehouse state is gone', { checkpoint: null }, 'warehouse state is gone'],
    ['the snapshot is gone', { stored: null }, 'no snapshot here'],
    ['a column came', { configHash: 'others.rest' }, 'columns changed'],
    ['the engine is another', { configHash: 'columns.others' }, 'settings changed'],
    ['the snapshot is of another epoch', { stored: { ...stored, epoch: 2 } }, 'do not belong together'],
    [
      'the snapshot is of another epoch of that number',
      { stored: { ...stored, lineage: 'x' } },
      'do not belong together',
    ],
    ['the snapshot is an old copy', { stored: { ...stored, seq: 4 } }, 'do not belong together'],
    ['the snapshot is ahead', { stored: { ...stored, seq: 7 } }, 'do not belong together'],
    ['the snapshot has other rows', { stored: { ...stored, rows: 99 } }, 'differ'],
    ['the baseline is gone', { generationRows: null }, 'damaged'],
    ['the baseline lost rows', { generationRows: 99 }, 'damaged'],
    ['the prepared delta is gone', { checkpoint: prepared, deltaRows: null }, 'damaged'],
    ['the prepared delta lost rows', { checkpoint: prepared, deltaRows: 5 }, 'damaged'],
  ])('reads everything anew when %s', (_, change, reason) => {
    expect(nextStep({ ...agreed, ...change })).toEqual({ do: 'restart', reason: expect.stringContaining(reason) })
  })
})

describe('the mass-delete guard', () => {
  test.each<[string, number, number, number, boolean]>([
    ['stops a table that became empty', 5, 0, 5, true],
    ['lets an empty table stay empty', 0, 0, 0, false],
    ['lets up to a thousand rows go', 1200, 200, 1000, false],
    ['stops more than a thousand rows and a fifth', 4000, 2999, 1001, true],
    ['lets a fifth of a large table go', 100_000, 80_000, 20_000, false],
    ['stops more than a fifth of a large table', 100_000, 79_999, 20_001, true],
  ])('%s', (_, before, after, deleted, stops) => {
    expect(guarded({ before, after, deleted }) !== null).toBe(stops)
  })
})

describe('the name of a change that the guard stops', () => {
  const name = (changes: readonly Change[], isWhole = false) =>
    changeName(
      (async function* () {
        yield changes
      })(),
      { isWhole },
    )

  test('is that of the deleted keys, in whatever order, and of nothing else', async () => {
    const deleted = await name([
      ['D', 'a'],
      ['D', 'b'],
    ])
    expect(
      await name([
        ['A', 'x'],
        ['D', 'b'],
        ['U', 'y'],
        ['D', 'a'],
      ]),
    ).toBe(deleted)
    for (const other of [
      [['D', 'a']],
      [
        ['D', 'a'],
        ['D', 'c'],
      ],
      [
        ['D', 'a'],
        ['D', 'b'],
        ['D', 'c'],
      ],
    ] as Change[][])
      expect(await name(other)).not.toBe(deleted)
  })

  test('is that of the keys that are left when the whole table comes anew', async () => {
    expect(
      await name(
        [
          ['A', 'a'],
          ['A', 'b'],
        ],
        true,
      ),
    ).toBe(
      await name(
        [
          ['A', 'b'],
          ['A', 'a'],
        ],
        true,
      ),
    )
    expect(
      await name(
        [
          ['A', 'a'],
          ['A', 'b'],
        ],
        true,
      ),
    ).not.toBe(await name([['A', 'a']], true))
    expect(await name([['A', 'a']], true)).not.toBe(await name([['D', 'a']]))
  })
})
