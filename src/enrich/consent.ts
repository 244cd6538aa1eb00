/**
 * Which destinations an event may reach: its integrations object and its consent preferences, both from the event alone.
 * Consent fails closed: preferences that cannot be read as such count as refused. Nothing here throws, whatever the event holds.
 */
import { isObject, type JsonObject, type JsonValue } from '../json.ts'
import type { FilterReason } from './outcome.ts'

/** The destinations that the event may reach, in the order given. `categories`: consent category → the destinations in it. */
export function allowedDestinations(
  event: JsonObject,
  options: {
    readonly destinations: readonly string[]
    readonly categories: Readonly<Record<string, readonly string[]>>
  },
): string[] {
  const needed = categoriesByDestination(options.categories)
  return options.destinations.filter(
    (destination) => discardReason(event, { destination, categories: needed.get(destination) ?? [] }) === null,
  )
}

/** Why a destination may not have the event, the first that applies, or null. `categories`: those the destination needs, all of them. */
export function discardReason(
  event: JsonObject,
  options: { readonly destination: string; readonly categories: readonly string[] },
): FilterReason | null {
  if (!integrationAllows(member(event, 'integrations'), options.destination)) return 'FILTERED_BY_INTEGRATIONS_OBJECT'
  if (options.categories.length > 0 && !consentAllows(event, options.categories)) return 'FILTERED_BY_END_USER_CONSENT'
  return null
}

/** The destination's own entry decides; where it has none, `All` does; where there is neither, it is allowed. */
function integrationAllows(integrations: JsonValue | undefined, destination: string): boolean {
  const own = member(integrations, destination)
  if (own !== undefined && own !== null) return own !== false
  return member(integrations, 'All') !== false
}

function consentAllows(event: JsonObject, categories: readonly string[]): boolean {
  const consent = member(member(event, 'context'), 'consent')
  if (consent === undefined || consent === null) return true // no consent object: no enforcement
  if (isObject(consent) && isEmpty(consent)) return true
  const preferences = member(consent, 'categoryPreferences')
  return categories.every((category) => member(preferences, category) === true)
}

function categoriesByDestination(categories: Readonly<Record<string, readonly string[]>>): Map<string, string[]> {
  const needed = new Map<string, string[]>()
  for (const [category, destinations] of Object.entries(categories)) {
    for (const destination of destinations) {
      const list = needed.get(destination)
      if (list === undefined) needed.set(destination, [category])
      else list.push(category)
    }
  }
  return needed
}

/** An own member: a destination named `constructor` must not find the prototype's. */
function member(value: JsonValue | undefined, key: string): JsonValue | undefined {
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined
}

function isEmpty(object: JsonObject): boolean {
  for (const _ in object) return false
  return true
}
