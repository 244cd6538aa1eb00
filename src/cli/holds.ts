/** Tries held events again: once at the start, and after each new version of an entity that some mapping waits for. */
import type { Project } from '../config/project.ts'
import { retryHolds } from '../enrich/holds.ts'
import type { Plan } from '../enrich/plan.ts'
import type { Snapshots } from '../enrich/snapshots.ts'
import { LinkedEventsError } from '../errors.ts'
import type { Fact, Tell } from '../telemetry.ts'
import { holdSourceOf, installIdOf, sinkOf, transactionsOf } from './edges.ts'

export interface HoldRetries {
  /** Hears of new versions. */
  readonly hear: Tell
  /** Resolves when the retry that is wanted now is done. */
  idle(): Promise<void>
}

export interface HoldRetriesOptions {
  readonly project: Project
  readonly snapshots: Snapshots
  readonly tell: Tell
  readonly signal: AbortSignal
}

export function holdRetries({ project, snapshots, tell, signal }: HoldRetriesOptions): HoldRetries {
  const waitedFor = entitiesWaitedFor(project.plan)
  let isReady = false
  /** One retry at a time; versions that come during it make one more. */
  let waiting = false
  let running: Promise<void> = Promise.resolve()

  async function retryOnce(): Promise<void> {
    waiting = false
    if (signal.aborted) return
    await retry(project, snapshots, tell, signal).catch((error: unknown) => {
      const code = error instanceof LinkedEventsError ? error.code : 'INTERNAL'
      tell({ name: 'holds-failed', code, message: error instanceof Error ? error.message : String(error) })
    })
  }

  return {
    hear(fact: Fact) {
      if (waitedFor.size === 0) return
      if (fact.name === 'ready') isReady = true
      else if (!isReady || fact.name !== 'snapshot-serving' || !waitedFor.has(fact.entity)) return
      if (waiting) return
      waiting = true
      running = running.then(retryOnce)
    },
    idle: () => running,
  }
}

async function retry(project: Project, snapshots: Snapshots, tell: Tell, signal: AbortSignal): Promise<void> {
  const group = `${project.config.source.kafka!.group}.holds`
  const owner = installIdOf(project.config.state_dir)
  const transactions = await transactionsOf(project, { group, owner, tell: quiet(tell) })
  const sink = await sinkOf(project, { tell, transactions })
  try {
    const source = await holdSourceOf(project, { group, tell: quiet(tell), transactions })
    try {
      await retryHolds({ plan: project.plan, source, sink, snapshots, tell }, signal)
    } finally {
      await source.close()
    }
  } finally {
    await sink.close()
  }
}

const passedOn = new Set<Fact['name']>(['transaction-ended', 'transaction-hung', 'waiting', 'offset-jumped'])

/** What a consumer tells of its partitions is of the input topics, in metrics and health. */
function quiet(tell: Tell): Tell {
  return (fact) => {
    if (passedOn.has(fact.name)) tell(fact)
  }
}

function entitiesWaitedFor({ destinations }: Plan): ReadonlySet<string> {
  const bindings = destinations.flatMap(({ mappings }) => mappings.flatMap((mapping) => mapping.bindings))
  return new Set(bindings.filter(({ onMissing }) => onMissing === 'hold').map(({ entity }) => entity))
}
