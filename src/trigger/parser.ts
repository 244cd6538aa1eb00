/**
 * From tokens to conditions, as Segment's parser does it, traps included: unknown fields, lost negations and stray words
 * are dropped without a word, and the last `and` or `or` of a list decides for the whole list. Each trap is noted.
 */
import { fields, hasPath, pathFields } from './fields.ts'
import { lex, type Token } from './lexer.ts'
import type { TriggerCondition, TriggerGroup } from './node.ts'
import {
  type ConditionParts,
  closedByCall,
  dangling,
  emptyGroup,
  functionDropped,
  incomplete,
  lexHint,
  lostNegation,
  mixed,
  type Note,
  noJoint,
  noteCondition,
  noteMatch,
  noteTokenTraps,
  nothing,
  notText,
  pathIgnored,
  prefixed,
  skipped,
  stray,
  syntax,
  unclosed,
  unknownWord,
} from './notes.ts'

export interface Parsed {
  readonly ast: TriggerGroup | null
  readonly notes: readonly Note[]
}

type Child = TriggerGroup | TriggerCondition

/** Thrown to leave the parser; the package gives up at the same place. */
class ParseStop extends Error {
  readonly note: Note
  constructor(note: Note) {
    super(note.message)
    this.note = note
  }
}

export function parse(text: string): Parsed {
  const notes: Note[] = []
  const { tokens, error } = lex(text)
  if (error !== null) return { ast: null, notes: [syntax(error.message, error.at, lexHint(text, error.at))] }
  noteTokenTraps(tokens, notes)
  try {
    const list = parseList(joinPaths(tokens), notes)
    const first = list.children[0]
    if (list.children.length === 0 || (list.children.length === 1 && first === null)) {
      throw new ParseStop(nothing(text, notes))
    }
    for (const empty of list.empty) notes.push(emptyGroup(empty))
    if (list.empty.length > 0) return { ast: null, notes }
    const children = list.children as readonly Child[]
    if (children.length === 1 && children[0]?.type === 'group') return { ast: children[0] as TriggerGroup, notes }
    return { ast: { type: 'group', operator: children.length === 1 ? 'and' : list.operator, children }, notes }
  } catch (stop) {
    if (!(stop instanceof ParseStop)) throw stop
    return { ast: null, notes: [...notes.filter((note) => note.severity === 'error'), stop.note] }
  }
}

interface List {
  readonly operator: 'and' | 'or'
  /** null: parentheses with no condition inside; evaluating them would throw. */
  readonly children: readonly (Child | null)[]
  readonly empty: readonly Token[]
}

/** One flat list. A closing parenthesis ends at the first `)`, whatever it belongs to: the package knows no nesting. */
function parseList(tokens: readonly Token[], notes: Note[], nested = false): List {
  const children: (Child | null)[] = []
  const empty: Token[] = []
  const joints: Token[] = []
  let previousEnd: Token | null = null
  let joined = true
  let dropping = false // a word was dropped, and with it what belongs to it
  let at = 0
  const add = (child: Child | null, from: Token): void => {
    if (!joined && children.length > 0) notes.push(noJoint(from))
    children.push(child)
    joined = false
    dropping = false
  }
  while (at < tokens.length) {
    const token = tokens[at++]!
    const next = tokens[at]
    if (token.type === 'parenleft') {
      const inner: Token[] = []
      for (;;) {
        const item = tokens[at++]
        if (item === undefined) throw new ParseStop(unclosed(token, nested))
        if (item.type === 'parenright') break
        inner.push(item)
      }
      inner.push({ type: 'eos', value: 'eos', start: tokens[at - 1]!.start, end: tokens[at - 1]!.end })
      if (endsInCall(inner) && tokens[at]?.type !== 'parenright') notes.push(closedByCall(tokens[at - 1]!))
      const list = parseList(inner, notes, true)
      if (list.children.length === 0) empty.push(token)
      if (list.children.length > 1) {
        add({ type: 'group', operator: list.operator, children: list.children as Child[] }, token)
      } else add(list.children[0] ?? null, token)
    } else if (token.type === 'operator' && token.value === '!') {
      if (next?.type === 'ident' && isFunction(next)) {
        at++
        const read = readFunction(tokens, at, { name: next, negated: true, nested }, notes)
        at = read.at
        if (read.condition !== null) add(read.condition, token)
      } else notes.push(lostNegation(token))
    } else if (token.type === 'ident' && isFunction(token)) {
      const read = readFunction(tokens, at, { name: token, negated: false, nested }, notes)
      at = read.at
      if (read.condition !== null) add(read.condition, token)
    } else if (token.type === 'ident') {
      const { type, path } = fieldOf(token.value)
      if (type === undefined) {
        notes.push(unknownWord(token))
        if (/^(and|or)$/i.test(token.value))
          joined = true // said already
        else dropping = true
        continue
      }
      if (!hasPath(type) && path !== '') notes.push(pathIgnored(token))
      const operator = tokens[at++]
      const value = tokens[at++]
      if (operator === undefined || value === undefined) throw new ParseStop(incomplete(token))
      add(condition({ type, field: token, operator, value }, notes), token)
    } else if (token.type === 'conditional') {
      joints.push(token)
      joined = true
      dropping = false
    } else if (token.type !== 'eos') {
      const afterCall = token.type === 'parenright' && previousEnd !== null
      if (!afterCall && !dropping) notes.push(stray(token))
    }
    previousEnd = token
  }
  const operator = joints.at(-1)?.value === 'or' ? 'or' : 'and'
  if (new Set(joints.map((joint) => joint.value)).size > 1) notes.push(mixed(joints))
  const last = tokens.at(-2)
  if (last?.type === 'conditional') notes.push(dangling(last))
  return { operator, children, empty }
}

