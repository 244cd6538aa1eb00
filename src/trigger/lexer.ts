/**
 * Tokens of a trigger, exactly as Segment's lexer cuts them, corners included: what follows a closing quote directly goes
 * on as text, `!=` and `>=` need white space after them, and a last word that begins like `and` or `null` is cut to one letter.
 */
export type TokenType =
  | 'ident'
  | 'dot'
  | 'operator'
  | 'conditional'
  | 'string'
  | 'number'
  | 'null'
  | 'brackleft'
  | 'brackright'
  | 'parenleft'
  | 'parenright'
  | 'comma'
  | 'eos'

export interface Token {
  readonly type: TokenType
  /** As the package keeps it: texts with their quotes, words without backslashes. */
  readonly value: string
  /** First character and the one after the last, from 0. */
  readonly start: number
  readonly end: number
  /** Something the lexer did that a reader would not expect. */
  readonly trap?: 'quote-continues' | 'word-cut'
}

export interface LexError {
  readonly message: string
  readonly at: number
}

const single: Readonly<Record<string, TokenType>> = {
  '.': 'dot',
  '(': 'parenleft',
  ')': 'parenright',
  '[': 'brackleft',
  ']': 'brackright',
  ',': 'comma',
}

export const isSpace = (character: string): boolean => character === ' ' || character === '\t' || character === '\n'
export const isLetter = (character: string): boolean => /^[A-Za-z]$/.test(character)
export const isDigit = (character: string): boolean => character >= '0' && character <= '9' && character.length === 1
export const isWordCharacter = (character: string): boolean => /^[A-Za-z0-9_-]$/.test(character)

/** The end of the text counts as the empty character. */
const endsWord = (character: string): boolean => character === '' || isSpace(character) || /^[,\])]$/.test(character)

/** All tokens up to `eos`, or where and why the text cannot be cut; then no token counts. */
export function lex(text: string): { readonly tokens: readonly Token[]; readonly error: LexError | null } {
  const tokens: Token[] = []
  let at = 0
  const push = (type: TokenType, value: string, start: number, trap?: Token['trap']): void => {
    tokens.push({ type, value, start, end: at, ...(trap === undefined ? {} : { trap }) })
  }
  const fail = (message: string, where: number) => ({ tokens: [], error: { message, at: where } })

  while (at < text.length) {
    const start = at
    const character = text.charAt(at)
    const punctuation = single[character]
    if (isSpace(character)) at++
    else if (punctuation !== undefined) {
      at++
      push(punctuation, character, start)
    } else if (character === '=') {
      at++
      push('operator', '=', start)
    } else if (character === '<' || character === '>') {
      const wide = text.charAt(at + 1) === '=' && endsWord(text.charAt(at + 2))
      at += wide ? 2 : 1
      push('operator', wide ? `${character}=` : character, start)
    } else if (character === '!') {
      const next = text.charAt(at + 1)
      if (next === '=' && endsWord(text.charAt(at + 2))) {
        at += 2
        push('operator', '!=', start)
      } else if (isLetter(next) || next === '(') {
        at++
        push('operator', '!', start)
      } else if (next === '=') return fail('expected white space after `!=`', at + 2)
      else return fail('expected a function, `(` or `=` after `!`', at + 1)
    } else if (character === '"' || character === "'") {
      at++
      for (let part = 0; ; part++) {
        const from = at
        const close = text.indexOf(character, at)
        if (close < 0) return fail(`this text has no closing ${character}`, part === 0 ? start : from)
        at = close + 1
        push(
          'string',
          character + text.slice(from, at),
          part === 0 ? start : from,
          part > 0 ? 'quote-continues' : undefined,
        )
        if (endsWord(text.charAt(at))) break
      }
    } else if (isDigit(character) || character === '-' || character === '+') {
      at++
      let points = 0
      for (;;) {
        const next = text.charAt(at)
        if (next === '.') {
          if (++points > 1) return fail('a number has one decimal point', at)
          at++
          if (endsWord(text.charAt(at))) return fail('expected a digit after the decimal point', at)
        } else if (isDigit(next)) at++
        else break
      }
      push('number', text.slice(start, at), start)
    } else if (isLetter(character) || character === '_' || character === '\\') {
      const rest = text.slice(at + 1)
      if (rest !== '' && rest.length < (lookahead[character] ?? 0) && !/[ \t\n,\])]/.test(rest)) {
        at = text.length
        push('ident', character, start, 'word-cut')
        continue
      }
      const word = /^(?:and|or|null)/.exec(text.slice(at, at + 4))?.[0]
      if (word !== undefined && endsWord(text.charAt(at + word.length))) {
        at += word.length
        push(word === 'null' ? 'null' : 'conditional', word, start)
        continue
      }
      let value = ''
      for (;;) {
        const next = text.charAt(at)
        if (next === '\\') {
          if (at + 1 >= text.length) return fail('expected a character after the backslash', at + 1)
          value += text.charAt(at + 1)
          at += 2
        } else if (next !== '' && isWordCharacter(next)) {
          value += next
          at++
        } else break
      }
      push('ident', value, start)
      const next = text.charAt(at)
      if (!endsWord(next) && !/^[.(=!]$/.test(next)) {
        return fail(`expected white space or an operator after "${value}", not ${show(next)}`, at)
      }
    } else return fail(`${show(character)} cannot stand here`, at)
  }
  push('eos', 'eos', at)
  return { tokens, error: null }
}

/** How many characters the package looks ahead for `and` and `null`; at the end of the text it loses what it looked at. */
const lookahead: Readonly<Record<string, number>> = { a: 2, n: 3 }

function show(character: string): string {
  return character === '\r' ? 'a carriage return' : `\`${character}\``
}
