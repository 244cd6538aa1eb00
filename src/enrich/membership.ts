/**
 * Whether an event says that its user is in an audience: from the boolean that Engage puts on it, or, for rows that come by
 * reverse ETL, from what happened to the row. Any event is taken; nothing throws.
 */
import { isObject, type JsonObject, type JsonValue } from '../json.ts'

/** Which row events each sync mode turns into "in" or "out". */
const rowEvents: Readonly<Record<string, Readonly<Record<string, boolean>>>> = {
  add: { new: true },
  update: { updated: true },
  upsert: { new: true, updated: true },
  delete: { deleted: false },
  mirror: { new: true, updated: true, deleted: false },
}

/** true: in the audience; false: out of it; null: the event says nothing about a membership. */
export function audienceMembership(event: JsonObject, syncMode?: string): boolean | null {
  const computed = fromEngage(event)
  if (computed !== null || syncMode === undefined) return computed
  const name = member(event, 'event')
  if (member(event, 'type') !== 'track' || typeof name !== 'string' || !Object.hasOwn(rowEvents, syncMode)) return null
  const meaning = rowEvents[syncMode]
  return meaning !== undefined && Object.hasOwn(meaning, name) ? (meaning[name] ?? null) : null
}

/** Engage names the computation in the context and puts its boolean among the traits or the properties. */
function fromEngage(event: JsonObject): boolean | null {
  const personas = member(member(event, 'context'), 'personas')
  const kind = member(personas, 'computation_class')
  if (kind !== 'audience' && kind !== 'journey_step') return null
  const key = member(personas, 'computation_key')
  if ((typeof key !== 'string' && typeof key !== 'number') || key === '') return null
  const type = member(event, 'type')
  const values =
    type === 'identify' ? member(event, 'traits') : type === 'track' ? member(event, 'properties') : undefined
  const value = member(values, String(key))
  return typeof value === 'boolean' ? value : null
}

function member(value: JsonValue | undefined, key: string): JsonValue | undefined {
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined
}
