import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { audienceMembership } from '../../../src/enrich/membership.ts'
import type { JsonObject } from '../../../src/json.ts'

const require = createRequire(import.meta.url)
const core = dirname(require.resolve('@segment/actions-core'))
const { resolveAudienceMembership } = require(join(core, 'audience-membership.js')) as {
  resolveAudienceMembership(event: unknown, syncMode?: string): boolean | undefined
}

const personas = (computation_class: string, computation_key = 'vip') => ({
  context: { personas: { computation_class, computation_key } },
})

describe('an Engage event', () => {
  it('says it by a boolean among the traits of an identify and the properties of a track', () => {
    expect(audienceMembership({ type: 'identify', ...personas('audience'), traits: { vip: true } })).toBe(true)
    expect(audienceMembership({ type: 'identify', ...personas('audience'), traits: { vip: false } })).toBe(false)
    expect(audienceMembership({ type: 'track', ...personas('journey_step'), properties: { vip: false } })).toBe(false)
  })

  it('says nothing by another value, another call or a computed trait', () => {
    expect(audienceMembership({ type: 'identify', ...personas('audience'), traits: { vip: 'true' } })).toBeNull()
    expect(audienceMembership({ type: 'group', ...personas('audience'), traits: { vip: true } })).toBeNull()
    expect(audienceMembership({ type: 'identify', ...personas('trait'), traits: { vip: true } })).toBeNull()
    expect(audienceMembership({ type: 'track', ...personas('audience', ''), properties: { '': true } })).toBeNull()
  })
})

describe('a row event', () => {
  it.each([
    ['add', true, null, null],
    ['update', null, true, null],
    ['upsert', true, true, null],
    ['delete', null, null, false],
    ['mirror', true, true, false],
    ['other', null, null, null],
  ])('with sync mode %s: new %s, updated %s, deleted %s', (mode, ...expected) => {
    const events = ['new', 'updated', 'deleted']
    expect(events.map((event) => audienceMembership({ type: 'track', event }, mode))).toEqual(expected)
  })

  it('says nothing without a sync mode, or when it is no track', () => {
    expect(audienceMembership({ type: 'track', event: 'new' })).toBeNull()
    expect(audienceMembership({ type: 'identify', event: 'new' }, 'mirror')).toBeNull()
    expect(audienceMembership({ type: 'track', event: 'toString' }, 'mirror')).toBeNull()
    expect(audienceMembership({ type: 'track', event: 'new' }, 'constructor')).toBeNull()
  })
})

it('is what the published package answers, wherever that does not throw', () => {
  const pick = (...values: readonly unknown[]) => fc.constantFrom(...values)
  const bag = fc.oneof(
    fc.dictionary(fc.constantFrom('vip', 'k'), pick(true, false, null, 1, 'x')),
    pick(null, 5, 'x', undefined),
  )
  const context = fc.oneof(
    fc.record({
      personas: fc.oneof(
        fc.record(
          {
            computation_class: pick('audience', 'journey_step', 'trait', 5),
            computation_key: pick('vip', 'k', '', null),
          },
          { requiredKeys: [] },
        ),
        pick(null, 5),
      ),
    }),
    pick(null, 5, 'x', {}),
  )
  const event = fc.record(
    {
      type: pick('track', 'identify', 'group', null),
      event: pick('new', 'updated', 'deleted', 'x', 5),
      context,
      traits: bag,
      properties: bag,
    },
    { requiredKeys: [] },
  )
  const mode = fc.constantFrom('add', 'update', 'upsert', 'delete', 'mirror', 'x', undefined)
  fc.assert(
    fc.property(event, mode, (one, syncMode) => {
      const ours = audienceMembership(one as JsonObject, syncMode)
      let theirs: boolean | undefined
      try {
        theirs = resolveAudienceMembership(one, syncMode)
      } catch {
        return // it throws where the context holds no object
      }
      expect(ours).toBe(theirs ?? null)
    }),
    { numRuns: 3000 },
  )
})
