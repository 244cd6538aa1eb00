/** When an entity is synced next: Segment's five strategies, from the text alone. */
import { Cron } from 'croner'
import { parseDuration } from '../duration.ts'
import { LinkedEventsError, type Problem } from '../errors.ts'
import { keyHash, keyHashEnd } from '../key.ts'

export type Schedule =
  /** Every `interval` (a Go duration, at least 15 minutes), aligned to UTC: a daily one runs at 00:00. */
  | { readonly strategy: 'PERIODIC'; readonly config: { readonly interval: string } }
  /** Days 0 (Sunday) to 6, hours 0 to 23, in an IANA time zone. */
  | {
      readonly strategy: 'SPECIFIC_DAYS'
      readonly config: {
        readonly days: readonly number[]
        readonly hours: readonly number[]
        readonly timezone?: string
      }
    }
  /** Five fields, runs at least 15 minutes apart. */
  | { readonly strategy: 'CRON'; readonly config: { readonly spec: string; readonly timezone?: string } }
  /** After a dbt Cloud job: accepted, and started by hand or by that job (`linked-events sync`). */
  | { readonly strategy: 'DBT_CLOUD'; readonly config?: { readonly accountId?: string; readonly jobId?: string } }
  | { readonly strategy: 'MANUAL'; readonly config?: object }

const floorMinutes = 15
const floorMilliseconds = floorMinutes * 60_000
/** Runs of a cron schedule that are looked at for their distance: those of a few days at the floor. */
const runsLookedAt = 400

/**
 * The first moment after `after` at which a sync is due; null for strategies that no clock starts.
 * @throws LinkedEventsError SCHEDULE_INVALID with problems `schedule_invalid` or `schedule_too_frequent`
 */
export function nextRun(schedule: Schedule, after: Date): Date | null {
  switch (schedule.strategy) {
    case 'PERIODIC':
      return nextInterval(schedule.config?.interval, after)
    case 'SPECIFIC_DAYS':
      return nextCron(daysPattern(schedule.config), schedule.config.timezone, after)
    case 'CRON':
      return nextSpec(schedule.config, after)
    case 'DBT_CLOUD':
    case 'MANUAL':
      return null
    default:
      throw invalid(
        'schedule_invalid',
        `strategy ${JSON.stringify((schedule as { strategy?: unknown }).strategy)} is not known`,
        'use PERIODIC, SPECIFIC_DAYS, CRON, DBT_CLOUD or MANUAL',
      )
  }
}

/** As much as Segment spreads the runs of intervals and of days and hours. */
const spreadMilliseconds = 5 * 60_000

/**
 * How long after the moment of `nextRun` a run starts, milliseconds: up to five minutes, always the same for a `name` (of an
 * installation and an entity), so that many of them do not come to the warehouse in the same second. A cron spec is kept.
 */
export function startDelay({ strategy }: Schedule, name: string): number {
  const isSpread = strategy === 'PERIODIC' || strategy === 'SPECIFIC_DAYS'
  return isSpread ? Math.floor((keyHash(name) / keyHashEnd) * spreadMilliseconds) : 0
}

function nextInterval(interval: unknown, after: Date): Date {
  const milliseconds = typeof interval === 'string' ? parseDuration(interval) : null
  if (milliseconds === null)
    throw invalid(
      'schedule_invalid',
      `interval ${JSON.stringify(interval ?? null)} is no duration`,
      'write interval: 1h',
    )
  if (milliseconds < floorMilliseconds) throw tooFrequent(`interval ${interval}`)
  return new Date((Math.floor(after.getTime() / milliseconds) + 1) * milliseconds)
}

function daysPattern(config: { readonly days?: unknown; readonly hours?: unknown } | undefined): string {
  const days = integers(config?.days, 'days', 6)
  const hours = integers(config?.hours, 'hours', 23)
  return `0 ${hours.join(',')} * * ${days.join(',')}`
}

function integers(value: unknown, name: string, max: number): number[] {
  const ok =
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((item) => Number.isInteger(item) && item >= 0 && item <= max)
  if (!ok)
    throw invalid(
      'schedule_invalid',
      `${name} should be a list of whole numbers from 0 to ${max}`,
      `write ${name}: [1]`,
    )
  return [...new Set(value as number[])].sort((a, b) => a - b)
}

function nextSpec(config: { readonly spec?: unknown; readonly timezone?: string } | undefined, after: Date): Date {
  const spec = config?.spec
  if (typeof spec !== 'string' || spec.trim().split(/\s+/).length !== 5) {
    throw invalid(
      'schedule_invalid',
      `cron spec ${JSON.stringify(spec ?? null)} has not five fields`,
      'write spec: "0 */2 * * *"',
    )
  }
  const next = nextCron(spec, config?.timezone, after)
  const runs = cron(spec, config?.timezone).nextRuns(runsLookedAt, after)
  if (runs.some((run, index) => index > 0 && run.getTime() - runs[index - 1]!.getTime() < floorMilliseconds))
    throw tooFrequent(`cron spec "${spec}"`)
  return next
}

function nextCron(pattern: string, timezone: string | undefined, after: Date): Date {
  const next = cron(pattern, timezone).nextRun(after)
  if (next === null) throw invalid('schedule_invalid', `"${pattern}" never comes`, 'check day and month')
  return next
}

function cron(pattern: string, timezone = 'UTC'): Cron {
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone })
  } catch {
    throw invalid('schedule_invalid', `time zone "${timezone}" is not known`, 'use an IANA name such as Europe/Berlin')
  }
  try {
    return new Cron(pattern, { timezone, paused: true })
  } catch (error) {
    throw invalid(
      'schedule_invalid',
      `cron spec "${pattern}": ${(error as Error).message}`,
      'write spec: "0 */2 * * *"',
    )
  }
}

function tooFrequent(what: string): LinkedEventsError {
  return invalid(
    'schedule_too_frequent',
    `${what} runs more often than every ${floorMinutes} minutes`,
    `at least ${floorMinutes} minutes apart`,
  )
}

function invalid(code: string, message: string, hint: string): LinkedEventsError {
  const problem: Problem = { code, severity: 'error', message, file: null, line: null, column: null, hint }
  return new LinkedEventsError('SCHEDULE_INVALID', message, { hint, problems: [problem] })
}
