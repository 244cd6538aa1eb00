import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type LocalSnapshotStore, snapshotStore } from '../../../src/snapshot/store.ts'
import { publishRows } from '../../support/rows.ts'

let dir: string
let store: LocalSnapshotStore
const folder = () => join(dir, 'snapshots', 'product')
const path = (version: number) => join(folder(), `${version}.sqlite`)

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'le-store-'))
  store = snapshotStore({ dir, now: () => Date.parse('2026-01-02T00:00:00Z') })
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

describe('a version', () => {
  test('from nothing has exactly its rows, and the next one those with the changes', async () => {
    await publishRows(store, { a: '1', b: '2', '': '3' }, { rows: 3 })
    const next = await publishRows(store, { a: null, b: '22', c: '4' }, { rows: 3, base: 'current', seq: 2 })
    expect(next).toMatchObject({ version: 2, epoch: 1, seq: 2, rows: 3 })
    const [old, current] = [await store.open('product', 1), await store.open('product')]
    expect(['a', 'b', 'c', ''].map((key) => old.get(key)?.values)).toEqual(['1', '2', undefined, '3'])
    expect(['a', 'b', 'c', ''].map((key) => current.get(key)?.values)).toEqual([undefined, '22', '4', '3'])
    old.close()
    current.close()
  })

  test('applied twice is the same as applied once', async () => {
    await publishRows(store, { a: '1', b: '2' }, { rows: 2 })
    const delta = { a: null, b: '3', c: '4' }
    await publishRows(store, delta, { rows: 2, base: 'current', seq: 2 })
    await publishRows(store, delta, { rows: 2, base: 'current', seq: 3 })
    expect(await store.diff('product', 2, 3)).toEqual({ added: [], updated: [], deleted: [] })
  })

  test('that has not the rows it should have is not published', async () => {
    await publishRows(store, { a: '1' }, { rows: 1 })
    await expect(publishRows(store, { b: '2' }, { rows: 1, base: 'current' })).rejects.toMatchObject({
      code: 'SNAPSHOT_CORRUPT',
    })
    expect(await store.current('product')).toMatchObject({ version: 1 })
    expect(readdirSync(folder()).sort()).toEqual(['1.json', '1.sqlite'])
  })

  test('whose changes break off is not published', async () => {
    async function* changes() {
      yield [{ key: 'a', row: '{"N":1}' }]
      throw new Error('the warehouse hung up')
    }
    await expect(publishRows(store, {}, { rows: 1, changes: changes() })).rejects.toThrow('hung up')
    expect(await store.current('product')).toBeNull()
    expect(readdirSync(folder())).toEqual([])
  })

  test('is readable for its owner alone', async () => {
    await publishRows(store, { a: '1' }, { rows: 1 })
    expect(statSync(folder()).mode & 0o777).toBe(0o700)
    for (const name of readdirSync(folder())) expect(statSync(join(folder(), name)).mode & 0o777, name).toBe(0o600)
  })

  test('is listed with everything that the contract names', async () => {
    await publishRows(store, { a: '1' }, { rows: 1, reason: 'first sync' })
    const [info] = await store.list()
    expect(info).toEqual({
      entity: 'product',
      version: 1,
      epoch: 1,
      lineage: 'one',
      seq: 1,
      as_of: '2026-01-01T00:00:00.000Z',
      valid_from: '2026-01-01T00:00:00.000Z',
      config_hash: 'columns.rest',
      probe: null,
      rows: 1,
      bytes: statSync(path(1)).size,
      digest: expect.stringMatching(/^crc32c-1m:[0-9a-f]{64}$/),
      created_at: '2026-01-02T00:00:00.000Z',
      reason: 'first sync',
      current: true,
      path: path(1),
    })
  })

  test('that is confirmed is of a later time and otherwise the same', async () => {
    await publishRows(store, { a: '1' }, { rows: 1 })
    await store.confirm('product', { asOf: Date.parse('2026-01-01T05:00:00Z'), probe: 'p' })
    await store.confirm('product', { asOf: Date.parse('2026-01-01T04:00:00Z'), probe: 'p' })
    const [info] = await store.list('product')
    expect(info).toMatchObject({
      as_of: '2026-01-01T05:00:00.000Z',
      probe: 'p',
      valid_from: '2026-01-01T00:00:00.000Z',
    })
    expect(await store.verify('product')).toMatchObject([{ version: 1, ok: true }])
  })
})

