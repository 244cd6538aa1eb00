/**
 * The wider trigger language of destination filters: parentheses nest, fields are any of the event, texts take either quote.
 * What the plain language drops without a word is an error here.
 */
import { nearest } from '../errors.ts'
import { isDigit, isLetter, isWordCharacter } from './lexer.ts'
import type { Note } from './notes.ts'
import { functions } from './strict-functions.ts'
import type { StrictNode } from './strict-node.ts'

export interface StrictParsed {
  readonly ast: StrictNode | null
  readonly notes: readonly Note[]
}

/** What an event can have at its top: the Spec's fields, and those that warehouse rows bring. */
const eventFields = [
  'type event name userId anonymousId groupId previousId messageId properties traits context integrations category version',
  'channel timestamp originalTimestamp sentAt receivedAt writeKey projectId _metadata __segment_id',
].flatMap((line) => line.split(' '))

const depthMax = 100

type Kind = 'word' | 'text' | 'number' | 'symbol' | 'end'
interface Token {
  readonly kind: Kind
  readonly text: string
  readonly parts: readonly string[]
  readonly at: number
}

class Stop extends Error {
  readonly note: Note
  constructor(message: string, at: number, options: { readonly hint?: string | null; readonly code?: string } = {}) {
    super(message)
    this.note = { code: options.code ?? 'syntax', severity: 'error', message, at, hint: options.hint ?? null }
  }
}

export function parseStrict(text: string): StrictParsed {
  try {
    const tokens = cut(text)
    if (tokens.length === 1) throw new Stop('the trigger is empty', 0, { hint: 'write type = "track"' })
    const parser = new Parser(tokens)
    const ast = parser.list(0)
    parser.end()
    return { ast, notes: [] }
  } catch (stop) {
    if (stop instanceof Stop) return { ast: null, notes: [stop.note] }
    throw stop
  }
}

/** Recursive descent over one trigger; it lives as long as the call that made it. */
class Parser {
  readonly #tokens: readonly Token[]
  #at = 0
  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  list(depth: number): StrictNode {
    const first = this.#unary(depth)
    const joint = this.#joint()
    if (joint === null) return first
    const children = [first]
    for (let next: string | null = joint; next !== null; next = this.#joint()) {
      const token = this.#next()
      if (next !== joint) {
        const hint = 'put parentheses around one kind'
        throw new Stop('`and` and `or` are mixed', token.at, { hint, code: 'mixed_operators' })
      }
      children.push(this.#unary(depth))
    }
    return { type: joint, children }
  }

  end(): void {
    const token = this.#peek()
    if (token.kind === 'end') return
    if (/^(and|or)$/i.test(token.text)) {
      throw new Stop(`"${token.text}" is no operator`, token.at, { hint: `write ${token.text.toLowerCase()}` })
    }
    throw new Stop(`expected \`and\`, \`or\` or the end, not ${say(token)}`, token.at)
  }

  #joint(): 'and' | 'or' | null {
    const token = this.#peek()
    return token.kind === 'word' && (token.text === 'and' || token.text === 'or') ? token.text : null
  }

  #unary(depth: number): StrictNode {
    const token = this.#peek()
    if (depth > depthMax) throw new Stop(`nested deeper than ${depthMax}`, token.at)
    if (token.kind === 'symbol' && token.text === '!') {
      this.#next()
      return { type: 'not', child: this.#unary(depth + 1) }
    }
    if (token.kind === 'symbol' && token.text === '(') {
      this.#next()
      const inside = this.list(depth + 1)
      this.#expect(')')
      return inside
    }
    return this.#comparison(depth)
  }

