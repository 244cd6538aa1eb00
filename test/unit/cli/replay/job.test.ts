/** The stored job: written once, read back, and resumed only as it was made. */
import { writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  checkId,
  checkSame,
  createJob,
  type Job,
  jobFile,
  newId,
  readJob,
  updateJob,
} from '../../../../src/cli/replay/job.ts'
import { redirect } from '../../../../src/cli/replay/outputs.ts'
import type { Plan } from '../../../../src/enrich/plan.ts'
import { folder } from '../../../support/cli.ts'
import { planOf } from '../../../support/plan.ts'

const job: Job = {
  schema_version: 1,
  id: 'one',
  group: 'g.replay.one',
  topics: ['t'],
  from: '-2h',
  to: 'latest',
  output_topic: null,
  outputs: [],
  created_at: '2026-11-25T12:00:00.000Z',
  updated_at: '2026-11-25T12:00:00.000Z',
  state: 'running',
  partitions: [{ topic: 't', partition: 0, from: 1, to: 9, expired: null }],
  pins: { product: 3 },
  snapshots: [],
}
const nothing = { from: null, to: null, topics: null, outputTopic: null, pins: null }

test('the first of two that make the same job wins, and both get it', async () => {
  const dir = folder()
  expect(await readJob(dir, 'one')).toBeNull()
  expect(await createJob(dir, job)).toEqual(job)
  expect(await createJob(dir, { ...job, from: '-3h' })).toEqual(job)
  await updateJob(dir, { ...job, state: 'done' })
  expect(await readJob(dir, 'one')).toEqual({ ...job, state: 'done' })
})

test('a damaged file is an error, not a new replay', async () => {
  const dir = folder({ 'replays/one.json': '{}' })
  await expect(readJob(dir, 'one')).rejects.toMatchObject({ code: 'BAD_INPUT' })
  writeFileSync(jobFile(dir, 'one'), '{"schema')
  await expect(readJob(dir, 'one')).rejects.toMatchObject({ code: 'BAD_INPUT' })
})

test('what is said again must be equal', () => {
  expect(() => checkSame(job, nothing)).not.toThrow()
  expect(() =>
    checkSame(job, { ...nothing, from: '-2h', to: 'latest', topics: ['t'], pins: { product: 3 } }),
  ).not.toThrow()
  for (const other of [
    { from: '-1h' },
    { to: '5' },
    { topics: ['u'] },
    { outputTopic: 'x' },
    { pins: {} },
    { pins: { product: 4 } },
  ])
    expect(() => checkSame(job, { ...nothing, ...other })).toThrow(expect.objectContaining({ code: 'USAGE' }))
})

test('an id made is one that is accepted, and ids sort by time', () => {
  const [early, late] = [newId(1_700_000_000_000), newId(1_800_000_000_000)]
  expect(checkId(early)).toBe(early)
  expect([late, early].sort()).toEqual([early, late])
  for (const id of ['', '../x', 'a b', '-x'])
    expect(() => checkId(id)).toThrow(expect.objectContaining({ code: 'USAGE' }))
})

test('nothing is held in a replay: what becomes of an event without its row is decided at once', () => {
  const words = { entities: { product: 'sku' }, onMissing: 'hold', mapping: {} } as const
  const live = planOf({ slug: 'crm', mappings: [words, { ...words, name: 'Other', onMissing: 'drop' }] })
  const { plan } = redirect({ ...live, holds: { ...live.holds!, then: 'dead_letter' } }, null, ['in'])
  const decided = plan.destinations[0]!.mappings.map(({ bindings }) => bindings[0]!.onMissing)
  expect([plan.holds, ...decided]).toEqual([null, 'dead_letter', 'drop'])
})

test('outputs go beside the live ones; one topic for two, and an input, are refused', () => {
  const plan = (...targets: object[]) =>
    ({ holds: null, destinations: targets.map((target, n) => ({ slug: `d${n}`, target })) }) as unknown as Plan
  const two = plan({ topic: 'a' }, { topic: 'b' }, { file: '/x.ndjson' })
  const to = (pattern: string | null) => redirect(two, pattern, ['in']).outputs.map((output) => output.to)
  expect(to(null)).toEqual(['a.replay', 'b.replay', '/x.ndjson.replay'])
  expect(to('{topic}')).toEqual(['a', 'b', '/x.ndjson.replay'])
  expect(() => to('c')).toThrow(expect.objectContaining({ code: 'USAGE' }))
  expect(() => redirect(plan({ topic: 'a' }), 'in', ['in'])).toThrow(expect.objectContaining({ code: 'USAGE' }))
})
