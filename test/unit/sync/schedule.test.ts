import { describe, expect, test } from 'vitest'
import { LinkedEventsError } from '../../../src/errors.ts'
import { nextRun, type Schedule, startDelay } from '../../../src/sync/schedule.ts'

const next = (schedule: unknown, after: string) => nextRun(schedule as Schedule, new Date(after))?.toISOString() ?? null
const problem = (schedule: unknown) => {
  try {
    next(schedule, '2026-11-25T10:00:00Z')
  } catch (error) {
    return error instanceof LinkedEventsError ? error.problems[0]?.code : error
  }
  return null
}

describe('an interval is aligned to UTC and never the moment itself', () => {
  test.each([
    ['1h', '2026-11-25T10:12:00Z', '2026-11-25T11:00:00.000Z'],
    ['1h', '2026-11-25T10:00:00Z', '2026-11-25T11:00:00.000Z'],
    ['15m', '2026-11-25T10:16:00Z', '2026-11-25T10:30:00.000Z'],
    ['1d', '2026-11-25T10:16:00Z', '2026-11-26T00:00:00.000Z'],
    ['24h', '2026-11-25T23:59:59.999Z', '2026-11-26T00:00:00.000Z'],
    ['1h30m', '1970-01-01T00:00:00Z', '1970-01-01T01:30:00.000Z'],
  ])('%s after %s', (interval, after, expected) =>
    expect(next({ strategy: 'PERIODIC', config: { interval } }, after)).toBe(expected),
  )
})

test('days and hours are those of the time zone, summer time included', () => {
  const monday = { strategy: 'SPECIFIC_DAYS', config: { days: [1], hours: [14], timezone: 'Europe/Berlin' } }
  expect(next(monday, '2026-11-25T10:00:00Z')).toBe('2026-11-30T13:00:00.000Z')
  expect(next(monday, '2026-07-01T10:00:00Z')).toBe('2026-07-06T12:00:00.000Z')
  expect(next({ strategy: 'SPECIFIC_DAYS', config: { days: [3, 0], hours: [23, 9] } }, '2026-11-25T10:00:00Z')).toBe(
    '2026-11-25T23:00:00.000Z',
  )
})

test('cron has five fields and a time zone', () => {
  expect(next({ strategy: 'CRON', config: { spec: '0 */2 * * *', timezone: 'UTC' } }, '2026-11-25T10:00:00Z')).toBe(
    '2026-11-25T12:00:00.000Z',
  )
  expect(
    next({ strategy: 'CRON', config: { spec: '30 4 * * 1', timezone: 'America/New_York' } }, '2026-11-25T10:00:00Z'),
  ).toBe('2026-11-30T09:30:00.000Z')
})

test('no clock starts a manual or a dbt Cloud schedule', () => {
  expect(next({ strategy: 'MANUAL' }, '2026-11-25T10:00:00Z')).toBeNull()
  expect(next({ strategy: 'DBT_CLOUD', config: { accountId: '1', jobId: '2' } }, '2026-11-25T10:00:00Z')).toBeNull()
})

test.each([
  [{ strategy: 'PERIODIC', config: { interval: '14m' } }, 'schedule_too_frequent'],
  [{ strategy: 'PERIODIC', config: { interval: '5 minutes' } }, 'schedule_invalid'],
  [{ strategy: 'PERIODIC' }, 'schedule_invalid'],
  [{ strategy: 'CRON', config: { spec: '*/10 * * * *' } }, 'schedule_too_frequent'],
  [{ strategy: 'CRON', config: { spec: '0,10 4 * * *' } }, 'schedule_too_frequent'],
  [{ strategy: 'CRON', config: { spec: '*/15 * * * *' } }, null],
  [{ strategy: 'CRON', config: { spec: '* * * * * *' } }, 'schedule_invalid'],
  [{ strategy: 'CRON', config: { spec: 'a b c d e' } }, 'schedule_invalid'],
  [{ strategy: 'CRON', config: { spec: '0 0 30 2 *' } }, 'schedule_invalid'],
  [{ strategy: 'SPECIFIC_DAYS', config: { days: [7], hours: [1] } }, 'schedule_invalid'],
  [{ strategy: 'SPECIFIC_DAYS', config: { days: [1], hours: [] } }, 'schedule_invalid'],
  [{ strategy: 'SPECIFIC_DAYS', config: { days: [1], hours: [1], timezone: 'Mars/Base' } }, 'schedule_invalid'],
  [{ strategy: 'SOMETIMES' }, 'schedule_invalid'],
])('%j: %s', (schedule, code) => expect(problem(schedule)).toBe(code))

test('intervals and days start up to five minutes later, each name at a moment of its own; a cron spec is kept', () => {
  const names = Array.from({ length: 1000 }, (_, number) => `installation ${number} product`)
  const delays = (strategy: string) => names.map((name) => startDelay({ strategy } as Schedule, name))
  for (const strategy of ['PERIODIC', 'SPECIFIC_DAYS']) {
    const found = delays(strategy)
    expect(found).toEqual(delays(strategy))
    expect(Math.min(...found)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...found)).toBeLessThan(300_000)
    const tenths = new Set(found.map((delay) => Math.floor(delay / 30_000)))
    expect(tenths.size).toBe(10)
  }
  expect(new Set(delays('CRON'))).toEqual(new Set([0]))
})
