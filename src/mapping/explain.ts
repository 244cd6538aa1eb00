/** A mapping field by field, with what each gave and why: the answer of `try mapping`. */
import { encodeJson, isObject, type JsonObject, type JsonValue, valueAtPath } from '../json.ts'
import { compileMapping } from './mapping.ts'

export interface ExplainedField {
  /** Where the value lands, dotted; the empty text is the whole output. */
  readonly path: string
  /** The directive, or `literal` for a raw value. */
  readonly directive: string
  /** What it gave; undefined when it gave nothing and the field is left out. */
  readonly value: JsonValue | undefined
  /** The steps: which branch was taken, what each path of the event held. */
  readonly steps: readonly string[]
}

/** Every field of the mapping's raw objects down to its directives. */
export function explainMapping(mapping: JsonObject, event: JsonObject): ExplainedField[] {
  const fields: ExplainedField[] = []
  visit(mapping, [])
  return fields

  function visit(field: JsonValue, path: readonly string[]): void {
    const directive = directiveOf(field)
    if (directive === null && isObject(field) && Object.keys(field).length > 0) {
      for (const [key, member] of Object.entries(field)) visit(member, [...path, key])
      return
    }
    const steps = directive === null ? [] : stepsOf(field, event)
    fields.push({
      path: path.join('.'),
      directive: directive ?? 'literal',
      value: evaluate(field, event, steps),
      steps,
    })
  }
}

function directiveOf(value: JsonValue): string | null {
  return isObject(value) ? (Object.keys(value).find((key) => key.startsWith('@')) ?? null) : null
}

function evaluate(field: JsonValue, event: JsonObject, steps: string[]): JsonValue | undefined {
  try {
    return (compileMapping({ field }).transform(event) as JsonObject).field
  } catch (error) {
    steps.push(`fails: ${error instanceof Error ? error.message : String(error)}`)
    return undefined
  }
}

function stepsOf(field: JsonValue, event: JsonObject): string[] {
  const steps: string[] = []
  const condition = isObject(field) ? field['@if'] : undefined
  if (isObject(condition)) steps.push(...branchSteps(condition, event))
  for (const read of compileMapping({ field }).reads) {
    const value = valueAtPath(event, read === '' ? [] : read.split('.'))
    steps.push(`${read === '' ? 'the whole event' : read} ${shown(value)}`)
  }
  return steps
}

/** `@if` takes `then` when the value of `exists` is there, or that of `blank` is not blank. */
function branchSteps(condition: JsonObject, event: JsonObject): string[] {
  const key = condition.exists !== undefined ? 'exists' : 'blank'
  const tested = evaluate(condition[key] ?? null, event, [])
  const blank = tested === undefined || tested === null || (key === 'blank' && (tested as unknown) === '')
  const branch = blank ? 'else' : 'then'
  const taken = condition[branch] === undefined ? `${branch}, which is not there` : branch
  return [`@if ${key}: ${shown(tested)}, so it takes ${taken}`]
}

function shown(value: JsonValue | undefined): string {
  if (value === undefined) return 'is not in the event'
  const text = encodeJson(value)
  return `is ${text.length > 80 ? `${text.slice(0, 77)}…` : text}`
}
