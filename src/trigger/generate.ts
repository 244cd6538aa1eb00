/**
 * From conditions to code of their own: each trigger gets property accesses by fixed names, which the engine makes several times
 * faster than the shared ones of `compile.ts`. Into the code go only names, texts and numbers of the trigger, each written as
 * a JSON literal. Where code may not be made (`--disallow-code-generation-from-strings`, some edge runtimes) the closures do it.
 */
import { compileGroup, keysOf, numberOf, type Predicate } from './compile.ts'
import { roots } from './fields.ts'
import type { TriggerCondition, TriggerGroup } from './node.ts'
import { isInherited } from './read.ts'

export function generatePredicate(group: TriggerGroup): Predicate {
  if (readsInherited(group)) return compileGroup(group)
  try {
    const code = `return (event) => { const e = event ?? nothing; let v; return ${groupCode(group)} }`
    return new Function('nothing', 'numberOf', code)({}, numberOf) as Predicate
  } catch {
    return compileGroup(group)
  }
}

function readsInherited({ children }: TriggerGroup): boolean {
  return children.some((child) =>
    child.type === 'group' ? readsInherited(child) : keysOf(child.name ?? '').some(isInherited),
  )
}

function groupCode({ operator, children }: TriggerGroup): string {
  const parts = children.map((child) => (child.type === 'group' ? groupCode(child) : conditionCode(child)))
  return `(${parts.join(operator === 'and' ? ' && ' : ' || ')})`
}

/** Code that reads the value into `v`, and tests it. A falsy value on the way ends the descent and is the result. */
function conditionCode(condition: TriggerCondition): string {
  const keys = keysOf(condition.name ?? '').map((key) => ` && (v = v[${JSON.stringify(key)}])`)
  return `((v = e.${roots[condition.type]})${keys.join('')}, ${testCode(condition)})`
}

function testCode({ operator, value }: TriggerCondition): string {
  const text = String(value)
  const literal = JSON.stringify(text)
  const onNumber = (test: string) =>
    `(typeof v === 'number' || (v = numberOf(v)) !== undefined) && v ${test} ${Number(value)}`
  const onText = (test: string) => `typeof v === 'string' && ${test}`
  switch (operator) {
    case '=':
      return `v === ${literal}`
    case '!=':
      return `v !== ${literal}`
    case 'number_equals':
      return onNumber('===')
    case 'number_not_equals':
      return onNumber('!==')
    case '<':
    case '<=':
    case '>':
    case '>=':
      return onNumber(operator)
    case 'contains':
      return onText(`v.includes(${literal})`)
    case 'not_contains':
      return onText(`!v.includes(${literal})`)
    case 'starts_with':
      return onText(startsWith(text))
    case 'not_starts_with':
      return onText(`!(${startsWith(text)})`)
    case 'ends_with':
      return onText(endsWith(text))
    case 'not_ends_with':
      return onText(`!(${endsWith(text)})`)
    case 'exists':
      return 'v !== undefined && v !== null'
    case 'not_exists':
      return '(v === undefined || v === null)'
    case 'is_true':
      return 'v === true'
    case 'is_false':
      return 'v === false'
    default:
      return 'false' // an operator that nobody knows never matches
  }
}

/** Up to this length the characters are compared one by one: several times faster than a call. */
const unrolledMax = 32

function startsWith(text: string): string {
  return text.length > unrolledMax ? `v.startsWith(${JSON.stringify(text)})` : characters(text, (index) => `${index}`)
}

function endsWith(text: string): string {
  return text.length > unrolledMax
    ? `v.endsWith(${JSON.stringify(text)})`
    : characters(text, (index) => `v.length - ${text.length - index}`)
}

function characters(text: string, place: (index: number) => string): string {
  const tests = Array.from(
    { length: text.length },
    (_, index) => `v.charCodeAt(${place(index)}) === ${text.charCodeAt(index)}`,
  )
  return [`v.length >= ${text.length}`, ...tests].join(' && ')
}
