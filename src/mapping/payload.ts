/**
 * What happens to a payload after its mapping: empty values are removed and the action's JSON schema is applied, as Segment's
 * action runner does it before an action sees the payload.
 */
import type { ErrorObject, ValidateFunction } from 'ajv'
import { LinkedEventsError } from '../errors.ts'
import { ExactNumber, isObject, type JsonObject, type JsonValue } from '../json.ts'
import { load } from '../load.ts'

/** The payload as the action takes it, or what is wrong with it, a sentence for each problem. */
export type CheckedPayload = { readonly payload: JsonObject } | { readonly problems: readonly string[] }

/**
 * Compiles an action's JSON schema. Of each payload: null is removed unless the field's type allows it; empty text is removed
 * at the root, and in fields that are not text; fields that the schema does not name are removed unless it says
 * `additionalProperties`; a value is coerced to the field's type where that loses nothing (`"5"` to 5, one value to a list).
 * The payload given is not changed.
 * @throws LinkedEventsError MAPPING_INVALID when the schema itself is wrong
 */
export function compilePayloadSchema(schema: JsonObject): (payload: JsonValue) => CheckedPayload {
  const closed = schema.additionalProperties === undefined ? { ...schema, additionalProperties: false } : schema
  const validate = compile(closed)
  return (payload) => {
    if (!isObject(payload)) return { problems: ['the payload is not an object'] }
    const exact = new Map<string, ExactNumber>()
    const copy = copyOf(payload, '', exact) as JsonObject
    removeEmpty(copy, closed, true)
    if (!validate(copy)) return { problems: (validate.errors ?? []).map(sentence) }
    for (const [pointer, number] of exact) putBack(copy, pointer, number)
    return { payload: copy }
  }
}

function compile(schema: JsonObject): ValidateFunction {
  const { Ajv } = load('ajv') as typeof import('ajv')
  const ajv = new Ajv({
    allErrors: true,
    coerceTypes: 'array',
    removeAdditional: true,
    strict: false,
    allowUnionTypes: true,
    logger: false,
  })
  ajv.addFormat('text', true)
  ajv.addFormat('date-like', { type: 'string', validate: isDateLike })
  ajv.addFormat('date-time', isDateLike)
  ajv.addFormat('date', isDateLike)
  ajv.addFormat('email', /^[^\s@]+@[^\s@]+$/)
  ajv.addFormat('uri', (text: string) => URL.canParse(text))
  try {
    return ajv.compile(schema)
  } catch (error) {
    throw new LinkedEventsError('MAPPING_INVALID', `the schema of the action is invalid: ${(error as Error).message}`, {
      hint: 'correct the JSON schema',
      cause: error,
    })
  }
}

/** Anything that a date parser takes, also UNIX seconds and 13-digit milliseconds. */
function isDateLike(text: string): boolean {
  return /^\d{10}(\d{3})?$/.test(text) || !Number.isNaN(Date.parse(text))
}

/** Only fields whose type is known are touched. */
function removeEmpty(value: JsonObject, schema: JsonObject, root: boolean): void {
  const properties = isObject(schema.properties) ? schema.properties : {}
  for (const [key, field] of Object.entries(properties)) {
    if (!isObject(field) || !Object.hasOwn(value, key)) continue
    const types = Array.isArray(field.type) ? field.type : [field.type]
    if (types[0] === undefined) continue
    const member = value[key] as JsonValue
    const emptyText = member === '' && (root || !types.includes('string'))
    if ((member === null && !types.includes('null')) || emptyText) delete value[key]
    else if (isObject(member)) removeEmpty(member, field, false)
  }
}

function sentence({ instancePath, message, params, keyword }: ErrorObject): string {
  const where = instancePath === '' ? 'the payload' : instancePath.slice(1).replaceAll('/', '.')
  if (keyword === 'required')
    return `${where === 'the payload' ? '' : `${where}.`}${String(params.missingProperty)} is missing`
  return `${where} ${message ?? keyword}`
}

/** A deep copy in which exact numbers are doubles; `exact` says where they were. */
function copyOf(value: JsonValue, pointer: string, exact: Map<string, ExactNumber>): JsonValue {
  if (value instanceof ExactNumber) {
    exact.set(pointer, value)
    return Number(value)
  }
  if (Array.isArray(value)) return value.map((item, index) => copyOf(item, `${pointer}/${index}`, exact))
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, copyOf(member, `${pointer}/${key}`, exact)]),
  )
}

/** Where the double still stands, its digits come back. */
function putBack(root: JsonObject, pointer: string, number: ExactNumber): void {
  const parts = pointer.split('/').slice(1)
  const last = parts.pop() as string
  let holder: JsonValue | undefined = root
  for (const part of parts)
    holder = typeof holder === 'object' && holder !== null ? (holder as JsonObject)[part] : undefined
  if (typeof holder !== 'object' || holder === null) return
  const place = holder as JsonObject
  if (place[last] === Number(number)) place[last] = number as unknown as JsonValue
}
