/**
 * What to tell the author of a trigger. Errors are where Segment's parser gives up, warnings where it goes on with something
 * else than what was written.
 */
import { nearest } from '../errors.ts'
import { fieldNames, hasPath, operators } from './fields.ts'
import type { Token } from './lexer.ts'
import type { TriggerCondition } from './node.ts'

/** Something to tell the author, at an offset of the text. */
export interface Note {
  readonly code: string
  readonly severity: 'error' | 'warning'
  readonly message: string
  readonly at: number
  readonly hint: string | null
}

export interface ConditionParts {
  readonly type: TriggerCondition['type']
  readonly field: Token
  readonly operator: Token
  readonly value: Token
}

export const syntax = (message: string, at: number, hint: string | null): Note => ({
  code: 'syntax',
  severity: 'error',
  message,
  at,
  hint,
})
export const warn = (code: string, message: string, at: number, hint: string | null): Note => ({
  code,
  severity: 'warning',
  message,
  at,
  hint,
})

export function lexHint(text: string, at: number): string | null {
  const character = text.charAt(at)
  if (character === '\r') return 'save the trigger with plain line feeds'
  if (character === '[' || character === '$') return 'arrays cannot be filtered; write a plain dotted field'
  if (character === '&' || character === '|') return 'write `and` or `or`'
  if (/[<>]/.test(character)) return `write a space before ${character}`
  return null
}

export function nothing(text: string, notes: readonly Note[]): Note {
  const first = notes[0]
  if (text.trim() === '') return syntax('the trigger is empty: it would match nothing', 0, 'write type = "track"')
  if (first !== undefined) return { ...first, severity: 'error', code: 'syntax' }
  return syntax('no condition found', 0, `begin with one of ${fieldNames.join(', ')}`)
}

export const emptyGroup = (token: Token): Note =>
  syntax('there is no condition between these parentheses', token.start, 'remove them')

export function unclosed(token: Token, nested: boolean): Note {
  return nested
    ? syntax('parentheses cannot be nested here', token.start, 'use one level of parentheses, or set strict: true')
    : syntax('this parenthesis is not closed: expected `)`', token.start, 'add `)`')
}

export const closedByCall = (token: Token): Note =>
  warn(
    'call_closes_group',
    'this `)` of a function also ends the parentheses around it; what follows belongs to the outer list',
    token.start,
    'put the function last in its parentheses, or set strict: true',
  )

export function incomplete(field: Token): Note {
  const name = field.value
  return syntax(`expected an operator and a value after "${name}"`, field.end, `write ${name} = "…" or ${name} != null`)
}

export const noJoint = (token: Token): Note =>
  warn(
    'missing_operator',
    'no `and` or `or` before this condition; the package reads `and`',
    token.start,
    'write `and`',
  )

export const lostNegation = (token: Token): Note =>
  warn('lost_negation', '`!` has no effect here', token.start, 'use !=, !contains(…) or !match(…)')

export function unknownWord(token: Token): Note {
  const name = token.value
  if (/^(and|or|not)$/i.test(token.value)) {
    const lower = token.value.toLowerCase()
    return lower === 'not'
      ? warn('lost_negation', '`not` has no effect', token.start, 'use !=, !contains(…) or !match(…)')
      : warn(
          'upper_case_operator',
          `"${token.value}" is ignored: only small letters count`,
          token.start,
          `write ${lower}`,
        )
  }
  if (token.value.startsWith('__segment')) {
    return warn(
      'unknown_field',
      `"${name}" is ignored: a trigger sees the event before it is enriched`,
      token.start,
      'filter on the event, or set on_missing: drop on the entity',
    )
  }
  const near = nearest(name.split('.')[0] ?? name, fieldNames)
  return warn(
    'unknown_field',
    `"${name}" is ignored: a trigger knows only ${fieldNames.join(', ')}`,
    token.start,
    near === null ? null : `did you mean "${near}"?`,
  )
}

export const pathIgnored = (token: Token): Note =>
  warn('path_ignored', `"${token.value}" counts as "${token.value.split('.')[0]}"`, token.start, null)

export const stray = (token: Token): Note => warn('ignored_token', `"${token.value}" is ignored`, token.start, null)

