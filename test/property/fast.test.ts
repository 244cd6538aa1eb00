/**
 * Law: the short way of an event through its bytes gives what parsing gives: the same entries, the same bytes, the same dead
 * letters. What it cannot do it must leave, and what is not JSON it must never let through. `PARITY_RUNS=100000` makes it
 * longer, `PARITY_SEED` repeats a run.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Enrichment, enrich, isDelivery } from '../../src/enrich/enrich.ts'
import { compileFast } from '../../src/enrich/fast.ts'
import { bytesOf, memory, reserve } from '../../src/memory.ts'
import { damaged, document } from '../support/event-documents.ts'
import { destination } from '../support/event-plans.ts'
import { rowsOfEntities, snapshotsOfRows } from '../support/event-rows.ts'
import { parityRuns, paritySeed } from '../support/oracle.ts'
import { messageOf } from '../support/pipeline.ts'
import { type DestinationWords, planOf } from '../support/plan.ts'

/** What a sink and the metrics see of it. */
function seen(enrichment: Enrichment) {
  if ('reason' in enrichment) return enrichment
  return enrichment.entries.map((entry) => ({
    ...entry,
    destination: entry.destination.slug,
    mapping: entry.mapping?.name,
    matches: entry.matches.map(({ key: _, row, ...match }) => ({ ...match, row: row?.text })), // the short way names no keys
    value: isDelivery(entry) ? bytesOf(entry.value).toString('latin1') : null,
  }))
}

/** Message bytes stand among others in what a fetch brings; what follows must not complete what is cut. */
function placed(value: Buffer, after: string) {
  const bytes = Buffer.concat([Buffer.from('{"x":"'), value, Buffer.from(after)])
  return messageOf(value, { bytes, valueStart: 6, valueEnd: 6 + value.length })
}

const room = reserve(64 * 1024)

/** The same bytes as a source hands them out. */
function placedInMemory(value: Buffer, after: string) {
  const { bytes, valueStart, valueEnd } = placed(value, after)
  bytes.copy(memory, room)
  return messageOf(value, { bytes: memory, valueStart: room + valueStart, valueEnd: room + valueEnd })
}

const after = fc.constantFrom('', '}', '"}', '":1}}', ' ', '0', ',"x":1}')
const destinations = fc.array(destination, { minLength: 1, maxLength: 2 })

/** Compares both ways on each value; returns how many the short way took. */
function compare(
  words: readonly DestinationWords[],
  entities: Parameters<typeof snapshotsOfRows>[0],
  values: readonly Buffer[],
  rest: string,
): number {
  const plan = planOf(...words)
  const snapshots = snapshotsOfRows(entities)
  const fast = compileFast(plan)
  let taken = 0
  for (const value of fast === null ? [] : values) {
    const quick = fast!(snapshots, placed(value, rest))
    const seenQuick = quick === null ? null : seen(quick)
    const there = fast!(snapshots, placedInMemory(value, rest))
    expect(there === null ? null : seen(there)).toEqual(seenQuick)
    expect(memory.toString('latin1', room + 6 + value.length, room + 6 + value.length + rest.length)).toBe(rest)
    if (seenQuick === null) continue
    taken++
    expect(seenQuick).toEqual(seen(enrich(plan, snapshots, placed(value, rest))))
  }
  return taken
}

test('scanned and parsed give the same entries and the same bytes, over generated documents, mappings and rows', () => {
  const seed = paritySeed('short way')
  let taken = 0
  fc.assert(
    fc.property(
      destinations,
      rowsOfEntities,
      fc.array(document, { minLength: 1, maxLength: 6 }),
      after,
      (words, rows, texts, rest) => {
        taken += compare(
          words,
          rows,
          texts.map((text) => Buffer.from(text)),
          rest,
        )
      },
    ),
    { seed, numRuns: parityRuns() },
  )
  console.info(`short way: ${taken} events`)
  expect(taken).toBeGreaterThan(parityRuns() / 2) // else the law says little
})

test('what is damaged becomes what parsing makes of it: broken JSON is never delivered', () => {
  const seed = paritySeed('short way, damaged')
  fc.assert(
    fc.property(destinations, rowsOfEntities, fc.array(damaged, { minLength: 1, maxLength: 6 }), after, (...all) => {
      compare(...all)
    }),
    { seed, numRuns: parityRuns() },
  )
})