/** Whether the `)` that ended these tokens belongs to a function call among them. */
function endsInCall(inner: readonly Token[]): boolean {
  return inner.some((token, index) => isFunction(token) && inner[index + 1]?.type === 'parenleft')
}

const isFunction = (token: Token): boolean => token.value === 'contains' || token.value === 'match'

/** A word and the words after its dots become one token, wherever they stand; a number or a reserved word ends it. */
function joinPaths(tokens: readonly Token[]): Token[] {
  const joined: Token[] = []
  for (let at = 0; at < tokens.length; at++) {
    let token = tokens[at]!
    while (token.type === 'ident' && tokens[at + 1]?.type === 'dot' && tokens[at + 2]?.type === 'ident') {
      const part = tokens[at + 2]!
      token = { ...token, value: `${token.value}.${part.value}`, end: part.end }
      at += 2
    }
    joined.push(token)
  }
  return joined
}

/** The field that a word begins with, and the path below it. */
function fieldOf(word: string): {
  readonly root: string
  readonly path: string
  readonly type: TriggerCondition['type'] | undefined
} {
  const dot = word.indexOf('.')
  const root = dot < 0 ? word : word.slice(0, dot)
  const path = dot < 0 ? '' : word.slice(dot + 1)
  return { root, path, type: Object.hasOwn(fields, root) ? fields[root] : undefined }
}

/** Functions look only at how the word begins: `contextual.a` is a path of that name below the context. */
function functionField(word: string): ReturnType<typeof fieldOf> {
  const known = fieldOf(word)
  if (known.type !== undefined) return known
  const root = pathFields.find((name) => word.startsWith(name))
  return root === undefined ? known : { root: word, path: '', type: fields[root] }
}

/** Name, skip one, field, skip one, value, skip one: the package does not look at what it skips. */
function readFunction(
  tokens: readonly Token[],
  from: number,
  call: { readonly name: Token; readonly negated: boolean; readonly nested: boolean },
  notes: Note[],
): { readonly condition: TriggerCondition | null; readonly at: number } {
  const name = call.name.value
  const open = tokens[from]
  const field = tokens[from + 1]
  if (field === undefined) {
    throw new ParseStop(syntax(`${name}() needs a field and a text`, call.name.start, `write ${name}(event, "…")`))
  }
  const comma = tokens[from + 2]
  const value = tokens[from + 3]
  const close = tokens[from + 4]
  if (value === undefined) {
    throw new ParseStop(syntax(`${name}() needs a text after the field`, field.start, `write ${name}(event, "…")`))
  }
  const at = from + 5
  if (open?.type !== 'parenleft') notes.push(skipped(open ?? call.name, '('))
  if (comma?.type !== 'comma') notes.push(skipped(comma ?? field, ','))
  // In parentheses the call's own `)` has ended them: that is told where they are read.
  if (close !== undefined && close.type !== 'parenright' && !(call.nested && close.type === 'eos'))
    notes.push(skipped(close, ')'))
  const { root, path, type } = functionField(field.value)
  if (type !== undefined && hasPath(type) && !Object.hasOwn(fields, field.value.split('.')[0] ?? '')) {
    notes.push(prefixed(field, type))
  }
  if (type === undefined || type === 'event-type' || (!hasPath(type) && path !== '')) {
    notes.push(functionDropped(call.name, field.value))
    return { condition: null, at }
  }
  const text = String(readValue(value))
  if (value.type !== 'string') notes.push(notText(value, name))
  const operator = name === 'contains' ? 'contains' : text.endsWith('*') ? 'starts_with' : 'ends_with'
  if (name === 'match') noteMatch(text, value, notes)
  const wanted = name === 'contains' ? text : operator === 'starts_with' ? text.slice(0, -1) : text.slice(1)
  return {
    condition: {
      type,
      ...(hasPath(type) ? { name: path === '' ? root : path } : {}),
      operator: call.negated ? `not_${operator}` : operator,
      value: wanted,
    },
    at,
  }
}

function condition(parts: ConditionParts, notes: Note[]): TriggerCondition {
  const { type, field, operator: operatorToken, value: valueToken } = parts
  noteCondition(parts, notes)
  const operator = operatorToken.value
  const value = readValue(valueToken)
  const { root, path } = fieldOf(field.value)
  const head = hasPath(type) ? { type, name: path === '' ? root : path } : { type }
  const knowsNull = type !== 'event' && type !== 'event-type'
  if (knowsNull && valueToken.value === 'null' && operator === '=') return { ...head, operator: 'not_exists' }
  if (knowsNull && valueToken.value === 'null' && operator === '!=') return { ...head, operator: 'exists' }
  const knowsBoolean = hasPath(type) || type === 'userId'
  if (knowsBoolean && typeof value === 'boolean' && operator === '=') {
    return { ...head, operator: value ? 'is_true' : 'is_false' }
  }
  if (!hasPath(type)) return { ...head, operator, value: String(value) }
  if (typeof value === 'number' && operator === '=') return { ...head, operator: 'number_equals', value }
  if (typeof value === 'number' && operator === '!=') return { ...head, operator: 'number_not_equals', value }
  return { ...head, operator, value }
}

/** Double quotes are taken off, single quotes stay: they are part of the value. */
function readValue(token: Token): string | number | boolean {
  if (token.type === 'string') return token.value.startsWith('"') ? token.value.slice(1, -1) : token.value
  if (token.type === 'number') return Number(token.value)
  if (token.type === 'ident' && (token.value === 'true' || token.value === 'false')) return token.value === 'true'
  return token.value
}
