/**
 * A mapping as closures. Everything that does not depend on the event is decided here, once: paths are cut, templates and
 * Liquid parsed, patterns built. The mapping is only read; the event is never changed.
 */
import { ExactNumber, isObject, type JsonObject, type JsonValue, parseJson, stringifyExact } from '../json.ts'
import {
  type DirectiveName,
  directiveOf,
  isDirective,
  isRecord,
  setMember,
  typeName,
  withRootDirective,
} from './directive.ts'
import { flatten } from './flatten.ts'
import { parseLiquid } from './liquid.ts'
import { keysOf, reader, stripRoot } from './path.ts'
import { parseTemplate } from './template.ts'

export type Evaluate = (scope: unknown) => unknown

/**
 * What becomes of members that come out undefined. A merge needs them: there they take away what an earlier object had.
 * Everywhere else they are left out at once. `deep`: kept at every level, because a flatten brings them up.
 */
type Undefined = 'drop' | 'keep' | 'deep'

/** A checked mapping's value. */
export function compileValue(value: JsonValue | undefined, undefineds: Undefined = 'drop'): Evaluate {
  if (Array.isArray(value)) return compileList(value)
  if (!isRecord(value)) return () => value
  if (!isDirective(value)) return compileObject(value, undefineds)
  const { name, argument } = directiveOf(value)
  return directives[name](argument, undefineds)
}

function compileList(list: readonly JsonValue[]): Evaluate {
  const items = list.map((item) => compileValue(item))
  return (scope) => items.map((item) => item(scope))
}

function compileObject(object: JsonObject, undefineds: Undefined): Evaluate {
  const keys = Object.keys(object)
  const inner = undefineds === 'deep' ? 'deep' : 'drop'
  const values = keys.map((key) => compileValue(object[key], inner))
  const drops = undefineds === 'drop'
  if (keys.includes('__proto__')) {
    return (scope) => {
      const result: Record<string, unknown> = {}
      keys.forEach((key, index) => {
        const value = values[index]!(scope)
        if (value !== undefined || !drops) setMember(result, key, value)
      })
      return result
    }
  }
  return (scope) => {
    const result: Record<string, unknown> = {}
    for (let index = 0; index < keys.length; index++) {
      const value = values[index]!(scope)
      if (value !== undefined || !drops) result[keys[index]!] = value
    }
    return result
  }
}

type Compile = (argument: JsonValue, undefineds: Undefined) => Evaluate

const directives: Readonly<Record<DirectiveName, Compile>> = {
  '@path': (argument) => {
    if (typeof argument === 'string') return reader(keysOf(stripRoot(argument)))
    const path = compileValue(argument)
    return (scope) => {
      const text = path(scope)
      if (typeof text !== 'string') throw new Error(`@path: expected string, got ${typeName(plain(text))}`)
      return reader(keysOf(stripRoot(text)))(scope)
    }
  },

  '@template': (argument) => {
    if (typeof argument === 'string') return parseTemplate(argument).render
    const template = compileValue(argument)
    return (scope) => {
      const text = template(scope)
      if (typeof text !== 'string') throw new Error(`@template: expected string, got ${typeName(plain(text))}`)
      return parseTemplate(text).render(scope)
    }
  },

  '@literal': (argument, undefineds) => compileValue(argument, undefineds),

  '@liquid': (argument) => parseLiquid(argument as string).render,

  '@if': (argument, undefineds) => {
    const { exists, blank, then: yes, else: no } = argument as JsonObject
    const thenValue = yes === undefined ? () => undefined : compileValue(yes, undefineds)
    const elseValue = no ? compileValue(no, undefineds) : () => undefined // a falsy else is no else
    if (exists !== undefined) {
      const value = compileValue(exists)
      return (scope) => {
        const found = value(scope)
        return found !== undefined && found !== null ? thenValue(scope) : elseValue(scope)
      }
    }
    const value = compileValue(blank)
    return (scope) => (isBlank(value(scope)) ? elseValue(scope) : thenValue(scope)) // reads inverted, and is
  },

  '@case': (argument, undefineds) => {
    const { operator, value } = argument as JsonObject
    if (!value) return () => undefined
    const text = compileValue(value, undefineds)
    const upper = operator === 'upper'
    return (scope) => {
      const found = text(scope)
      if (typeof found !== 'string') return found
      return upper ? found.toUpperCase() : found.toLowerCase()
    }
  },

  '@replace': (argument) => {
    const options = argument as JsonObject
    const { value } = options
    if (!value) return () => undefined
    const flags = (options.global === false ? '' : 'g') + (options.ignorecase === true ? 'i' : '')
    const first = new RegExp(escapeRegExp(options.pattern as string), flags)
    const replacement = typeof options.replacement === 'string' ? options.replacement : ''
    const text2 = options.replacement2 ?? '' // one that is no text switches the second pair off
    const again = typeof options.pattern2 === 'string' && options.pattern2 !== '' && typeof text2 === 'string'
    const second = again ? new RegExp(escapeRegExp(options.pattern2 as string), flags) : null
    const replacement2 = String(text2)
    const source = compileValue(value)
    return (scope) => {
      const found = source(scope)
      const isText = typeof found === 'string' || typeof found === 'number' || typeof found === 'boolean'
      if (!isText && !(found instanceof ExactNumber)) return ''
      const text = String(found).replace(first, replacement)
      return second === null ? text : text.replace(second, replacement2)
    }
  },

  '@arrayPath': (argument, undefineds) => {
    const [path, shape] = argument as JsonValue[]
    const shaped = isRecord(shape) && Object.keys(shape).length > 0
    const inner = shaped ? 'drop' : undefineds // shaped, the value goes into a list, where nobody looks for undefined members
    const list = typeof path === 'string' ? reader(keysOf(stripRoot(path))) : compileValue(path, inner)
    if (!shaped) return list
    const item = compileValue(shape)
    return (scope) => {
      const found = list(scope)
      if (Array.isArray(found)) return found.map(item)
      return isObject(found) ? [item(found)] : found
    }
  },

  '@flatten': (argument, undefineds) => {
    const { separator, value, omitArrays } = argument as JsonObject
    const source = compileValue(value, 'deep') // an undefined member still holds the place of its key
    const options = { separator: separator as string, omitArrays: Boolean(omitArrays) }
    const drops = undefineds === 'drop'
    return (scope) => {
      const flat = flatten(source(scope), options)
      return drops ? definedOf(flat) : flat
    }
  },

  '@json': (argument, undefineds) => {
    const { mode, value } = argument as JsonObject
    const source = compileValue(value, undefineds)
    return (scope) => {
      const found = source(scope)
      if (mode === 'encode') return stringifyExact(found)
      if (mode !== 'decode') return undefined // capitals pass the check and do nothing
      return typeof found === 'string' ? decode(found) : found
    }
  },

  '@merge': (argument, undefineds) => {
    const { direction, objects } = argument as { direction: string; objects: JsonValue[] }
    const members = objects.map((object) => compileValue(object, undefineds === 'deep' ? 'deep' : 'keep'))
    const drops = undefineds === 'drop'
    const left = direction === 'left'
    return (scope) => {
      const values = members.map((member) => member(scope))
      if (left) values.reverse() // the later ones first, so that the earlier ones win
      const first = values[0]
      const result: Record<string, unknown> = isObject(first) ? { ...first } : {} // copied at once, the others by member
      for (let at = isObject(first) ? 1 : 0; at < values.length; at++) spread(result, values[at])
      return drops ? definedOf(result) : result
    }
  },

  '@transform': (argument, undefineds) => {
    const { apply, mapping } = argument as JsonObject
    const first = compileValue(isRecord(apply) ? withRootDirective(apply) : apply)
    const second = compileValue(mapping, undefineds)
    return (scope) => {
      return second(first(requireObject(scope)))
    }
  },

  '@excludeWhenNull': (argument, undefineds) => {
    const source = compileValue(argument, undefineds)
    return (scope) => withoutNulls(source(scope), undefineds)
  },
}

