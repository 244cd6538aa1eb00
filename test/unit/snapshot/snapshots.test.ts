import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type LiveSnapshots, openSnapshots } from '../../../src/snapshot/snapshots.ts'
import { type LocalSnapshotStore, snapshotStore } from '../../../src/snapshot/store.ts'
import type { Fact } from '../../../src/telemetry.ts'
import { publishRows } from '../../support/rows.ts'

let dir: string
let store: LocalSnapshotStore
let live: LiveSnapshots
let facts: Fact[]

const open = (entities = ['product']) => openSnapshots({ dir, entities, tell: (fact) => void facts.push(fact) })
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
