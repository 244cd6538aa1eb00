/** Blocks and attributes, before anybody asks what they mean. Goes on after a mistake, so that one reading finds them all. */
import type { Problem } from '../errors.ts'
import { clip, graphProblem, type Place, type Token, tokens } from './lexer.ts'

export interface Attribute extends Place {
  readonly name: string
  readonly value: string | boolean
  /** Where the value stands. */
  readonly at: Place
}

export interface Block extends Place {
  readonly type: string
  /** The quoted label behind the type, or null. */
  readonly label: string | null
  readonly labelAt: Place
  /** Its braces; the block's own place where one is missing. */
  readonly open: Place
  readonly close: Place
  readonly attributes: readonly Attribute[]
  readonly blocks: readonly Block[]
}

export function parseBlocks(text: string, problems: Problem[]): Block[] {
  const parser = new Parser(tokens(text, problems), problems)
  return parser.blocks()
}

/** Blocks inside blocks; a data graph needs eight. */
const nestingMax = 64

/** Blocks that stand only at the top, or directly in data_graph: inside another one a brace is missing before them. */
const outer = ['data_graph', 'entity', 'profile']

class Parser {
  readonly #tokens: readonly Token[]
  readonly #problems: Problem[]
  #at = 0
  #depth = 0
  /** Of the first brace that does not stand under what it closes: where braces are missing, it is by there. */
  #crooked: string | null = null

  constructor(all: readonly Token[], problems: Problem[]) {
    this.#tokens = all
    this.#problems = problems
  }

  blocks(): Block[] {
    const blocks: Block[] = []
    for (;;) {
      const token = this.#peek()
      if (token.kind === 'end') return blocks
      if (token.kind === 'word') {
        const item = this.#item()
        if (item !== null && 'blocks' in item) blocks.push(item)
        else if (item !== null)
          this.#problem(`"${item.name}" stands outside of a block`, item, 'put it inside data_graph { … }')
        continue
      }
      const hint = token.kind === '}' ? 'take it away, or look for a missing { above' : 'begin with data_graph { … }'
      this.#problem(token.kind === '}' ? 'this } closes nothing' : `unexpected ${describe(token)}`, token, hint)
      this.#at++
    }
  }

  /** A block or an attribute; both begin with a word. */
  #item(): Block | Attribute | null {
    const name = this.#next()
    let token = this.#peek()
    if (token.kind === ':') {
      this.#problem(
        `"${name.value}:" is not written with a colon`,
        token,
        this.#peek(1).kind === 'text' && this.#peek(2).kind === '{'
          ? `write ${name.value} "…" {`
          : `write ${name.value} = …`,
      )
      this.#at++
      token = this.#peek()
      if (token.kind !== '{' && !(token.kind === 'text' && this.#peek(1).kind === '{')) return this.#value(name)
    } else if (token.kind === '=') {
      this.#at++
      if (this.#peek().kind === '{') return this.#block(name, null, name)
      return this.#value(name)
    }
    if (token.kind === 'text') {
      this.#at++
      return this.#block(name, token.value, token)
    }
    if (token.kind === '{') return this.#block(name, null, name)
    this.#problem(`expected "=" or "{" after ${name.value}, found ${describe(token)}`, token)
    return null
  }

  #value(name: Token): Attribute | null {
    const token = this.#peek()
    const place = { line: name.line, column: name.column }
    if (token.kind === 'text' || token.kind === 'word') {
      this.#at++
      const bare = token.kind === 'word' && token.value !== 'true' && token.value !== 'false'
      if (bare)
        this.#problem(`the value of ${name.value} has no quotes`, token, `write ${name.value} = "${token.value}"`)
      const value = token.kind === 'word' && !bare ? token.value === 'true' : token.value
      return { name: name.value, value, at: token, ...place }
    }
    this.#problem(`${name.value} has no value`, token, `write ${name.value} = "…"`)
    return null
  }