  #comparison(depth: number): StrictNode {
    const start = this.#peek()
    const left = this.#operand(depth)
    const token = this.#peek()
    const isIn = token.kind === 'word' && token.text === 'in'
    if (!isIn && !(token.kind === 'symbol' && /^(=|!=|<=?|>=?)$/.test(token.text))) {
      if (left.type === 'literal' || left.type === 'list') {
        throw new Stop(`expected an operator after ${say(start)}`, token.at, {
          hint: 'a condition begins with a field',
        })
      }
      return left
    }
    this.#next()
    const right = this.#operand(depth)
    const operator = (isIn ? 'in' : token.text) as Extract<StrictNode, { type: 'compare' }>['operator']
    return { type: 'compare', operator, left, right }
  }

  #operand(depth: number): StrictNode {
    if (depth > depthMax) throw new Stop(`nested deeper than ${depthMax}`, this.#peek().at)
    const token = this.#next()
    if (token.kind === 'text') return { type: 'literal', value: token.text }
    if (token.kind === 'number') return { type: 'literal', value: Number(token.text) }
    if (token.kind === 'symbol' && token.text === '[') return this.#items(depth)
    if (token.kind !== 'word') throw new Stop(`expected a field, a function or a value, not ${say(token)}`, token.at)
    if (token.text === 'true' || token.text === 'false') return { type: 'literal', value: token.text === 'true' }
    if (token.text === 'null') return { type: 'literal', value: null }
    const open = this.#peek()
    if (open.kind === 'symbol' && open.text === '(') return this.#call(token, depth)
    return { type: 'field', path: checkField(token) }
  }

  #items(depth: number): StrictNode {
    const items: StrictNode[] = []
    if (this.#take(']')) return { type: 'list', items }
    do items.push(this.#operand(depth + 1))
    while (this.#take(','))
    this.#expect(']')
    return { type: 'list', items }
  }

  #call(name: Token, depth: number): StrictNode {
    const known = Object.hasOwn(functions, name.text) ? functions[name.text] : undefined
    if (known === undefined) {
      const near = nearest(name.text, Object.keys(functions))
      const hint = near === null ? `known are ${Object.keys(functions).join(', ')}` : `did you mean "${near}"?`
      throw new Stop(`unknown function "${name.text}"`, name.at, { hint, code: 'unknown_function' })
    }
    this.#expect('(')
    const list: StrictNode[] = []
    if (!this.#take(')')) {
      do list.push(this.#operand(depth + 1))
      while (this.#take(','))
      this.#expect(')')
    }
    if (list.length !== known.arity) {
      throw new Stop(`${name.text}() takes ${known.arity} values, not ${list.length}`, name.at, {
        code: 'wrong_arguments',
      })
    }
    return { type: 'call', name: name.text, arguments: list }
  }

  #peek(): Token {
    return this.#tokens[Math.min(this.#at, this.#tokens.length - 1)]!
  }

  #next(): Token {
    const token = this.#peek()
    this.#at++
    return token
  }

  #take(symbol: string): boolean {
    const token = this.#peek()
    if (token.kind !== 'symbol' || token.text !== symbol) return false
    this.#at++
    return true
  }

  #expect(symbol: string): void {
    const token = this.#peek()
    if (!this.#take(symbol)) throw new Stop(`expected \`${symbol}\`, not ${say(token)}`, token.at)
  }
}

function checkField(token: Token): readonly string[] {
  const root = token.parts[0] ?? ''
  if (root === '__segment_entities') {
    const hint = 'filter on the event, or set on_missing: drop on the entity'
    throw new Stop('a trigger sees the event before it is enriched', token.at, { hint, code: 'unknown_field' })
  }
  if (eventFields.includes(root)) return token.parts
  const near = nearest(root, eventFields)
  const hint = near === null ? `an event has ${eventFields.slice(0, 11).join(', ')}` : `did you mean "${near}"?`
  throw new Stop(`an event has no field "${root}"`, token.at, { hint, code: 'unknown_field' })
}

function say(token: Token): string {
  return token.kind === 'end' ? 'the end' : token.kind === 'text' ? `the text "${token.text}"` : `"${token.text}"`
}

function cut(text: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < text.length) {
    const start = at
    const character = text.charAt(at)
    if (/\s/.test(character)) at++
    else if (character === '"' || character === "'") {
      let value = ''
      for (at++; text.charAt(at) !== character; at++) {
        if (at >= text.length) throw new Stop(`this text has no closing ${character}`, start)
        const next = text.charAt(at + 1)
        if (text.charAt(at) === '\\' && (next === character || next === '\\')) at++
        value += text.charAt(at)
      }
      at++
      tokens.push({ kind: 'text', text: value, parts: [], at: start })
    } else if (isDigit(character) || /^[-+]\.?\d/.test(text.slice(at, at + 3))) {
      const number = /^[-+]?\d*(\.\d+)?/.exec(text.slice(at))?.[0] ?? ''
      at += number.length
      if (isWordCharacter(text.charAt(at)) || text.charAt(at) === '.') throw new Stop('this is no number', start)
      tokens.push({ kind: 'number', text: number, parts: [], at: start })
    } else if (isLetter(character) || character === '_' || character === '\\') {
      const parts: string[] = []
      do {
        if (parts.length > 0) at++
        let part = ''
        for (;;) {
          const next = text.charAt(at)
          if (next === '\\' && at + 1 < text.length) {
            part += text.charAt(at + 1)
            at += 2
          } else if (next !== '' && isWordCharacter(next)) {
            part += next
            at++
          } else break
        }
        if (part === '') throw new Stop('expected a name', at)
        parts.push(part)
      } while (text.charAt(at) === '.')
      // An escaped word is a name, never an operator or a value.
      const written = text.slice(start, at)
      tokens.push({ kind: 'word', text: written, parts, at: start })
    } else {
      const symbol = /^(!=|<=|>=|[=<>!()[\],])/.exec(text.slice(at, at + 2))?.[0]
      if (symbol === undefined) {
        const hint = character === '&' || character === '|' ? 'write `and` or `or`' : null
        throw new Stop(`\`${character}\` cannot stand here`, at, { hint })
      }
      at += symbol.length
      tokens.push({ kind: 'symbol', text: symbol, parts: [], at: start })
    }
  }
  tokens.push({ kind: 'end', text: '', parts: [], at })
  return tokens
}
