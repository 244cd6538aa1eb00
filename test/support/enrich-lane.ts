/** The event path between two topics, as one member of a group: in this process, or as the main thing of another. */
import { setTimeout as sleep } from 'node:timers/promises'
import { noOutcomes, outcomes } from '../../src/enrich/outcome.ts'
import { run } from '../../src/enrich/pipeline.ts'
import type { Sink } from '../../src/enrich/sink.ts'
import type { KafkaConnection } from '../../src/kafka/connection.ts'
import { kafkaSink } from '../../src/kafka/sink.ts'
import { kafkaSource } from '../../src/kafka/source.ts'
import { openTransactions } from '../../src/kafka/transactions.ts'
import type { Fact } from '../../src/telemetry.ts'
import type { Lane } from './delivery.ts'
import { connectionTo } from './kafka.ts'
import { snapshotsOf } from './pipeline.ts'
import { planOf } from './plan.ts'

export interface MemberOptions {
  readonly brokers: readonly string[]
  readonly input: string
  readonly output: string
  readonly letters: string
  readonly group: string
  readonly delivery: 'at_least_once' | 'exactly_once'
  /** Distinguishes members of a group. */
  readonly owner: string
  readonly sessionTimeoutMs: number
  /** Stop where the input ended at the start. */
  readonly untilEnd?: boolean
  /** Small batches and a pause for each, so that faults fall into the work. */
  readonly maxBytesPerPartition?: number
  readonly batchMilliseconds?: number
}

/** Numbers end up in the output, everything else in the dead letters. */
export const memberPlan = (output: string) =>
  planOf({ target: { topic: output }, mappings: [{ mapping: { n: { '@path': '$.properties.n' } } }] })

export async function runMember(
  options: MemberOptions,
  signal: AbortSignal,
  tell: (fact: Fact) => void,
): Promise<void> {
  const { brokers, input, output, letters, group, owner, sessionTimeoutMs } = options
  const { maxBytesPerPartition = 2000, batchMilliseconds = 15, untilEnd = false } = options
  const connection = connectionTo(brokers)
  const transactions =
    options.delivery === 'exactly_once'
      ? await openTransactions({
          connection,
          transactionalId: `${group}.${owner}`,
          group,
          outputs: [output, letters],
          tell,
        })
      : null
  const sink = await kafkaSink({
    connection,
    targets: [output],
    deadLetterTopic: letters,
    inputs: [input],
    transactions,
    tell,
  })
  const source = await kafkaSource({
    connection,
    topics: [input],
    group,
    untilEnd,
    sessionTimeoutMs,
    maxBytesPerPartition,
    transactions,
    tell,
  })
  try {
    const clock = { now: Date.now, sleep: (milliseconds: number) => sleep(milliseconds) }
    const ports = {
      source,
      sink: batchMilliseconds === 0 ? sink : slowed(sink, batchMilliseconds),
      snapshots: snapshotsOf({}),
      freshness: new Map(),
    }
    await run({ plan: memberPlan(output), ...ports, clock, tell }, signal)
  } finally {
    await source.close()
    await sink.close()
  }
}

function slowed(sink: Sink, milliseconds: number): Sink {
  return {
    begin(batch) {
      const outputs = sink.begin(batch)
      return {
        deliver: (...words) => outputs.deliver(...words),
        deadLetter: (...words) => outputs.deadLetter(...words),
        hold: (...words) => outputs.hold(...words),
        async flush() {
          await sleep(milliseconds)
          await outputs.flush()
        },
      }
    },
    recordBytesMax: (target) => sink.recordBytesMax(target),
    close: () => sink.close(),
  }
}

/** What a member has done so far: the accounting, and its transactions. */
export function counter() {
  const counted = { consumed: 0, delivered: 0, committed: 0, aborted: 0, outcomes: noOutcomes() }
  return {
    counted,
    tell(fact: Fact): void {
      if (fact.name === 'transaction-ended') counted[fact.committed ? 'committed' : 'aborted']++
      if (fact.name !== 'batch-enriched') return
      counted.consumed += fact.messages
      counted.delivered += fact.delivered
      for (const outcome of outcomes) counted.outcomes[outcome] += fact.outcomes[outcome]
    },
  }
}

/** One member, in this process, up to the end. */
export async function enrichToEnd(connection: KafkaConnection, lane: Lane, options: Partial<MemberOptions> = {}) {
  const { counted, tell } = counter()
  const facts: Fact[] = []
  const member = { delivery: 'exactly_once' as const, owner: 'test', sessionTimeoutMs: 3000, batchMilliseconds: 0 }
  await runMember(
    { ...lane, brokers: connection.brokers, ...member, untilEnd: true, ...options },
    new AbortController().signal,
    (fact) => {
      facts.push(fact)
      tell(fact)
    },
  )
  return { counted, facts }
}
