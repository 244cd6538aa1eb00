/** No more than so many events a second: a token bucket, and a source that takes from it. */
import type { Clock } from '../../clock.ts'
import type { Batch, Message, Source } from '../../enrich/source.ts'

export interface TokenBucket {
  /** The most that may be taken at once. */
  readonly burst: number
  /** Resolves when `count` (at most `burst`) may pass, in the order of the calls; at once when `signal` is aborted. */
  take(count: number, signal: AbortSignal): Promise<void>
}

/** Bursts are a tenth of a second long. */
const burstSeconds = 0.1

export function tokenBucket({ perSecond, clock }: { readonly perSecond: number; readonly clock: Clock }): TokenBucket {
  const burst = Math.max(1, Math.floor(perSecond * burstSeconds))
  let available = burst
  let filled = clock.now()
  let turn: Promise<void> = Promise.resolve()

  async function takeInTurn(count: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      const now = clock.now()
      available = Math.min(burst, available + (Math.max(0, now - filled) * perSecond) / 1000)
      filled = now
      if (available >= count || signal.aborted) break
      await clock.sleep(Math.ceil(((count - available) * 1000) / perSecond), signal)
    }
    available -= count
  }

  return {
    burst,
    take(count, signal) {
      turn = turn.then(() => takeInTurn(count, signal))
      return turn
    },
  }
}

/**
 * The same messages, handed on in slices of at most one burst. Only the last slice acknowledges: what a crash repeats is
 * still the batch of the source. After an abort the batch in hand is finished without waiting.
 */
export function rated(source: Source, bucket: TokenBucket): Source {
  return {
    consume: (handle, signal) =>
      source.consume(async (batch) => {
        if (batch.count === 0) return handle(batch)
        let acknowledged = true
        for (let from = 0; from < batch.count && acknowledged; from += bucket.burst) {
          const slice = sliceOf(batch, from, Math.min(batch.count, from + bucket.burst))
          await bucket.take(slice.count, signal)
          acknowledged = false
          await handle({
            ...slice,
            async acknowledge() {
              if (from + slice.count >= batch.count) await batch.acknowledge()
              acknowledged = true
            },
          })
        }
      }, signal),
    partitions: () => source.partitions(),
    close: () => source.close(),
  }
}

function sliceOf(batch: Batch, from: number, to: number): Omit<Batch, 'acknowledge'> {
  return {
    topic: batch.topic,
    partition: batch.partition,
    count: to - from,
    bytes: Math.round((batch.bytes * (to - from)) / batch.count),
    lag: batch.lag === null ? null : batch.lag + batch.count - to,
    each(visit: (message: Message) => void) {
      let index = 0
      batch.each((message) => {
        if (index >= from && index < to) visit(message)
        index++
      })
    },
  }
}
