import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { allowedDestinations, discardReason } from '../../../src/enrich/consent.ts'
import type { JsonObject, JsonValue } from '../../../src/json.ts'

const destinations = ['ads', 'analytics', 'archive']
const categories = { marketing: ['ads'], measurement: ['ads', 'analytics'] }
const allowed = (event: JsonObject) => allowedDestinations(event, { destinations, categories })
const consent = (categoryPreferences: JsonValue) => ({ context: { consent: { categoryPreferences } } })

describe('consent', () => {
  it('enforces nothing on an event without a consent object', () => {
    expect(allowed({})).toEqual(destinations)
    expect(allowed({ context: {} })).toEqual(destinations)
    expect(allowed({ context: { consent: {} } })).toEqual(destinations)
    expect(allowed({ context: { consent: null } })).toEqual(destinations)
  })

  it('lets empty preferences reach only destinations without a category', () => {
    expect(allowed(consent({}))).toEqual(['archive'])
  })

  it('asks for every category of a destination', () => {
    expect(allowed(consent({ marketing: true }))).toEqual(['archive'])
    expect(allowed(consent({ measurement: true }))).toEqual(['analytics', 'archive'])
    expect(allowed(consent({ marketing: true, measurement: true }))).toEqual(destinations)
    expect(allowed(consent({ marketing: false, measurement: true }))).toEqual(['analytics', 'archive'])
  })

  it('ignores a category that only the event knows', () => {
    expect(allowed(consent({ marketing: true, measurement: true, other: false }))).toEqual(destinations)
  })

  it('counts anything but true as refused, and category ids are case-sensitive', () => {
    expect(allowed(consent({ measurement: 'true' }))).toEqual(['archive'])
    expect(allowed(consent({ measurement: 1 }))).toEqual(['archive'])
    expect(allowed(consent({ Measurement: true }))).toEqual(['archive'])
  })

  it('refuses when the preferences cannot be read', () => {
    for (const preferences of [null, 'all', true, [], [true]])
      expect(allowed(consent(preferences))).toEqual(['archive'])
    expect(allowed({ context: { consent: { version: 2 } } })).toEqual(['archive'])
    expect(allowed({ context: { consent: 'yes' } })).toEqual(['archive'])
    expect(allowed({ context: { consent: [] } })).toEqual(['archive'])
  })
})

describe('integrations object', () => {
  it('refuses a destination it names with false, and allows what it does not name', () => {
    expect(allowed({ integrations: { ads: false } })).toEqual(['analytics', 'archive'])
    expect(allowed({ integrations: {} })).toEqual(destinations)
  })

  it('refuses all but the named ones when All is false', () => {
    expect(allowed({ integrations: { All: false } })).toEqual([])
    expect(allowed({ integrations: { All: false, ads: true } })).toEqual(['ads'])
    expect(allowed({ integrations: { All: false, ads: { option: 1 } } })).toEqual(['ads'])
    expect(allowed({ integrations: { All: true, ads: false } })).toEqual(['analytics', 'archive'])
  })

  it('does not override missing consent, nor does consent override it', () => {
    expect(allowed({ integrations: { ads: true }, ...consent({}) })).toEqual(['archive'])
    expect(allowed({ integrations: { ads: false }, ...consent({ marketing: true, measurement: true }) })).toEqual([
      'analytics',
      'archive',
    ])
  })

  it('is named as the reason before consent', () => {
    const event = { integrations: { ads: false }, ...consent({}) }
    expect(discardReason(event, { destination: 'ads', categories: ['marketing'] })).toBe(
      'FILTERED_BY_INTEGRATIONS_OBJECT',
    )
    expect(discardReason(consent({}), { destination: 'ads', categories: ['marketing'] })).toBe(
      'FILTERED_BY_END_USER_CONSENT',
    )
    expect(discardReason(consent({}), { destination: 'ads', categories: [] })).toBeNull()
  })

  it('finds no destination on the prototype', () => {
    expect(
      allowedDestinations({ integrations: { All: false } }, { destinations: ['toString'], categories: {} }),
    ).toEqual([])
    expect(
      allowedDestinations(consent({}), { destinations: ['a'], categories: { constructor: ['a'], toString: ['a'] } }),
    ).toEqual([])
  })
})

it('no shape of event makes it throw', () => {
  const json = fc.jsonValue() as fc.Arbitrary<JsonValue>
  fc.assert(
    fc.property(json, json, json, (context, integrations, whole) => {
      allowed({ context, integrations })
      allowed({ context: { consent: context }, integrations })
      allowed(whole as JsonObject)
    }),
  )
})