test('a version of another format is no version, and the next one takes another number', async () => {
  await publishRows(store, { a: '1' }, { rows: 1 })
  const manifest = JSON.parse(readFileSync(join(folder(), '1.json'), 'utf8')) as object
  writeFileSync(join(folder(), '1.json'), JSON.stringify({ ...manifest, format: 1 }))
  expect(await store.current('product')).toBeNull()
  expect(await publishRows(store, { a: '2' }, { rows: 1 })).toMatchObject({ version: 2 })
})

describe('the versions kept', () => {
  test('are the newest, and numbers are never used again', async () => {
    for (let version = 1; version <= 5; version++) await publishRows(store, { a: `${version}` }, { rows: 1, keep: 2 })
    expect((await store.list('product')).map(({ version, current }) => [version, current])).toEqual([
      [5, true],
      [4, false],
    ])
    expect(readdirSync(folder()).sort()).toEqual(['4.json', '4.sqlite', '5.json', '5.sqlite'])
    await publishRows(store, { a: '6' }, { rows: 1, keep: 0 })
    expect((await store.list('product')).map(({ version }) => version)).toEqual([6])
  })

  test('of one entity are not those of another', async () => {
    await publishRows(store, { a: '1' }, { rows: 1 })
    await publishRows(store, { a: '1' }, { rows: 1, entity: '../strange' })
    expect(existsSync(join(dir, 'strange'))).toBe(false)
    expect((await store.list()).map(({ entity }) => entity).sort()).toEqual(['../strange', 'product'])
  })

  test('differ by keys, sorted', async () => {
    await publishRows(store, { a: '1', b: '2', c: '3' }, { rows: 3 })
    await publishRows(store, { a: null, c: '33', e: '5', d: '4' }, { rows: 4, base: 'current' })
    expect(await store.diff('product', 1, 2)).toEqual({ added: ['d', 'e'], updated: ['c'], deleted: ['a'] })
    await expect(store.diff('product', 1, 9)).rejects.toMatchObject({
      code: 'SNAPSHOT_MISSING',
      hint: 'versions kept: 2, 1',
    })
  })
})

describe('the columns of a version', () => {
  test('are those of all its rows: a row of others is refused, and nothing published', async () => {
    await publishRows(store, { a: '{"X":1,"Y":2}' }, { rows: 1 })
    for (const row of ['{"X":1}', '{"Y":2,"X":1}', '{"X":1,"Y":2,"Z":3}'])
      await expect(publishRows(store, { b: row }, { rows: 2, base: 'current' })).rejects.toThrow('other columns')
    expect(await store.current('product')).toMatchObject({ version: 1 })
  })

  test('tell rows apart whose values are the same', async () => {
    await publishRows(store, { a: '{"X":1}', b: '{"X":2}' }, { rows: 2 })
    await publishRows(store, { a: '{"Y":1}' }, { rows: 1 })
    expect(await store.diff('product', 1, 2)).toEqual({ added: [], updated: ['a'], deleted: ['b'] })
  })
})

test('a delta goes on top of the version that it follows, and of no other', async () => {
  await publishRows(store, { a: '1' }, { rows: 1 })
  for (const wrong of [{ seq: 1 }, { seq: 3 }, { seq: 2, lineage: 'two' }])
    await expect(publishRows(store, { b: '2' }, { rows: 2, base: 'current', ...wrong })).rejects.toMatchObject({
      code: 'SYNC_LOST',
    })
  expect(await publishRows(store, { b: '2' }, { rows: 2, base: 'current', seq: 2 })).toMatchObject({ version: 2 })
})

