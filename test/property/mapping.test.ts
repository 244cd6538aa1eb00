import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LinkedEventsError } from '../../src/errors.ts'
import type { JsonObject, JsonValue } from '../../src/json.ts'
import type { MappingProblem } from '../../src/mapping/check.ts'
import { type CompiledMapping, compileMapping } from '../../src/mapping/mapping.ts'
import { anyMapping, event, validMapping } from '../support/mappings.ts'
import { mappingOracle, parityRuns, paritySeed } from '../support/oracle.ts'

const { transform } = mappingOracle()

/** The package changes the mapping it is given: it gets its own copy. */
const copy = <T>(value: T): T => structuredClone(value)

/** With the order of keys, and with holes told from nulls. */
const show = (value: unknown): string =>
  JSON.stringify(value, (_, inner) => (inner === undefined ? '<undefined>' : inner)) ?? '<undefined>'

function compiled(mapping: unknown): CompiledMapping | readonly MappingProblem[] {
  try {
    return compileMapping(mapping as JsonValue)
  } catch (error) {
    if (error instanceof LinkedEventsError) return error.problems as readonly MappingProblem[]
    throw error
  }
}

function theirs(
  mapping: unknown,
  one: unknown,
): { readonly result: string } | { readonly messages: readonly string[] } {
  try {
    return { result: show(transform(copy(mapping), copy(one))) }
  } catch (error) {
    const all =
      typeof error === 'object' && error !== null && Symbol.iterator in error
        ? [...(error as Iterable<Error>)]
        : [error as Error]
    return { messages: all.map(({ message }) => message) }
  }
}

describe('results equal to the published package', () => {
  for (const [name, arbitrary] of [
    ['valid mappings', validMapping],
    ['mappings with mistakes', anyMapping],
  ] as const) {
    it(`on generated ${name} and events`, () => {
      const seed = paritySeed(`mapping parity, ${name}`)
      const seen = { equal: 0, refusedByBoth: 0, failedByBoth: 0, refusedEarlier: 0 }
      fc.assert(
        fc.property(arbitrary, event, (mapping, one) => {
          const ours = compiled(mapping)
          const expected = theirs(mapping, one)
          if (!('transform' in ours)) {
            if ('messages' in expected) {
              const early = ours.some(({ code }) => code === 'mapping_invalid')
              const invalid = early ? expected.messages.filter((message) => message.startsWith('/')) : []
              expect(ours.map(({ message }) => message)).toEqual(expect.arrayContaining(invalid))
              seen.refusedByBoth++
            } else {
              // Ours refuses at once what theirs refuses when an event comes that far.
              expect(
                ours.map(({ code }) => code),
                show(ours),
              ).toEqual(ours.map(() => 'mapping_fails'))
              seen.refusedEarlier++
            }
            return
          }
          const frozen = show(one)
          let result: string
          try {
            result = show(ours.transform(one as JsonObject))
          } catch (error) {
            expect('messages' in expected ? expected.messages : expected.result).toEqual([(error as Error).message])
            seen.failedByBoth++
            return
          }
          expect(result).toBe('result' in expected ? expected.result : expected.messages.join())
          expect(show(one)).toBe(frozen)
          seen.equal++
        }),
        { seed, numRuns: parityRuns() },
      )
      console.info('mapping parity:', JSON.stringify(seen))
      expect(seen.equal).toBeGreaterThan(parityRuns() / 3)
    })
  }
})