const plain = (value: unknown): unknown => (value instanceof ExactNumber ? Number(value) : value)

const escapeRegExp = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')

/** Null, undefined, and whatever JavaScript calls equal to an empty text: 0, false, `[]`, `[[]]`, `[null]`. */
function isBlank(value: unknown): boolean {
  if (value === null || value === undefined || value === '' || value === false) return true
  if (typeof value === 'number' || value instanceof ExactNumber) return Number(value) === 0
  return Array.isArray(value) && (value.length === 0 || (value.length === 1 && printsEmpty(value[0])))
}

function printsEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === '') return true
  return Array.isArray(value) && (value.length === 0 || (value.length === 1 && printsEmpty(value[0])))
}

function withoutNulls(value: unknown, undefineds: Undefined): unknown {
  if (value === null) return undefined
  if (!isObject(value)) return value
  const result: Record<string, unknown> = {}
  const inner = undefineds === 'deep' ? 'deep' : 'drop'
  for (const key of Object.keys(value)) {
    const member = withoutNulls(value[key], inner)
    if (member !== undefined || undefineds !== 'drop') setMember(result, key, member)
  }
  return result
}

/** A text or a list is spread into its indexes, as JavaScript does it; other values have nothing to give. */
function spread(result: Record<string, unknown>, value: unknown): void {
  if (typeof value === 'string' || Array.isArray(value))
    for (let at = 0; at < value.length; at++) result[at] = value[at]
  else if (isObject(value)) for (const key of Object.keys(value)) setMember(result, key, value[key])
}

function definedOf(object: Record<string, unknown>): Record<string, unknown> {
  for (const key in object) if (object[key] === undefined) return copyDefined(object)
  return object
}

function copyDefined(object: Record<string, unknown>): Record<string, unknown> {
  const copy: Record<string, unknown> = {}
  for (const key of Object.keys(object)) if (object[key] !== undefined) setMember(copy, key, object[key])
  return copy
}

/** What a transform is given: an object; nothing at all counts as an empty one. */
export function requireObject(scope: unknown): unknown {
  if (scope === undefined) return {}
  if (!isObject(scope)) throw new TypeError(`data must be an object, got ${typeName(plain(scope))}`)
  return scope
}

/** JSON inside a text is nested no deeper than an event may be; what is deeper stays text, as what is no JSON does. */
const decodedDepthMax = 100

function decode(text: string): unknown {
  try {
    const value = parseJson(text)
    return isDeeper(value, decodedDepthMax) ? text : value
  } catch {
    return text
  }
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null || value instanceof ExactNumber) return false
  if (levels === 0) return true
  for (const key in value) if (isDeeper((value as JsonObject)[key], levels - 1)) return true
  return false
}