describe('damage', () => {
  const rows = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`key ${index}`, `${index}`]))

  test('of any one bit is noticed', async () => {
    await publishRows(store, rows, { rows: 300 })
    const bytes = readFileSync(path(1))
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(7), async (at, bit) => {
        const damaged = Buffer.from(bytes)
        damaged[at]! ^= 1 << bit
        writeFileSync(path(1), damaged)
        expect(await store.verify('product')).toMatchObject([{ ok: false }])
        await expect(store.open('product')).rejects.toMatchObject({ code: 'SNAPSHOT_CORRUPT' })
      }),
      { numRuns: 200 },
    )
  })

  test('by cutting off is noticed: the version does not exist any more', async () => {
    await publishRows(store, rows, { rows: 300 })
    await publishRows(store, { more: '1' }, { rows: 301, base: 'current' })
    truncateSync(path(2), statSync(path(2)).size - 1)
    expect(await store.current('product')).toMatchObject({ version: 1 })
  })

  test('is not carried into the next version', async () => {
    await publishRows(store, rows, { rows: 300 })
    const bytes = readFileSync(path(1))
    bytes[bytes.length - 100]! ^= 1
    writeFileSync(path(1), bytes)
    await expect(publishRows(store, { more: '1' }, { rows: 301, base: 'current' })).rejects.toMatchObject({
      code: 'SNAPSHOT_CORRUPT',
    })
    expect(await store.current('product')).toBeNull()
    await publishRows(store, rows, { rows: 300 })
    expect(await store.current('product')).toMatchObject({ version: 2 })
  })

  test.each(['', '{', 'null', '[]', '{"entity":"product","version":1}'])(
    'of a manifest (%j) hides its version',
    async (text) => {
      await publishRows(store, { a: '1' }, { rows: 1 })
      writeFileSync(join(folder(), '1.json'), text)
      expect(await store.current('product')).toBeNull()
      expect(await publishRows(store, { a: '1' }, { rows: 1 })).toMatchObject({ version: 2 })
    },
  )

  test('left by a build that was killed is cleared away by the next one', async () => {
    await publishRows(store, { a: '1' }, { rows: 1 })
    writeFileSync(join(folder(), '2.1b2c.building'), 'half')
    writeFileSync(join(folder(), '2.sqlite'), 'no manifest')
    writeFileSync(join(folder(), '2.json.x.tmp'), 'half')
    expect(await store.current('product')).toMatchObject({ version: 1 })
    await publishRows(store, { b: '2' }, { rows: 2, base: 'current', keep: 3 })
    expect(readdirSync(folder()).sort()).toEqual(['1.json', '1.sqlite', '2.json', '2.sqlite'])
  })
})

describe('of two builds at the same time', () => {
  /** A gate, and a source of one row that says when it is asked and waits for another gate. */
  const gate = () => {
    let open = () => {}
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    return { open, opened }
  }
  async function* held(key: string, asked: { open(): void }, until: { opened: Promise<void> }) {
    asked.open()
    await until.opened
    yield [{ key, row: '{"N":1}' }]
  }

  test('the one that is overtaken puts nothing on top', async () => {
    const [slowAsked, slowGoes] = [gate(), gate()]
    const slow = publishRows(snapshotStore({ dir }), {}, { rows: 1, changes: held('slow', slowAsked, slowGoes) })
    const slowEnds = expect(slow).rejects.toMatchObject({ code: 'SYNC_LOST' })
    await slowAsked.opened
    const fast = await publishRows(store, { fast: '1' }, { rows: 1 })
    slowGoes.open()
    await slowEnds
    expect(await store.current('product')).toEqual(fast)
    expect((await store.verify('product')).every(({ ok }) => ok)).toBe(true)
  })

  test('one is published, the other one does not go on top of it', async () => {
    await publishRows(store, { a: '1' }, { rows: 1 })
    const both = await Promise.allSettled([
      publishRows(store, { b: '2' }, { rows: 2, base: 'current', seq: 2, keep: 9 }),
      publishRows(store, { c: '3' }, { rows: 2, base: 'current', seq: 2, keep: 9 }),
    ])
    const lost = both.filter((one) => one.status === 'rejected')
    for (const one of lost) expect(one.reason).toMatchObject({ code: 'SYNC_LOST' })
    expect(lost).toHaveLength(1)
    expect(await store.verify('product')).toMatchObject([
      { version: 2, ok: true },
      { version: 1, ok: true },
    ])
  })
})

test.skipIf(process.getuid?.() === 0)('a state directory that cannot be written is an error that says so', async () => {
  chmodSync(dir, 0o500)
  await expect(publishRows(store, { a: '1' }, { rows: 1 })).rejects.toMatchObject({ code: 'STATE_DIR_UNWRITABLE' })
})

test('a state directory that is a file is an error that says so', async () => {
  const inTheWay = snapshotStore({ dir: join(dir, 'file') })
  writeFileSync(join(dir, 'file'), '')
  await expect(publishRows(inTheWay, { a: '1' }, { rows: 1 })).rejects.toMatchObject({ code: 'STATE_DIR_UNWRITABLE' })
})
