/** Whatever dies whenever, each change of an entity is told once: whoever follows the events from the beginning holds the table. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { EntityPlan } from '../../src/sync/entity-plan.ts'
import type { SyncOptions } from '../../src/sync/run.ts'
import { releaseEvents, resetSync } from '../../src/sync/sync.ts'
import type { SyncRun } from '../../src/sync/sync-run.ts'
import type { Warehouse } from '../../src/sync/warehouse.ts'
import { followed, RowTopic, rowEventsTo } from '../support/row-topic.ts'
import { Crash, type Fault, type FaultPlan, faulty, type Row, SyncWorld } from '../support/sync-world.ts'

let world: SyncWorld
let topic: RowTopic
let entity: EntityPlan
beforeEach(begin)
afterEach(() => world.remove())

async function begin(): Promise<void> {
  world = await SyncWorld.create()
  topic = new RowTopic()
  entity = { ...world.entity, events: { topic: 'rows', mode: 'mirror', stream: 'rows of product' } }
}

const row = (text: string | null): Row => [text, 1n, '1.5', true]
const sync = (options: Partial<SyncOptions> = {}): Promise<SyncRun> =>
  world.sync({ entity, events: rowEventsTo(topic), ...options })

async function changed(): Promise<void> {
  await world.change(new Map([...'abcdefg'].map((key): [string, Row] => [key, row('before')])))
  expect(await sync()).toMatchObject({ result: 'success', row_events: { sent: 7, elsewhere: null } })
  await world.change(
    new Map([
      ['a', row('after')],
      ['b', null],
      ['c', row(null)],
      ['h', row('')],
      ['i', row('new')],
    ]),
  )
}

/** Told again from the model of the table, without the code under test. */
function expectTold(place: string): void {
  const { rows, wrong } = followed(topic.events)
  expect(wrong, place).toEqual([])
  const table = [...world.expected()].map(([key, text]): [string, string] => [key, JSON.stringify(JSON.parse(text))])
  expect(new Map([...rows].sort()), place).toEqual(new Map(table.sort()))
}

async function attempt(plan: FaultPlan | null): Promise<{ readonly calls: string[]; readonly run: SyncRun | null }> {
  const {
    calls,
    topic: spoilt,
    ...ports
  } = faulty({ warehouse: await world.warehouse(), store: world.store, topic }, plan)
  const run = await sync({ ...ports, events: rowEventsTo(spoilt) }).catch((error: unknown) => {
    if (error instanceof Crash) return null
    throw error
  })
  return { calls, run }
}

/** At each call in turn of a run that has made its version; before that nothing is told. */
async function atEachCall(check: (at: number, call: string) => Promise<void>): Promise<void> {
  await changed()
  const { calls } = await attempt(null)
  expectTold('without a fault')
  expect(calls.filter((call) => call === 'append')).toHaveLength(5)
  for (const [at, call] of calls.entries()) {
    if (at < calls.indexOf('publish')) continue
    await world.remove()
    await begin()
    await changed()
    await check(at, call)
  }
}

test.each<Fault>(['after', 'lost', 'refused'])(
  'a fault (%s) at any call of a run: the next one tells what is missing',
  async (fault) => {
    await atEachCall(async (at, call) => {
      const place = `call ${at}, ${call}`
      await attempt({ at, fault })
      await world.change(
        new Map([
          ['a', null],
          ['j', row('later')],
        ]),
      )
      const run = await sync()
      expect(run, place).toMatchObject({ error: null, epoch: 1 })
      expectTold(place)
    })
  },
)

/** Dropping what is left over may fail: the delta of a run that was overtaken can still be read. */
function withoutDrops(warehouse: Warehouse): Warehouse {
  const session = async (signal: AbortSignal) =>
    Object.assign(await warehouse.session(signal), { drop: async () => {} })
  return { ...warehouse, session }
}

