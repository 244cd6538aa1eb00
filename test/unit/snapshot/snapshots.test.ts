import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { bytesInMemory } from '../../../src/snapshot/rows-in-memory.ts'
import { type LiveSnapshots, openSnapshots } from '../../../src/snapshot/snapshots.ts'
import { type LocalSnapshotStore, snapshotStore } from '../../../src/snapshot/store.ts'
import type { Fact } from '../../../src/telemetry.ts'
import { publishRows } from '../../support/rows.ts'

let dir: string
let store: LocalSnapshotStore
let live: LiveSnapshots
let facts: Fact[]

const open = (entities = ['product'], memoryBytesMax = 0) =>
  openSnapshots({ dir, entities, memoryBytesMax, tell: (fact) => void facts.push(fact) })
const read = (key: string) => {
  const set = live.current()
  const row = set.of('product')?.get(key)?.values
  set.release()
  return row
}

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'le-live-'))
  store = snapshotStore({ dir })
  facts = []
  live = open()
})
afterEach(() => {
  live.close()
  rmSync(dir, { recursive: true, force: true })
})

function damage(version: number): void {
  const path = join(dir, 'snapshots', 'product', `${version}.sqlite`)
  const bytes = readFileSync(path)
  bytes[bytes.length - 10]! ^= 4
  writeFileSync(path, bytes)
}

test('it is ready when each entity has a verified version', async () => {
  live.close()
  live = open(['product', 'account'])
  await live.refresh()
  expect(live.ready()).toBe(false)
  await publishRows(store, { a: '1' }, { rows: 1 })
  await live.refresh()
  expect(live.ready()).toBe(false)
  expect(live.state()).toMatchObject([
    { entity: 'product', version: 1, rows: 1 },
    { entity: 'account', version: null },
  ])
  await publishRows(store, { a: '1' }, { rows: 1, entity: 'account' })
  await live.refresh()
  expect(live.ready()).toBe(true)
})

test('a batch keeps its version while a newer one comes, and the next batch has the newer one', async () => {
  await publishRows(store, { a: 'old' }, { rows: 1 })
  await live.refresh()
  const batch = live.current()
  await publishRows(store, { a: 'new' }, { rows: 1, base: 'current', keep: 1 })
  await live.refresh()
  expect(batch.of('product')?.get('a')?.values).toBe('old')
  expect(read('a')).toBe('new')
  const kept = batch.of('product')
  batch.release()
  batch.release()
  expect(() => kept?.get('never asked')).toThrow(/not open/)
  expect(read('a')).toBe('new')
  expect(facts.map((fact) => fact.name)).toEqual(['snapshot-serving', 'snapshot-serving'])
})

test('a version has its entity, number, epoch and time; a miss is undefined', async () => {
  await publishRows(store, { a: 'null', '': '{"N":{}}' }, { rows: 2, epoch: 4, asOf: 1234 })
  await live.refresh()
  const snapshot = live.current().of('product')
  expect(snapshot).toMatchObject({ entity: 'product', version: 1, epoch: 4, asOf: 1234, rows: 2 })
  expect(['', 'a', 'A'].map((key) => snapshot?.get(key)?.text)).toEqual(['{"N":{}}', '{"N":null}', undefined])
})

test('a damaged newest version is told once and set aside, and the old one goes on serving', async () => {
  await publishRows(store, { a: 'old' }, { rows: 1 })
  await live.refresh()
  await publishRows(store, { a: 'new' }, { rows: 1, base: 'current' })
  damage(2)
  await live.refresh()
  await live.refresh()
  expect(read('a')).toBe('old')
  expect(facts.filter((fact) => fact.name === 'snapshot-rejected')).toMatchObject([{ version: 2 }])
  expect(await store.current('product')).toMatchObject({ version: 1 })
})

test('at the start the newest good version is served', async () => {
  await publishRows(store, { a: 'old' }, { rows: 1 })
  await publishRows(store, { a: 'new' }, { rows: 1 })
  damage(2)
  await live.refresh()
  expect(read('a')).toBe('old')
})

test('when all are damaged none is served, until a good one comes', async () => {
  await publishRows(store, { a: 'old' }, { rows: 1 })
  damage(1)
  await live.refresh()
  expect([live.ready(), read('a')]).toEqual([false, undefined])
  await publishRows(store, { a: 'new' }, { rows: 1 })
  await live.refresh()
  expect(read('a')).toBe('new')
})

