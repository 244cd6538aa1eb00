/** What became of an event, in words that metrics, headers, commands and documentation share. */

export const outcomes = ['full', 'partial', 'none', 'bypassed', 'filtered', 'dropped', 'held', 'dead_letter'] as const
export type Outcome = (typeof outcomes)[number]

/** Why a destination got nothing, in Segment's words; the first that applies. */
export const filterReasons = [
  'FILTERED_BY_INTEGRATIONS_OBJECT',
  'FILTERED_BY_END_USER_CONSENT',
  'NO_MATCHING_MAPPING',
  'FILTERED_AT_MAPPING',
] as const
export type FilterReason = (typeof filterReasons)[number]

export const entityStatuses = ['hit', 'no_match', 'key_missing', 'key_wrong_type', 'entity_not_ready'] as const
export type EntityStatus = (typeof entityStatuses)[number]

/** Why a message went to the dead letters, and what that means. */
export const deadLetterReasons = {
  empty_value: 'the message has no value (a tombstone, or zero bytes)',
  too_large: 'the value has more bytes than the limit',
  invalid_utf8: 'the value is not UTF-8 text',
  invalid_json: 'the value is not JSON',
  not_an_object: 'the value is JSON, but not an object',
  too_deep: 'the value is nested deeper than the limit',
  too_many_keys: 'the value has more keys than the limit',
  mapping_failed: 'a mapping cannot be applied to this event',
  payload_invalid: "a mapping's result does not fit the JSON schema of its action",
  output_too_large: 'an output record would be larger than its topic takes',
  entity_missing: 'an entity has no row, and its mapping (or `holds.then`) says dead_letter',
  hold_unreadable: 'a record of the hold topic is not ours, or its mapping is no longer configured',
} as const
export type DeadLetterReason = keyof typeof deadLetterReasons

/** What became of events that waited for a row, each time they were tried. */
export const holdResults = ['delivered', 'held', 'dropped', 'dead_letter'] as const
export type HoldResults = Record<(typeof holdResults)[number], number>

export function noHoldResults(): HoldResults {
  return { delivered: 0, held: 0, dropped: 0, dead_letter: 0 }
}

export type OutcomeCounts = Record<Outcome, number>

export function noOutcomes(): OutcomeCounts {
  return { full: 0, partial: 0, none: 0, bypassed: 0, filtered: 0, dropped: 0, held: 0, dead_letter: 0 }
}
