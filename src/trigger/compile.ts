/** From conditions to closures: what can be decided from the trigger alone is decided once, here. */
import { ExactNumber, type JsonObject } from '../json.ts'
import type { TriggerCondition, TriggerGroup } from './node.ts'
import { below, interned, type Reader } from './read.ts'

export type Predicate = (event: JsonObject) => boolean

export function compileGroup(group: TriggerGroup): Predicate {
  const children = group.children.map((child) =>
    child.type === 'group' ? compileGroup(child) : compileCondition(child),
  )
  return group.operator === 'and' ? every(children) : some(children)
}

function every(children: readonly Predicate[]): Predicate {
  const [a, b, c] = children
  if (a !== undefined && b === undefined) return a
  if (a !== undefined && b !== undefined && c === undefined) return (event) => a(event) && b(event)
  return (event) => {
    for (const child of children) if (!child(event)) return false
    return true
  }
}

function some(children: readonly Predicate[]): Predicate {
  const [a, b, c] = children
  if (a !== undefined && b === undefined) return a
  if (a !== undefined && b !== undefined && c === undefined) return (event) => a(event) || b(event)
  return (event) => {
    for (const child of children) if (child(event)) return true
    return false
  }
}

/** An event as it may come to us, were it none. */
type AnyEvent = Partial<JsonObject> | null | undefined

/** Where each kind of condition looks. Written out, because an access by a fixed name is several times faster. */
function readerOf(condition: TriggerCondition): Reader {
  const keys = keysOf(condition.name ?? '')
  switch (condition.type) {
    case 'event-type':
      return (event: AnyEvent) => event?.type
    case 'event':
      return (event: AnyEvent) => event?.event
    case 'name':
      return (event: AnyEvent) => event?.name
    case 'userId':
      return (event: AnyEvent) => event?.userId
    case 'event-property':
      return below((event: AnyEvent) => event?.properties, keys)
    case 'event-trait':
      return below((event: AnyEvent) => event?.traits, keys)
    case 'event-context':
      return below((event: AnyEvent) => event?.context, keys)
  }
}

/** The keys of a dotted name; brackets cut too, as in the package. An empty list cannot be evaluated. */
export function keysOf(name: string): readonly string[] {
  return name.match(/[^.[\]]+/g) ?? []
}

function compileCondition(condition: TriggerCondition): Predicate {
  const read = readerOf(condition)
  const text = interned(String(condition.value))
  const number = Number(condition.value)
  switch (condition.operator) {
    case '=':
      if (condition.type === 'event-type') return (event: AnyEvent) => event?.type === text
      if (condition.type === 'event') return (event: AnyEvent) => event?.event === text
      return (event) => read(event) === text
    case '!=':
      return (event) => read(event) !== text
    case 'number_equals':
      return (event) => numberOf(read(event)) === number
    case 'number_not_equals':
      return (event) => {
        const value = numberOf(read(event))
        return value !== undefined && value !== number
      }
    case '<':
      return (event) => {
        const value = numberOf(read(event))
        return value !== undefined && value < number
      }
    case '<=':
      return (event) => {
        const value = numberOf(read(event))
        return value !== undefined && value <= number
      }
    case '>':
      return (event) => {
        const value = numberOf(read(event))
        return value !== undefined && value > number
      }
    case '>=':
      return (event) => {
        const value = numberOf(read(event))
        return value !== undefined && value >= number
      }
    case 'contains':
      return onText(read, (value) => value.indexOf(text) >= 0)
    case 'not_contains':
      return onText(read, (value) => value.indexOf(text) < 0)
    case 'starts_with':
      return onText(read, (value) => standsAt(text, value, 0))
    case 'not_starts_with':
      return onText(read, (value) => !standsAt(text, value, 0))
    case 'ends_with':
      return onText(read, (value) => standsAt(text, value, value.length - text.length))
    case 'not_ends_with':
      return onText(read, (value) => !standsAt(text, value, value.length - text.length))
    case 'exists':
      return (event) => (read(event) ?? null) !== null
    case 'not_exists':
      return (event) => (read(event) ?? null) === null
    case 'is_true':
      return (event) => read(event) === true
    case 'is_false':
      return (event) => read(event) === false
    default:
      return () => false // an operator that nobody knows never matches
  }
}

/** The functions look at text only; their negations too. */
function onText(read: Reader, test: (value: string) => boolean): Predicate {
  return (event) => {
    const value = read(event)
    return typeof value === 'string' && test(value)
  }
}

/** `startsWith` and `endsWith` for the short texts of triggers: a loop is several times faster than the call. */
function standsAt(text: string, value: string, at: number): boolean {
  if (at < 0 || at + text.length > value.length) return false
  for (let index = 0; index < text.length; index++) {
    if (value.charCodeAt(at + index) !== text.charCodeAt(index)) return false
  }
  return true
}

export function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  return value instanceof ExactNumber ? Number(value) : undefined
}
