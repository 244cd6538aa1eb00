/**
 * What is wrong with a mapping, all of it at once, in the words of Segment's own validation. Each problem carries the path of
 * the place in the mapping, so that a caller can point into the YAML or JSON file it came from.
 */
import { nearest, type Problem } from '../errors.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import {
  type DirectiveName,
  directiveNames,
  isDirective,
  isRecord,
  type MappingPath,
  rootKey,
  typeName,
  withRootDirective,
} from './directive.ts'
import { failures } from './failures.ts'

/** Segment refuses `mapping_invalid` before it looks at an event, and fails on `mapping_fails` only when an event comes that far. */
export interface MappingProblem extends Problem {
  readonly code: 'mapping_invalid' | 'mapping_fails'
  readonly path: MappingPath
}

const depthMax = 200

export function checkMapping(mapping: JsonValue): MappingProblem[] {
  const check = new Check()
  if (!isRecord(mapping)) {
    check.invalid(here([]), `should be an object but it is ${withArticle(typeName(mapping))}`)
  } else if (checkRoot(mapping, check)) {
    const rewritten = withRootDirective(mapping)
    check.value(rewritten, here([]))
    check.runs(rewritten, here([]))
    if (rewritten !== mapping) return check.problems.map((problem) => ({ ...problem, path: unroot(problem.path) }))
  }
  return check.problems
}

/** Whether the root directive, if there is one, can be read as one. */
function checkRoot(mapping: JsonObject, check: Check): boolean {
  if (!Object.hasOwn(mapping, rootKey)) return true
  const root = mapping[rootKey] as JsonValue
  const place = { path: [rootKey], shown: [] }
  if (isRecord(root) && Object.keys(root).length > 1) {
    check.say(place, 'The root mapping must only have a single directive object')
    return false
  }
  const argument = isRecord(root) ? Object.values(root)[0] : undefined
  if (isRecord(argument)) return true
  check.say(place, 'The root directive must be an object')
  return false
}

/** Places are told as the operator wrote them: the fields of a root directive's mapping stand beside it. */
function unroot(path: MappingPath): MappingPath {
  return path[1] === 'mapping' ? path.slice(2) : path.length === 0 ? [rootKey] : [rootKey, ...path]
}

/** Where we are: the true path, and the one that Segment's messages show (it forgets the way into a merge). */
interface Place {
  readonly path: MappingPath
  readonly shown: readonly string[]
}
const here = (path: MappingPath): Place => ({ path, shown: path.map(String) })
const below = (place: Place, ...keys: readonly (string | number)[]): Place => ({
  path: [...place.path, ...keys],
  shown: [...place.shown, ...keys.map(String)],
})

type FieldCheck = (check: Check, value: JsonValue, place: Place) => void
interface Field {
  readonly required?: boolean
  readonly check: FieldCheck
}

class Check {
  readonly problems: MappingProblem[] = []

  say(place: Place, message: string, options: { code?: MappingProblem['code']; hint?: string | null } = {}): void {
    const { code = 'mapping_invalid', hint = null } = options
    this.problems.push({
      code,
      severity: 'error',
      message,
      file: null,
      line: null,
      column: null,
      hint,
      path: place.path,
    })
  }

  invalid(place: Place, message: string, hint: string | null = null): void {
    this.say(place, `/${place.shown.join('/')} ${message}.`, { hint })
  }

  tooDeep(place: Place): void {
    this.say(place, `the mapping is nested deeper than ${depthMax} levels`)
  }

  /** Objects and directives are looked into; lists are not, as in Segment: see `runs`. */
  value(value: JsonValue | undefined, place: Place): void {
    if (isDirective(value)) this.directive(value, place)
    else if (place.path.length > depthMax) this.tooDeep(place)
    else if (isRecord(value)) for (const [key, member] of Object.entries(value)) this.value(member, below(place, key))
  }

  directive(value: JsonObject, place: Place): void {
    if (place.path.length > depthMax) {
      this.tooDeep(place)
      return
    }
    const keys = Object.keys(value)
    if (keys.length > 1 && !(keys.length === 2 && keys.includes('_metadata'))) {
      this.invalid(
        place,
        `should only have one @-prefixed key but it has ${keys.length} keys`,
        'put the others elsewhere',
      )
      return
    }
    const name = keys.find((key) => key.startsWith('@')) ?? ''
    const argument = directives.get(name as DirectiveName)
    if (argument === undefined) {
      const near = nearest(name, directiveNames)
      const hint = near === null ? `known are ${directiveNames.join(', ')}` : `did you mean "${near}"?`
      this.invalid(place, `has an invalid directive: ${name}`, hint)
    } else argument(this, value[name] as JsonValue, below(place, name))
  }

  /** Members that are directives first, then what each field must be: the second is only asked when the first found nothing. */
  fields(value: JsonValue, place: Place, fields: Readonly<Record<string, Field>>): void {
    if (typeName(value) !== 'object') {
      mustBe('object')(this, value, place)
      return
    }
    const before = this.problems.length
    for (const [key, member] of Object.entries(value as JsonObject)) this.value(member, below(place, key))
    if (this.problems.length > before) return
    for (const [key, field] of Object.entries(fields)) {
      const member = (value as JsonObject)[key]
      if (member !== undefined) field.check(this, member, below(place, key))
      else if (field.required === true) this.invalid(place, `should have field "${key}" but it doesn't`)
    }
  }

