/**
 * Law: the short way of an event through its bytes gives what parsing gives: the same entries, the same bytes, the same dead
 * letters. What it cannot do it must leave, and what is not JSON it must never let through. `PARITY_RUNS=100000` makes it
 * longer, `PARITY_SEED` repeats a run.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Enrichment, enrich, isDelivery } from '../../src/enrich/enrich.ts'
import { compileFast } from '../../src/enrich/fast.ts'
import { bytesOf } from '../../src/memory.ts'
import { damaged, document } from '../support/event-documents.ts'
import { destination } from '../support/event-plans.ts'
import { rowsOfEntities, snapshotsOfRows } from '../support/event-rows.ts'
import { batchOf, eachInHand, recordOf, sealed } from '../support/kafka-records.ts'
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

const seenOf = (enrichment: Enrichment | null) => (enrichment === null ? null : seen(enrichment))

/** Message bytes stand among others in what a fetch brings; what follows must not complete what is cut. */
function placed(value: Buffer, after: string) {
  const bytes = Buffer.concat([Buffer.from('{"x":"'), value, Buffer.from(after)])
  return messageOf(value, { bytes, valueStart: 6, valueEnd: 6 + value.length })
}

const after = fc.constantFrom('', '}', '"}', '":1}}', ' ', '0', ',"x":1}')
const destinations = fc.array(destination, { minLength: 1, maxLength: 2 })

/** Compares both ways on each value; returns how many the short way took. */
async function compare(
  words: readonly DestinationWords[],
  entities: Parameters<typeof snapshotsOfRows>[0],
  values: readonly Buffer[],
  rest: string,
): Promise<number> {
  const plan = planOf(...words)
  const snapshots = snapshotsOfRows(entities)
  const fast = compileFast(plan)
  if (fast === null) return 0
  const together: unknown[] = []
  await eachInHand(
    values,
    (count) => fast.look?.(snapshots, count),
    (message) => together.push(seenOf(fast.enrich(snapshots, message))),
  )
  // Visited one by one where they lie, as by a source that does not ask ahead.
  const inMemory: unknown[] = []
  const batch = await batchOf(sealed(values.map(recordOf)))
  batch.each((message) => inMemory.push(seenOf(fast.enrich(snapshots, message))))
  expect(inMemory).toEqual(together)
  let taken = 0
  for (const [place, value] of values.entries()) {
    const alone = seenOf(fast.enrich(snapshots, placed(value, rest)))
    expect(together[place]).toEqual(alone)
    if (alone === null) continue
    taken++
    expect(alone).toEqual(seen(enrich(plan, snapshots, placed(value, rest))))
  }
  return taken
}

test('scanned and parsed give the same entries and the same bytes, over generated documents, mappings and rows', async () => {
  const seed = paritySeed('short way')
  let taken = 0
  await fc.assert(
    fc.asyncProperty(
      destinations,
      rowsOfEntities,
      fc.array(document, { minLength: 1, maxLength: 6 }),
      after,
      async (words, rows, texts, rest) => {
        taken += await compare(
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

test('what is damaged becomes what parsing makes of it: broken JSON is never delivered', async () => {
  const seed = paritySeed('short way, damaged')
  await fc.assert(
    fc.asyncProperty(
      destinations,
      rowsOfEntities,
      fc.array(damaged, { minLength: 1, maxLength: 6 }),
      after,
      async (...all) => {
        await compare(...all)
      },
    ),
    { seed, numRuns: parityRuns() },
  )
})
