/** Facts to two answers: is the process alive, and is it ready to take partitions. */
import type { Fact } from '../telemetry.ts'

export interface Answer {
  readonly ok: boolean
  readonly reasons: readonly string[]
}

export interface Health {
  tell(fact: Fact): void
  /** Alive: the process answers, and has not failed for good. Never depends on broker or warehouse: a restart cures neither. */
  live(): Answer
  /** Ready: every entity that a mapping needs has a verified version, and the process is not stopping. */
  ready(): Answer
}

export function health(entities: readonly string[]): Health {
  const served = new Set<string>()
  let stopping = false
  let failed: string | null = null
  return {
    tell(fact) {
      if (fact.name === 'snapshot-serving') served.add(fact.entity)
      if (fact.name === 'stopping') stopping = true
      if (fact.name === 'failed') failed = fact.code
    },
    live: () => ({ ok: failed === null, reasons: failed === null ? [] : [`failed: ${failed}`] }),
    ready() {
      const reasons = entities
        .filter((entity) => !served.has(entity))
        .map((entity) => `${entity} has no verified version yet`)
      if (stopping) reasons.push('stopping')
      return { ok: reasons.length === 0, reasons }
    },
  }
}