  /** What Segment finds only when an event comes that far, though it does not depend on the event. */
  runs(value: JsonValue | undefined, place: Place, unchecked = false): void {
    if (place.path.length > depthMax) {
      if (this.problems.length === 0) this.tooDeep(place)
      return
    }
    if (unchecked && isDirective(value)) {
      const before = this.problems.length
      this.directive(value, place)
      for (let index = before; index < this.problems.length; index++) {
        this.problems[index] = { ...this.problems[index]!, code: 'mapping_fails' }
      }
      if (this.problems.length > before) return
    }
    if (Array.isArray(value)) for (const [index, item] of value.entries()) this.runs(item, below(place, index), true)
    if (!isRecord(value)) return
    for (const [key, member] of Object.entries(value)) {
      if (!key.startsWith('@')) {
        if (key !== '_metadata' || !isDirective(value)) this.runs(member, below(place, key), unchecked)
        continue
      }
      const message = failures.get(key as DirectiveName)?.(member)
      if (message !== undefined && message !== null) this.say(below(place, key), message, { code: 'mapping_fails' })
      // A merge's list has been checked; what a literal holds has not.
      const inner = unchecked || ((key === '@literal' || key === '@excludeWhenNull') && !isDirective(member))
      if (key === '@merge' && isRecord(member) && Array.isArray(member.objects)) {
        for (const [index, item] of member.objects.entries()) {
          this.runs(item, below(place, key, 'objects', index), unchecked)
        }
      } else if (key === '@arrayPath' && Array.isArray(member)) {
        for (const [index, item] of member.slice(0, 2).entries()) this.runs(item, below(place, key, index), unchecked)
      } else this.runs(member, below(place, key), inner)
    }
  }
}

const withArticle = (type: string): string => `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`

const mustBe =
  (...types: readonly string[]): FieldCheck =>
  (check, value, place) => {
    const type = types[0] === 'array' && isDirective(value) ? 'object' : typeName(value)
    if (types.includes(type)) return
    check.invalid(place, `should be ${withArticle(types[0] ?? '')} but it is ${withArticle(type)}`)
  }

const anything: FieldCheck = () => {}

const textOrDirective: FieldCheck = (check, value, place) => {
  if (isDirective(value)) check.directive(value, place)
  else if (typeof value !== 'string') {
    check.invalid(place, `should be a string or a mapping directive but it is ${withArticle(typeName(value))}`)
  }
}

const objectOrDirective: FieldCheck = (check, value, place) => {
  if (isDirective(value)) check.directive(value, place)
  else if (isRecord(value)) check.value(value, place)
  else check.invalid(place, `should be a object or a mapping directive but it is ${withArticle(typeName(value))}`)
}

const directiveOrJson: FieldCheck = (check, value, place) => {
  if (isDirective(value)) check.directive(value, place)
}

const textOfLength =
  (least: number, most: number): FieldCheck =>
  (check, value, place) => {
    if (typeof value !== 'string') mustBe('string')(check, value, place)
    else if (value.length < least) check.invalid(place, `should be a string of length ${least} or greater`)
    else if (value.length > most) check.invalid(place, `should be a string of length ${most} or less`)
  }

const oneOf =
  (...choices: readonly string[]): FieldCheck =>
  (check, value, place) => {
    if (typeof value !== 'string') mustBe('string')(check, value, place)
    else if (!choices.includes(value.toLowerCase())) {
      check.invalid(place, `should be one of ${choices.join(', ')} but it is "${value}"`)
    }
  }

/** Segment stops at the first member that is wrong, and has forgotten the way; we go on, and keep it in the problem's path. */
const mergeMembers: FieldCheck = (check, value, place) => {
  if (!Array.isArray(value)) return mustBe('array')(check, value, place)
  for (const [index, item] of value.entries()) {
    objectOrDirective(check, item, { path: [...place.path, index], shown: [] })
  }
}

const fields =
  (spec: Readonly<Record<string, Field>>): FieldCheck =>
  (check, value, place) =>
    check.fields(value, place, spec)

const directives: ReadonlyMap<DirectiveName, FieldCheck> = new Map<DirectiveName, FieldCheck>([
  ['@path', textOrDirective],
  ['@template', textOrDirective],
  ['@literal', directiveOrJson],
  ['@excludeWhenNull', directiveOrJson],
  ['@liquid', mustBe('string')],
  ['@if', fields({})],
  ['@case', fields({ operator: { check: mustBe('string') }, value: { check: textOrDirective } })],
  [
    '@replace',
    fields({
      pattern: { required: true, check: textOfLength(1, 10) },
      replacement: { check: textOfLength(0, 10) },
      value: { required: true, check: textOrDirective },
      ignorecase: { check: mustBe('boolean') },
      global: { check: mustBe('boolean') },
    }),
  ],
  [
    '@json',
    fields({ value: { required: true, check: anything }, mode: { required: true, check: oneOf('encode', 'decode') } }),
  ],
  ['@flatten', fields({ separator: { check: mustBe('string') }, value: { required: true, check: anything } })],
  [
    '@merge',
    fields({ direction: { check: oneOf('left', 'right') }, objects: { required: true, check: mergeMembers } }),
  ],
  [
    '@transform',
    fields({
      apply: { required: true, check: objectOrDirective },
      mapping: { required: true, check: objectOrDirective },
    }),
  ],
  [
    '@arrayPath',
    (check, value, place) => {
      if (!Array.isArray(value)) return mustBe('array')(check, value, place)
      const [path, shape] = value
      textOrDirective(check, path as JsonValue, { ...place, path: [...place.path, 0] })
      check.value(shape, { ...place, path: [...place.path, 1] })
    },
  ],
])
