/** The vocabulary of a trigger: what it can ask about, and how. */
import type { TriggerCondition } from './node.ts'

/** The fields that a trigger can ask about, and their name in the syntax tree. */
export const fields: Readonly<Record<string, TriggerCondition['type']>> = {
  type: 'event-type',
  event: 'event',
  name: 'name',
  userId: 'userId',
  properties: 'event-property',
  traits: 'event-trait',
  context: 'event-context',
}
export const fieldNames = Object.keys(fields)
export const hasPath = (type: TriggerCondition['type']): boolean =>
  type === 'event-property' || type === 'event-trait' || type === 'event-context'

export const operators = ['=', '!=', '<', '<=', '>', '>=']

/** The fields that a path can follow. */
export const pathFields = fieldNames.filter((name) => hasPath(fields[name]!))

/** The event property that a kind of condition looks at, or into. */
export const roots: Readonly<Record<TriggerCondition['type'], string>> = {
  'event-type': 'type',
  event: 'event',
  name: 'name',
  userId: 'userId',
  'event-property': 'properties',
  'event-trait': 'traits',
  'event-context': 'context',
}
