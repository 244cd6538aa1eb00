/** Where a stretch begins or ends, as an operator types it: an offset, a time, `earliest` or `latest`. */
import { LinkedEventsError } from '../../errors.ts'

export type Bound =
  | { readonly kind: 'earliest' }
  | { readonly kind: 'latest' }
  /** The same offset in every partition. */
  | { readonly kind: 'offset'; readonly offset: number }
  /** An offset for each partition named; others take no part. */
  | { readonly kind: 'offsets'; readonly offsets: ReadonlyMap<number, number> }
  /** The first message at or after this time, milliseconds since 1970-01-01 UTC. */
  | { readonly kind: 'time'; readonly milliseconds: number }

export interface Range {
  readonly from: Bound
  /** The stretch ends before this. */
  readonly to: Bound
}

const unitMilliseconds: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}
const forms =
  'write an offset (123, or 0:123,1:456 by partition), a time (2026-11-01T00:00Z, 2026-11-01, -2h), earliest or latest'
/** No partition has had a trillion messages, but every time since 2001 in milliseconds is beyond it. */
const offsetMax = 1e12

/** Both bounds. `now` is what relative times count from. @throws LinkedEventsError USAGE */
export function parseRange(from: string, to: string, now: number): Range {
  const range = { from: parseBound(from, '--from', now), to: parseBound(to, '--to', now) }
  checkOrder(range, from, to)
  return range
}

/** @throws LinkedEventsError USAGE */
export function parseBound(text: string, option: string, now: number): Bound {
  const wrong = (hint = forms) =>
    new LinkedEventsError('USAGE', `${option} "${text}" is not a place in a topic`, { hint })
  if (text === 'earliest' || text === 'latest') return { kind: text }
  if (/^\d+$/.test(text)) {
    const offset = Number(text)
    if (offset >= offsetMax) throw wrong(`a plain number is an offset; ${forms}`)
    return { kind: 'offset', offset }
  }
  if (/^\d+:\d+(,\d+:\d+)*$/.test(text)) {
    const offsets = new Map<number, number>()
    for (const one of text.split(',')) {
      const [partition = 0, offset = 0] = one.split(':').map(Number)
      if (offsets.has(partition)) throw wrong(`partition ${partition} is named twice`)
      if (offset >= offsetMax) throw wrong()
      offsets.set(partition, offset)
    }
    return { kind: 'offsets', offsets }
  }
  const [, count, unit = ''] = /^-(\d{1,9})([smhdw])$/.exec(text) ?? []
  if (count !== undefined) return { kind: 'time', milliseconds: now - Number(count) * (unitMilliseconds[unit] ?? 0) }
  return { kind: 'time', milliseconds: timeOf(text, wrong) }
}

/** RFC 3339 with a zone (seconds may be left out), or a date: its beginning in UTC. */
function timeOf(text: string, wrong: (hint?: string) => LinkedEventsError): number {
  const [, date, clock, zone] =
    /^(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)([Zz]|[+-]\d{2}:\d{2})?)?$/.exec(text) ?? []
  if (date === undefined) throw wrong()
  if (clock !== undefined && zone === undefined) throw wrong('a time needs a zone: put Z behind it for UTC, or +02:00')
  const day = new Date(`${date}T00:00:00Z`)
  // Date.parse takes February 30th for March 2nd.
  if (Number.isNaN(day.getTime()) || !day.toISOString().startsWith(date)) throw wrong('there is no such day')
  const milliseconds =
    clock === undefined ? day.getTime() : Date.parse(`${date}T${clock}${(zone ?? 'Z').toUpperCase()}`)
  if (Number.isNaN(milliseconds)) throw wrong('there is no such time')
  return milliseconds
}

/** What is the wrong way round whatever the topics hold. */
function checkOrder({ from, to }: Range, fromText: string, toText: string): void {
  const backwards = () =>
    new LinkedEventsError('USAGE', `--from ${fromText} lies behind --to ${toText}`, { hint: 'exchange the two' })
  if (from.kind === 'time' && to.kind === 'time' && from.milliseconds > to.milliseconds) throw backwards()
  if (from.kind === 'offset' && to.kind === 'offset' && from.offset > to.offset) throw backwards()
  if (from.kind !== 'offsets' || to.kind !== 'offsets') return
  for (const [partition, offset] of from.offsets) {
    const end = to.offsets.get(partition)
    if (end === undefined || from.offsets.size !== to.offsets.size)
      throw new LinkedEventsError('USAGE', '--from and --to name different partitions', {
        hint: 'name the same partitions in both, or use one offset, a time, earliest or latest for the other',
      })
    if (offset > end) throw backwards()
  }
}
