/**
 * Segment's trigger language: the condition under which a mapping applies to an event. Parsed once, compiled to closures,
 * and in its plain form equal to `@segment/destination-subscriptions`, traps included; `strict` is the wider language without them.
 */
import { LinkedEventsError, type Problem } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import { positionAt } from '../position.ts'
import { keysOf } from './compile.ts'
import { hasPath } from './fields.ts'
import { generatePredicate } from './generate.ts'
import type { TriggerGroup, TriggerNode } from './node.ts'
import type { Note } from './notes.ts'
import { type Parsed, parse } from './parser.ts'
import { printGroup, printStrict } from './print.ts'
import { compileStrict } from './strict-compile.ts'
import { parseStrict } from './strict-parser.ts'

export interface CompiledTrigger {
  /** Whether the mapping applies to the event. Never throws. */
  matches(event: JsonObject): boolean
  readonly ast: TriggerNode
  /** The trigger again, in the language it was compiled from, with what the parser dropped left out. */
  toString(): string
}

export interface TriggerOptions {
  /** The wider language of destination filters, in which what the plain one drops without a word is an error. */
  readonly strict?: boolean
}

/** @throws LinkedEventsError TRIGGER_INVALID, with the line and column of each problem. */
export function compileTrigger(text: string, options: TriggerOptions = {}): CompiledTrigger {
  if (typeof text !== 'string') throw invalid('', [notText()])
  if (options.strict === true) {
    const { ast, notes } = parseStrict(text)
    if (ast === null) throw invalid(text, notes)
    const matches = compileStrict(ast)
    return { matches: (event) => matches(event) === true, ast, toString: () => printStrict(ast) }
  }
  const { ast, notes } = parsePlain(text)
  if (ast === null) throw invalid(text, notes)
  const matches = generatePredicate(ast)
  return { matches, ast, toString: () => printGroup(ast) }
}

/** Everything worth telling the author: the errors that compiling would throw, and a warning for each silent trap. */
export function checkTrigger(text: string, options: TriggerOptions = {}): Problem[] {
  if (typeof text !== 'string') return problemsOf('', [notText()])
  return problemsOf(text, (options.strict === true ? parseStrict(text) : parsePlain(text)).notes)
}

/** Parsing, plus the one thing that only fails when it is evaluated: a path that has no key. */
function parsePlain(text: string): Parsed {
  const parsed = parse(text)
  if (parsed.ast === null || !hasEmptyPath(parsed.ast)) return parsed
  const hint = 'write properties.name'
  const note: Note = { code: 'syntax', severity: 'error', message: 'a path without a name', at: 0, hint }
  return { ast: null, notes: [...parsed.notes, note] }
}

function hasEmptyPath(group: TriggerGroup): boolean {
  return group.children.some((child) =>
    child.type === 'group' ? hasEmptyPath(child) : hasPath(child.type) && keysOf(child.name ?? '').length === 0,
  )
}

const notText = (): Note => ({ code: 'syntax', severity: 'error', message: 'a trigger is text', at: 0, hint: null })

/** A text that is no trigger at all has something wrong at every word; nobody reads more than these. */
const problemsMax = 100

function problemsOf(text: string, notes: readonly Note[]): Problem[] {
  const inOrder = [...notes].sort((a, b) => a.at - b.at).slice(0, problemsMax)
  return inOrder.map(({ code, severity, message, at, hint }) => {
    const { line, column } = positionAt(text, at)
    return { code, severity, message, file: null, line, column, hint }
  })
}

function invalid(text: string, notes: readonly Note[]): LinkedEventsError {
  const problems = problemsOf(
    text,
    notes.filter((note) => note.severity === 'error'),
  )
  const first = problems[0]
  const place = first === undefined ? '' : ` (line ${first.line}, column ${first.column})`
  const details = first?.hint ? { problems, hint: first.hint } : { problems }
  return new LinkedEventsError('TRIGGER_INVALID', `the trigger cannot be compiled: ${first?.message}${place}`, details)
}
