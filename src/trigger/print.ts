/** A trigger back as text: parsing it again gives the same tree. */
import { canonicalNumber } from '../json.ts'
import { roots } from './fields.ts'
import { isDigit, isWordCharacter } from './lexer.ts'
import type { TriggerCondition, TriggerGroup } from './node.ts'
import type { StrictNode } from './strict-node.ts'

/** Inside parentheses a function is written between field and text: its own `)` would end them. */
export function printGroup(group: TriggerGroup, inside = false): string {
  const children = group.children.map((child) =>
    child.type === 'group' ? `(${printGroup(child, true)})` : printCondition(child, inside),
  )
  return children.join(` ${group.operator} `)
}

function printCondition(condition: TriggerCondition, inside: boolean): string {
  const { operator, value } = condition
  const field =
    condition.name === undefined ? roots[condition.type] : `${roots[condition.type]}.${printPath(condition.name)}`
  if (value === undefined) {
    if (operator === 'is_true') return `${field} = true`
    if (operator === 'is_false') return `${field} = false`
    if (operator === 'exists') return `${field} != null`
    if (operator === 'not_exists') return `${field} = null`
  }
  if (typeof value === 'number' && operator === 'number_equals') return `${field} = ${printNumber(value)}`
  if (typeof value === 'number' && operator === 'number_not_equals') return `${field} != ${printNumber(value)}`
  if (typeof value === 'string' && condition.type !== 'event-type' && !inside) {
    const [not, name] = operator.startsWith('not_') ? ['!', operator.slice(4)] : ['', operator]
    if (name === 'contains') return `${not}contains(${field}, ${printText(value)})`
    if (name === 'starts_with') return `${not}match(${field}, ${printText(`${value}*`)})`
    if (name === 'ends_with') return `${not}match(${field}, ${printText(suffixPattern(value))})`
  }
  return `${field} ${operator} ${printValue(value)}`
}

/** The first character of a suffix pattern is cut off, whatever it is; a lone star would be a prefix pattern. */
function suffixPattern(suffix: string): string {
  if (suffix === '') return '-'
  return suffix.includes('"') ? `'${suffix}` : `*${suffix}`
}

function printValue(value: string | number | boolean | undefined): string {
  if (typeof value === 'number') return printNumber(value)
  return typeof value === 'boolean' ? String(value) : printText(value ?? '')
}

/** Text that holds double quotes can only have come from single quotes, which are part of it, or from a bare word. */
function printText(text: string): string {
  if (!text.includes('"')) return `"${text}"`
  return /^'[^']*'$/.test(text) ? text : `${escapeWord(text)} `
}

const printNumber = (value: number): string => (Number.isNaN(value) ? '-' : canonicalNumber(String(value)))

function printPath(name: string): string {
  const parts = name.split('.')
  return parts.includes('') ? escapeWord(name) : parts.map(escapeWord).join('.')
}

function escapeWord(word: string): string {
  const escaped = [...word].map((character, index) => {
    const plain = isWordCharacter(character) && !(index === 0 && (isDigit(character) || character === '-'))
    return plain ? character : `\\${character}`
  })
  return /^(and|or|null)$/.test(word) ? `\\${escaped.join('')}` : escaped.join('')
}

const calls = (name: string, list: readonly StrictNode[]): string => `${name}(${list.map(printStrict).join(', ')})`

export function printStrict(node: StrictNode): string {
  switch (node.type) {
    case 'and':
    case 'or':
      return node.children.map((child) => inner(child)).join(` ${node.type} `)
    case 'not':
      return `!${inner(node.child)}`
    case 'compare':
      return `${printStrict(node.left)} ${node.operator} ${printStrict(node.right)}`
    case 'call':
      return calls(node.name, node.arguments)
    case 'field':
      return node.path.map(escapeWord).join('.')
    case 'list':
      return `[${node.items.map(printStrict).join(', ')}]`
    case 'literal':
      if (typeof node.value === 'string') return `"${node.value.replace(/["\\]/g, '\\$&')}"`
      return typeof node.value === 'number' ? printNumber(node.value) : String(node.value)
  }
}

/** Whatever holds an operator needs parentheses inside another. */
function inner(node: StrictNode): string {
  return node.type === 'and' || node.type === 'or' || node.type === 'compare'
    ? `(${printStrict(node)})`
    : printStrict(node)
}