export const mixed = (joints: readonly Token[]): Note =>
  warn(
    'mixed_operators',
    `\`and\` and \`or\` are mixed: the last one, \`${joints.at(-1)?.value}\`, decides for the whole list`,
    joints.at(-1)?.start ?? 0,
    'put parentheses around one kind',
  )

export const dangling = (token: Token): Note =>
  warn('dangling_operator', `nothing follows this \`${token.value}\``, token.start, 'remove it')

export const skipped = (token: Token, wanted: string): Note =>
  token.type === 'eos'
    ? warn('ignored_token', `expected \`${wanted}\` at the end`, token.start, `add \`${wanted}\``)
    : warn(
        'ignored_token',
        `expected \`${wanted}\`, but "${token.value}" stands here and is ignored`,
        token.start,
        null,
      )

export const prefixed = (token: Token, type: TriggerCondition['type']): Note =>
  warn(
    'unknown_field',
    `"${token.value}" is looked up below the ${type.replace('event-', '')} of the event`,
    token.start,
    null,
  )

export const functionDropped = (name: Token, field: string): Note =>
  warn(
    'unknown_field',
    `${name.value}() on "${field}" is ignored: it works on event, name, userId, properties, traits and context`,
    name.start,
    null,
  )

export const notText = (token: Token, name: string): Note =>
  warn(
    'unquoted_text',
    `${name}() compares with the text "${token.value}"`,
    token.start,
    'write the text in double quotes',
  )

export function noteMatch(pattern: string, token: Token, notes: Note[]): void {
  const inner = pattern.endsWith('*') ? pattern.slice(0, -1) : pattern.startsWith('*') ? pattern.slice(1) : null
  if (inner === null) {
    const means = pattern.slice(1)
    notes.push(
      warn('match_pattern', `this means: ends with "${means}"`, token.start, 'begin or end the pattern with *'),
    )
  } else if (inner.includes('*')) {
    notes.push(
      warn('match_pattern', 'only a * at one end has a meaning; the others are plain characters', token.start, null),
    )
  }
}

export function noteCondition(parts: ConditionParts, notes: Note[]): void {
  const { type, operator, value, field } = parts
  if (!operators.includes(operator.value)) {
    const hint = `use one of ${operators.join(' ')}`
    notes.push(warn('unknown_operator', `"${operator.value}" is no operator: this never matches`, operator.start, hint))
  }
  if (value.type === 'string' && value.value.startsWith("'")) {
    notes.push(warn('single_quotes', 'single quotes are part of the value', value.start, 'use double quotes'))
  } else if (value.type === 'ident' && value.value !== 'true' && value.value !== 'false') {
    notes.push(warn('unquoted_text', `"${value.value}" is taken as text`, value.start, 'write it in double quotes'))
  } else if (value.type !== 'string' && value.type !== 'number' && value.type !== 'null' && value.type !== 'ident') {
    notes.push(warn('unquoted_text', `"${value.value}" is taken as the value`, value.start, 'write a value here'))
  }
  const asText = type === 'event' || type === 'event-type'
  if (asText && (value.type === 'null' || value.value === 'true' || value.value === 'false')) {
    notes.push(warn('compared_as_text', `${field.value} is compared with the text "${value.value}"`, value.start, null))
  }
  if (hasPath(type) && operator.value === '!=' && value.type === 'ident' && /^(true|false)$/.test(value.value)) {
    const other = value.value === 'true' ? 'false' : 'true'
    const message = `this is true for every boolean: it compares with the text "${value.value}"`
    notes.push(warn('compared_as_text', message, operator.start, `write = ${other}`))
  }
  if (/^[<>]=?$/.test(operator.value) && value.type === 'string' && Number.isNaN(Number(value.value.slice(1, -1)))) {
    notes.push(warn('not_a_number', 'only numbers have an order: this never matches', value.start, null))
  }
}

export function noteTokenTraps(tokens: readonly Token[], notes: Note[]): void {
  for (const token of tokens) {
    if (token.trap === 'quote-continues') {
      const message = 'without white space after the closing quote, what follows is lost'
      notes.push(warn('text_continues', message, token.start, 'write a space after the quote'))
    }
    if (token.trap === 'word-cut') {
      const message = `this last word is cut to "${token.value}"`
      notes.push(warn('word_cut', message, token.start, 'write it in double quotes'))
    }
  }
}
