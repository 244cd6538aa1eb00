import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { JsonObject, JsonValue } from '../../src/json.ts'
import { type CompiledMapping, compileMapping, entityColumns } from '../../src/mapping/mapping.ts'
import { event, validMapping } from '../support/mappings.ts'
import { parityRuns, paritySeed } from '../support/oracle.ts'

/** Of the event, only what the paths lead to. A list or a plain value on the way is kept whole. */
function only(value: unknown, paths: readonly (readonly string[])[]): unknown {
  if (paths.some((path) => path.length === 0) || typeof value !== 'object' || value === null || Array.isArray(value))
    return value
  const kept: Record<string, unknown> = {}
  for (const [key, member] of Object.entries(value)) {
    const inside = paths.filter((path) => path[0] === key).map((path) => path.slice(1))
    if (inside.length > 0) kept[key] = only(member, inside)
  }
  return kept
}

function outcome(mapping: CompiledMapping, one: unknown): string {
  try {
    return JSON.stringify(mapping.transform(one as JsonObject)) ?? 'undefined'
  } catch (error) {
    return (error as Error).message
  }
}

it('a mapping gives the same from what it says it reads as from the whole event', () => {
  const seed = paritySeed('mapping reads')
  let narrowed = 0
  fc.assert(
    fc.property(validMapping, event, (mapping, one) => {
      let compiled: CompiledMapping
      try {
        compiled = compileMapping(mapping as JsonValue)
      } catch {
        return
      }
      const paths = compiled.reads.map((path) => (path === '' ? [] : path.split('.')))
      const kept = only(one, paths)
      if (JSON.stringify(kept) !== JSON.stringify(one)) narrowed++
      expect(outcome(compiled, kept), JSON.stringify(compiled.reads)).toBe(outcome(compiled, one))
    }),
    { seed, numRuns: parityRuns() },
  )
  expect(narrowed).toBeGreaterThan(parityRuns() / 10)
})

it('a row cut down to the columns in use enriches as the whole row does', () => {
  const seed = paritySeed('mapping columns')
  let pruned = 0
  const onRow = { '@transform': { apply: { '@path': '$.__segment_entities.s.e' } } }
  fc.assert(
    fc.property(validMapping, event, (mapping, row) => {
      let compiled: CompiledMapping
      try {
        compiled = compileMapping({ ...(mapping as JsonObject), __segment_internal_directive: onRow })
      } catch {
        return
      }
      const columns = entityColumns(compiled.reads, 's', 'e')
      if (columns === 'all') return
      const kept = Object.fromEntries(Object.entries(row).filter(([column]) => columns.includes(column)))
      if (Object.keys(kept).length < Object.keys(row).length) pruned++
      const enriched = (columnsOfRow: unknown) => ({ __segment_entities: { s: { e: columnsOfRow } } })
      expect(outcome(compiled, enriched(kept)), columns.join()).toBe(outcome(compiled, enriched(row)))
    }),
    { seed, numRuns: parityRuns() },
  )
  expect(pruned).toBeGreaterThan(parityRuns() / 20)
})
