/** The token bucket on a clock of its own, and a source that takes from it. */
import { expect, test } from 'vitest'
import { rated, tokenBucket } from '../../../../src/cli/replay/rate.ts'
import type { Clock } from '../../../../src/clock.ts'
import type { Batch, Message, Source } from '../../../../src/enrich/source.ts'

function fakeClock(): Clock & { at: number } {
  const clock = {
    at: 0,
    now: () => clock.at,
    async sleep(milliseconds: number) {
      clock.at += milliseconds
    },
  }
  return clock
}

const signal = new AbortController().signal

/** One batch of `count` messages; counts its acknowledgements. */
function sourceOf(count: number): Source & { acknowledged: number } {
  const source = {
    acknowledged: 0,
    async consume(handle: (batch: Batch) => Promise<void>) {
      await handle({
        topic: 't',
        partition: 0,
        count,
        bytes: count * 10,
        lag: 0,
        each(visit) {
          for (let offset = 0; offset < count; offset++) visit({ offset } as Message)
        },
        async acknowledge() {
          source.acknowledged++
        },
      })
    },
    partitions: () => [],
    close: async () => {},
  }
  return source
}

test('a thousand at a hundred a second take ten seconds, but for the first burst', async () => {
  const clock = fakeClock()
  const bucket = tokenBucket({ perSecond: 100, clock })
  expect(bucket.burst).toBe(10)
  for (let n = 0; n < 1000; n += 10) await bucket.take(10, signal)
  expect(clock.at).toBe(9900)
})

test('an idle hour saves up no more than one burst', async () => {
  const clock = fakeClock()
  const bucket = tokenBucket({ perSecond: 100, clock })
  clock.at = 3_600_000
  for (let n = 0; n < 3; n++) await bucket.take(10, signal)
  expect(clock.at).toBe(3_600_200)
})

test('a batch is handed on in slices, in order and whole, and is acknowledged once, behind the last', async () => {
  const source = sourceOf(25)
  const slices: number[][] = []
  await rated(source, tokenBucket({ perSecond: 100, clock: fakeClock() })).consume(async (batch) => {
    const offsets: number[] = []
    batch.each(({ offset }) => offsets.push(offset))
    slices.push(offsets)
    expect(source.acknowledged).toBe(0)
    await batch.acknowledge()
  }, signal)
  expect(slices.map(({ length }) => length)).toEqual([10, 10, 5])
  expect(slices.flat()).toEqual([...Array(25).keys()])
  expect(source.acknowledged).toBe(1)
})

test('a slice that is not acknowledged ends the batch: it is read again later', async () => {
  const source = sourceOf(25)
  let slices = 0
  await rated(source, tokenBucket({ perSecond: 100, clock: fakeClock() })).consume(async () => void slices++, signal)
  expect([slices, source.acknowledged]).toEqual([1, 0])
})
