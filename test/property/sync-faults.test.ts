/** Whatever dies whenever, the next run that succeeds makes the snapshot equal to the table, and leaves nothing behind. */
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Crash, type Fault, faulty, type Row, SyncWorld } from '../support/sync-world.ts'

let world: SyncWorld
beforeEach(async () => {
  world = await SyncWorld.create()
})
afterEach(() => world.remove())

const row = (text: string | null): Row => [text, 1n, '1.5', true]

async function prepareChange(): Promise<void> {
  await world.change(
    new Map([
      ['kept', row('a')],
      ['updated', row(null)],
      ['deleted', row('c')],
    ]),
  )
  expect((await world.sync()).result).toBe('success')
  await world.change(
    new Map([
      ['updated', row('')],
      ['deleted', null],
      ['added', row('d')],
    ]),
  )
}

/** What the crashed run had added is gone again: a delta that is recomputed instead of repeated would keep it for ever. */
async function tableMovesOn(): Promise<void> {
  await world.change(
    new Map([
      ['added', null],
      ['kept', row('moved on')],
      ['later', row('e')],
    ]),
  )
}

async function attempt(plan: { at: number; fault: Fault } | null, full: boolean): Promise<string[]> {
  const ports = faulty({ warehouse: await world.warehouse(), store: world.store }, plan)
  await world.sync({ ...ports, full }).catch((error: unknown) => {
    if (!(error instanceof Crash)) throw error
  })
  return ports.calls
}

for (const [full, faults] of [
  [false, ['after', 'lost', 'refused']],
  [true, ['after']],
] as const) {
  for (const fault of faults) {
    test(`a fault (${fault}) at any call of ${full ? 'a full' : 'an incremental'} run loses nothing`, async () => {
      await prepareChange()
      const calls = await attempt(null, full)
      expect(await world.violations()).toEqual([])
      for (let at = 0; at < calls.length; at++) {
        await world.remove()
        world = await SyncWorld.create()
        await prepareChange()
        await attempt({ at, fault }, full)
        await tableMovesOn()
        const run = await world.sync()
        const place = `call ${at}, ${calls[at]}`
        expect(['success', 'unchanged'], `${place}: ${JSON.stringify(run)}`).toContain(run.result)
        // What was begun is rolled forward: nothing is read anew.
        if (!full) expect(run.epoch, place).toBe(1)
        expect(await world.violations(), place).toEqual([])
      }
    })
  }
}

test('a first run that dies at any call is finished by the next one', async () => {
  const calls = await attempt(null, false)
  for (let at = 0; at < calls.length; at++) {
    await world.remove()
    world = await SyncWorld.create()
    await world.change(new Map([['a', row('a')]]))
    await attempt({ at, fault: 'after' }, false)
    expect((await world.sync()).error).toBeNull()
    expect(await world.violations(), `call ${at}, ${calls[at]}`).toEqual([])
  }
})

for (const fault of ['before', 'after', 'lost', 'refused'] as const) {
  test(`where nothing may be written in the warehouse, a fault (${fault}) at any call of a run loses nothing`, async () => {
    const again = async () => {
      await world.remove()
      world = await SyncWorld.create({ state: 'local' })
      await prepareChange()
    }
    await again()
    const calls = await attempt(null, false)
    expect(calls).toContain('a page of rows')
    expect(await world.violations()).toEqual([])
    for (let at = 0; at < calls.length; at++) {
      await again()
      await attempt({ at, fault }, false)
      await tableMovesOn()
      const place = `call ${at}, ${calls[at]}`
      expect(await world.sync(), place).toMatchObject({ error: null, epoch: 1, rows: 3 })
      expect(await world.violations(), place).toEqual([])
    }
  })
}

test('a run that is held up at any call while another one goes through changes nothing any more', async () => {
  await prepareChange()
  const calls = await attempt(null, false)
  for (let at = 0; at < calls.length; at++) {
    await world.remove()
    world = await SyncWorld.create()
    await prepareChange()
    const meanwhile = async () => {
      await tableMovesOn()
      expect((await world.sync({ owner: 'thief' })).error).toBeNull()
    }
    const ports = faulty({ warehouse: await world.warehouse(), store: world.store }, { at, fault: 'after', meanwhile })
    const zombie = await world.sync(ports)
    const place = `call ${at}, ${calls[at]}: ${JSON.stringify(zombie)}`
    const before = await world.snapshot()
    if (zombie.result !== 'failed') expect(await world.violations(), place).toEqual([])
    else expect(before, place).toEqual(world.expected())
    expect((await world.sync()).error, place).toBeNull()
    expect(await world.violations(), place).toEqual([])
  }
})

test('a change of the checkpoint whose answer is lost is found out by reading it back', async () => {
  await prepareChange()
  const calls = await attempt(null, false)
  for (const [at, call] of calls.entries()) {
    if (call !== 'swap') continue
    await world.remove()
    world = await SyncWorld.create()
    await prepareChange()
    const ports = faulty({ warehouse: await world.warehouse(), store: world.store }, { at, fault: 'lost' })
    expect(await world.sync(ports), `call ${at}`).toMatchObject({ result: 'success', error: null })
    expect(await world.violations(), `call ${at}`).toEqual([])
  }
})

test('a table that changes during a run, at any call, is seen by that run or by the next one', async () => {
  await prepareChange()
  const calls = await attempt(null, false)
  for (let at = 0; at < calls.length; at++) {
    await world.remove()
    world = await SyncWorld.create()
    await prepareChange()
    const plan = { at, fault: 'after' as const, meanwhile: tableMovesOn }
    const run = await world.sync(faulty({ warehouse: await world.warehouse(), store: world.store }, plan))
    const place = `call ${at}, ${calls[at]}`
    expect(run.error, place).toBeNull()
    expect((await world.sync()).error, place).toBeNull()
    expect(await world.violations(), place).toEqual([])
  }
})

test('a copy of the state directory is never taken for another epoch of the same number', async () => {
  const snapshots = join(world.folder, 'snapshots')
  const copy = async (name: string) => cpSync(snapshots, join(world.folder, name), { recursive: true })
  const restore = async (name: string) => {
    rmSync(snapshots, { recursive: true, force: true })
    cpSync(join(world.folder, name), snapshots, { recursive: true })
  }
  await world.change(new Map([['a', row('1')]]))
  await world.sync()
  await copy('first')
  await world.sync({ full: true })
  await copy('second')
  await restore('first')
  await world.sql('DROP SCHEMA _segment_reverse_etl CASCADE')
  await world.change(new Map([['a', row('2')]]))
  expect(await world.sync()).toMatchObject({ epoch: 2, rows: 1 })
  await restore('second')
  await world.sync()
  expect(await world.violations()).toEqual([])
})