test('a run that is held up at any call while another one goes through tells nothing any more', async () => {
  await atEachCall(async (at, call) => {
    const place = `call ${at}, ${call}`
    const meanwhile = async () => {
      await world.change(
        new Map([
          ['a', null],
          ['j', row('later')],
        ]),
      )
      const warehouse = withoutDrops(await world.warehouse())
      expect(await sync({ owner: 'thief', warehouse }), place).toMatchObject({ error: null })
    }
    const { run } = await attempt({ at, fault: 'after', meanwhile })
    expect(run, place).not.toBeNull()
    expect(await sync(), place).toMatchObject({ error: null })
    expectTold(place)
  })
})

test('an epoch that begins anew tells every row as new', async () => {
  await changed()
  await sync()
  topic.events.length = 0
  expect(await sync({ full: true })).toMatchObject({ result: 'success', epoch: 2, row_events: { sent: 8 } })
  expectTold('in the new epoch')
  topic.events.length = 0
  await resetSync({ entity, warehouse: await world.warehouse(), signal: new AbortController().signal })
  expect(await sync()).toMatchObject({ row_events: { sent: 8 } })
  expectTold('after a reset')
})

test('row events of an entity that was synced before begin with every row; without them nothing is read anew', async () => {
  await world.change(
    new Map([
      ['a', row('a')],
      ['b', row('b')],
    ]),
  )
  await world.sync()
  await world.change(new Map([['a', row('after')]]))
  expect(await sync()).toMatchObject({ reason: 'settings changed', row_events: { sent: 2 } })
  expectTold('from the first run on')
  expect(await sync({ dryRun: true })).toMatchObject({ result: 'dry_run', row_events: { sent: 0 } })
  expect(await sync()).toMatchObject({ result: 'unchanged', row_events: { sent: 0 } })
})

test('a dry run tells nothing, and makes nobody the sender', async () => {
  await world.change(new Map([['a', row('a')]]))
  expect(await sync({ dryRun: true })).toMatchObject({ result: 'dry_run', added: 1, row_events: { sent: 0 } })
  expect(topic.events).toEqual([])
})

test('of two installations one tells; once it is released whoever syncs next does, beginning with every row', async () => {
  await changed()
  const other = await SyncWorld.create()
  try {
    const options = { entity: { ...entity, installId: 'other' }, store: other.store, owner: 'other host' }
    expect(await sync({ ...options })).toMatchObject({ result: 'success', row_events: { sent: 0, elsewhere: 'test' } })
    expect(await sync()).toMatchObject({ row_events: { sent: 5, elsewhere: null } })
    expectTold('by the first')

    topic.events.length = 0
    const signal = new AbortController().signal
    await releaseEvents({ entity, warehouse: await world.warehouse(), signal })
    await world.change(new Map([['j', row('later')]]))
    const began = { result: 'success', reason: 'row events begin', row_events: { sent: 9, elsewhere: null } }
    expect(await sync(options)).toMatchObject(began)
    expect(await sync()).toMatchObject({ added: 1, row_events: { sent: 0, elsewhere: 'other host' } })
    expectTold('by the second')
  } finally {
    await other.remove()
  }
})

test('a sender that is replaced while it sends stops there', async () => {
  await changed()
  const signal = new AbortController().signal
  const other = await SyncWorld.create()
  const take = async () => {
    await releaseEvents({ entity, warehouse: await world.warehouse(), signal })
    topic.events.length = 0
    const run = await sync({ entity: { ...entity, installId: 'other' }, store: other.store })
    expect(run).toMatchObject({ error: null, row_events: { sent: 9 } })
  }
  try {
    await sync()
    await world.change(new Map([['k', row('k')]]))
    let taken = false
    const replaced: Pick<RowTopic, 'begin' | 'mark' | 'append'> = {
      begin: () => topic.begin(),
      mark: () => topic.mark(),
      async append(...event) {
        if (!taken) await take()
        taken = true
        return topic.append(...event)
      },
    }
    const run = await sync({ events: rowEventsTo(replaced) })
    expect(run).toMatchObject({ result: 'failed', row_events: { sent: 0 } })
    expectTold('by the second')
  } finally {
    await other.remove()
  }
})