  #block(name: Token, label: string | null, labelAt: Place): Block {
    const attributes: Attribute[] = []
    const blocks: Block[] = []
    const { line, column } = name
    const block = { type: name.value, label, labelAt, open: name, close: name, attributes, blocks, line, column }
    if (this.#peek().kind !== '{') {
      const hint = `write ${name.value}${label === null ? '' : ` "${clip(label)}"`} {`
      this.#problem(`expected "{" after ${name.value}`, this.#peek(), hint)
      if (!this.#skipToBrace()) return block
    }
    block.open = this.#next()
    if (this.#depth >= nestingMax) {
      this.#problems.push(graphProblem('too_deep', `blocks are nested deeper than ${nestingMax}`, name))
      this.#skipBlock()
      return block
    }
    this.#depth++
    block.close = this.#members(block, attributes, blocks) ?? name
    this.#depth--
    return block
  }

  /** Reads up to the brace that closes the block, and returns it; null where there is none. */
  #members(block: Block, attributes: Attribute[], blocks: Block[]): Token | null {
    const { type, label } = block
    for (;;) {
      const token = this.#peek()
      if (token.kind === '}') {
        if (token.line !== block.line && token.column !== block.column) {
          this.#crooked ??= `the } on line ${token.line} closes ${title(block)} of line ${block.line} and stands under another one`
        }
        return this.#next()
      }
      if (this.#standsOutside(token, type)) {
        this.#problem(
          `${title(block)} is not closed before ${token.value}`,
          token,
          `put } on the line above; ${title(block)} begins on line ${block.line}`,
        )
        return null
      }
      if (token.kind === 'end') {
        this.#problem(
          `the block ${type}${label === null ? '' : ` "${clip(label)}"`} is never closed`,
          block,
          this.#crooked ?? 'a } is missing, here or in a block inside it',
        )
        return null
      }
      if (token.kind !== 'word') {
        this.#problem(`unexpected ${describe(token)}`, token)
        this.#at++
        continue
      }
      const item = this.#item()
      if (item === null) continue
      if ('blocks' in item) blocks.push(item)
      else if (attributes.some((attribute) => attribute.name === item.name))
        this.#problem(`${item.name} is there twice`, item, 'keep one of the two')
      else attributes.push(item)
    }
  }

  /** An entity or a profile that begins inside a block which cannot hold it. */
  #standsOutside(token: Token, inside: string): boolean {
    if (token.kind !== 'word' || !outer.includes(token.value) || inside === 'data_graph') return false
    const next = this.#peek(1)
    return next.kind === '{' || (next.kind === 'text' && this.#peek(2).kind === '{')
  }

  /** Over what stands between a label and its brace, if that is on the same line. */
  #skipToBrace(): boolean {
    const { line } = this.#peek()
    let ahead = 0
    while (this.#peek(ahead).kind !== '{') {
      const token = this.#peek(ahead++)
      if (token.kind === 'end' || token.kind === '}' || token.kind === '=' || token.line !== line) return false
    }
    this.#at += ahead
    return true
  }

  /** To the brace that closes the block whose `{` has been read. */
  #skipBlock(): void {
    for (let open = 1; open > 0; this.#at++) {
      const { kind } = this.#peek()
      if (kind === 'end') return
      if (kind === '{') open++
      else if (kind === '}') open--
    }
  }

  #peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)]!
  }

  #next(): Token {
    const token = this.#peek()
    this.#at++
    return token
  }

  #problem(message: string, place: Place, hint: string | null = null): void {
    this.#problems.push(graphProblem('syntax', message, place, hint))
  }
}

const title = ({ type, label }: Block): string => (label === null ? type : `${type} "${clip(label)}"`)

function describe(token: Token): string {
  if (token.kind === 'end') return 'the end of the text'
  return token.kind === 'text' ? `text "${clip(token.value)}"` : `"${clip(token.value)}"`
}
