import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { KafkaCluster } from '../../../src/kafka/cluster.ts'
import { Coordinator } from '../../../src/kafka/coordinator.ts'
import { protocolError } from '../../../src/kafka/kafka-error.ts'
import type { Fact } from '../../../src/telemetry.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const stillEnding = 51

function coordinator() {
  const facts: Fact[] = []
  const cluster = { findGroupCoordinator: async () => ({}) } as unknown as KafkaCluster
  const tell = (fact: Fact) => void facts.push(fact)
  return { facts, coordinator: new Coordinator({ cluster, of: 'transaction', id: 'g.p', tell }) }
}

/** Refuses with this code until so many seconds have passed. */
function refusing(code: number, seconds: number) {
  const end = performance.now() + seconds * 1000
  return async () => {
    if (performance.now() < end) throw protocolError(code)
    return 'answer'
  }
}

test('a coordinator that does not answer for long is told of: what is waited for, why, and that it is over', async () => {
  const { facts, coordinator: asked } = coordinator()
  const answer = asked.ask(refusing(stillEnding, 70))
  await vi.advanceTimersByTimeAsync(80_000)
  expect(await answer).toBe('answer')
  const of = { name: 'waiting', for: 'transaction coordinator', what: 'g.p' }
  expect(facts.map((fact) => ({ ...fact, seconds: Math.round((fact as { seconds: number }).seconds) }))).toEqual([
    { ...of, seconds: 5, why: expect.stringContaining('concurrent') },
    { ...of, seconds: 35, why: expect.stringContaining('concurrent') },
    { ...of, seconds: 65, why: expect.stringContaining('concurrent') },
    { ...of, seconds: 70, why: null },
  ])
})

test('one that answers within seconds is not', async () => {
  const { facts, coordinator: asked } = coordinator()
  const answer = asked.ask(refusing(15, 4))
  await vi.advanceTimersByTimeAsync(8000)
  expect(await answer).toBe('answer')
  expect(facts).toEqual([])
})

test('closing ends the asking', async () => {
  const { coordinator: asked } = coordinator()
  const answer = asked.ask(refusing(15, 1000))
  answer.catch(() => {})
  await vi.advanceTimersByTimeAsync(1000)
  asked.close()
  await vi.advanceTimersByTimeAsync(1000)
  await expect(answer).rejects.toMatchObject({ code: 'CANCELLED' })
})