test('a confirmed version is younger without being opened again', async () => {
  await publishRows(store, { a: '1' }, { rows: 1, asOf: 1000 })
  await live.refresh()
  await store.confirm('product', { asOf: 5000, probe: null })
  await live.refresh()
  expect(live.current().of('product')?.asOf).toBe(5000)
  expect(facts).toHaveLength(1)
})

test('several readers have the same file open', async () => {
  await publishRows(store, { a: '1' }, { rows: 1 })
  await live.refresh()
  const other = await store.open('product')
  expect([other.get('a')?.values, read('a')]).toEqual(['1', '1'])
  other.close()
})

test('closing lets a batch finish', async () => {
  await publishRows(store, { a: '1' }, { rows: 1 })
  await live.refresh()
  const batch = live.current()
  live.close()
  expect(batch.of('product')?.get('a')?.values).toBe('1')
  batch.release()
  expect(live.current().of('product')).toBeUndefined()
})

describe('rows that are asked for often', () => {
  const rows = { '42': '{"N":3}', a: '"one"', ü: '"two"' }
  const inMemory = () => facts.filter((fact) => fact.name === 'rows-in-memory')
  /** The values of each row, and of one that is not there. */
  const all = () => [...Object.keys(rows), 'absent', '\ud800'].map((key) => read(key))
  const values = ['3', '"one"', '"two"', undefined, undefined]
  function askOften(): void {
    const set = live.current()
    const key = Buffer.from('a')
    for (let n = 0; n < 70_000; n++) set.of('product')!.find(key, 0, 1)
    set.release()
  }

  beforeEach(async () => {
    live.close()
    live = open(['product'], 2 ** 20)
    await publishRows(store, rows, { rows: 3 })
    await live.refresh()
  })

  test('are held in memory, and the file is let go', async () => {
    expect(all()).toEqual(values)
    askOften()
    expect(all()).toEqual(values)
    await vi.waitFor(() => expect(inMemory()).toMatchObject([{ entity: 'product', version: 1 }]))
    expect(all()).toEqual(values)
    expect(live.current().of('product')!.find(Buffer.from('[42]'), 1, 3)?.text).toBe('{"N":3}')
    expect(openFiles('product')).toEqual([])
  })

  test('are read again of the next version, and those in hand stay', async () => {
    const batch = live.current()
    const old = batch.of('product')!
    askOften()
    await vi.waitFor(() => expect(inMemory()).toHaveLength(1))
    const row = old.get('a')!
    await publishRows(store, { a: '"new"' }, { rows: 3, base: 'current', keep: 1 })
    await live.refresh()
    expect([read('a'), old.get('a')?.values]).toEqual(['"new"', '"one"'])
    askOften()
    await vi.waitFor(() => expect(inMemory()).toMatchObject([{ version: 1 }, { version: 2 }]))
    expect([read('a'), read('ü'), old.get('a')?.values]).toEqual(['"new"', '"two"', '"one"'])
    batch.release()
    expect(row.text).toBe('{"N":"one"}')
    expect(() => old.get('a')).toThrow(/not open/)
  })

  test('are read from the file while there is no room for them, and have it when it is given back', async () => {
    live.close()
    const { size } = statSync(join(dir, 'snapshots', 'product', '1.sqlite'))
    live = open(['product'], 1.5 * bytesInMemory({ rows: 3, bytes: size }))
    await live.refresh()
    const batch = live.current()
    askOften()
    await vi.waitFor(() => expect(inMemory()).toHaveLength(1))
    await publishRows(store, { a: '"new"' }, { rows: 3, base: 'current' })
    await live.refresh()
    askOften()
    await turns()
    expect([read('a'), inMemory().length]).toEqual(['"new"', 1])
    batch.release()
    askOften()
    await vi.waitFor(() => expect(inMemory()).toHaveLength(2))
    expect(read('a')).toBe('"new"')
  })

  test('are not read on when their version goes', async () => {
    askOften() // begins
    live.close()
    await turns()
    live = open(['product'], 0)
    await live.refresh()
    askOften()
    await turns()
    expect([read('a'), inMemory().length]).toEqual(['"one"', 0])
  })
})

/** Time enough to read a few rows. */
const turns = () => new Promise((resolve) => setTimeout(resolve, 50))

/** Snapshot files of an entity that this process has open. */
function openFiles(entity: string): string[] {
  return readdirSync('/proc/self/fd')
    .map((name) => readlinkOf(`/proc/self/fd/${name}`))
    .filter((path) => path.startsWith(join(dir, 'snapshots', entity)))
}

function readlinkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return '' // closed since it was listed
  }
}
