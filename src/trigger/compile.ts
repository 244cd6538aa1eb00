/** From conditions to closures: what can be decided from the trigger alone is decided once, here. */
import { ExactNumber, isObject, type JsonObject } from '../json.ts'
import type { TriggerCondition, TriggerGroup } from './node.ts'
import { type Reader, readPath } from './read.ts'

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

/** Where each kind of condition looks. */
function readerOf(condition: TriggerCondition): Reader {
  const name = condition.name ?? ''
  if (condition.type === 'event-property') return readPath('properties', keysOf(name))
  if (condition.type === 'event-trait') return readPath('traits', keysOf(name))
  if (condition.type === 'event-context') return readPath('context', keysOf(name))
  const field = condition.type === 'event-type' ? 'type' : condition.type
  return (event) => (isObject(event) ? event[field] : undefined)
}

/** The keys of a dotted name; brackets cut too, as in the package. An empty list cannot be evaluated. */
export function keysOf(name: string): readonly string[] {
  return name.match(/[^.[\]]+/g) ?? []
}

function compileCondition(condition: TriggerCondition): Predicate {
  const read = readerOf(condition)
  const text = String(condition.value)
  const number = Number(condition.value)
  switch (condition.operator) {
    case '=':
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
      return onText(read, (value) => value.includes(text))
    case 'not_contains':
      return onText(read, (value) => !value.includes(text))
    case 'starts_with':
      return onText(read, (value) => value.startsWith(text))
    case 'not_starts_with':
      return onText(read, (value) => !value.startsWith(text))
    case 'ends_with':
      return onText(read, (value) => value.endsWith(text))
    case 'not_ends_with':
      return onText(read, (value) => !value.endsWith(text))
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

function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  return value instanceof ExactNumber ? Number(value) : undefined
}
