/** The data graph's text as tokens with their places. Lines and columns count from 1. */
import type { Problem } from '../errors.ts'

export interface Place {
  readonly line: number
  readonly column: number
}

export interface Token extends Place {
  /** `text` is a quoted value, `word` a bare one (a name, `true`, or what should have had quotes). */
  readonly kind: 'word' | 'text' | '{' | '}' | '=' | ':' | 'end'
  readonly value: string
}

export function graphProblem(
  code: string,
  message: string,
  place: Place,
  hint: string | null = null,
  severity: Problem['severity'] = 'error',
): Problem {
  return {
    code,
    severity,
    message: clip(message, 240),
    file: null,
    line: place.line,
    column: place.column,
    hint: hint === null ? null : clip(hint, 240),
  }
}

const pattern =
  /(?<space>[ \t\r\uFEFF]+)|(?<line>\n)|(?<comment>#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|(?<text>"(?:[^"\\\n]|\\.)*"?)|(?<single>'[^'\n]*')|(?<separator>[,;])|(?<mark>[{}=:])|(?<word>(?:(?!\/[/*])[^\s{}="#:,;])+(?::(?:(?!\/[/*])[^\s{}="#:,;])+)*)|(?<other>[\s\S])/gy

export function tokens(text: string, problems: Problem[]): Token[] {
  const found: Token[] = []
  let line = 1
  let lineStart = 0
  pattern.lastIndex = 0
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [whole] = match
    const groups = match.groups!
    const place = { line, column: match.index - lineStart + 1 }
    if (groups.text !== undefined) found.push({ kind: 'text', value: unquoted(whole, place, problems), ...place })
    else if (groups.single !== undefined) {
      problems.push(
        graphProblem('syntax', 'text stands in double quotes', place, `write "${clip(whole.slice(1, -1))}"`),
      )
      found.push({ kind: 'text', value: whole.slice(1, -1), ...place })
    } else if (groups.separator !== undefined) {
      problems.push(graphProblem('syntax', `there is no "${whole}" in a data graph`, place, 'take it away'))
    } else if (groups.word !== undefined) found.push({ kind: 'word', value: whole, ...place })
    else if (groups.mark !== undefined) found.push({ kind: whole as Token['kind'], value: whole, ...place })
    else if (groups.other !== undefined)
      problems.push(graphProblem('syntax', `unexpected character ${JSON.stringify(whole)}`, place))
    for (let at = whole.indexOf('\n'); at >= 0; at = whole.indexOf('\n', at + 1)) {
      line++
      lineStart = match.index + at + 1
    }
  }
  found.push({ kind: 'end', value: '', line, column: text.length - lineStart + 1 })
  return found
}

/** Enough of a text to know which one is meant. */
export function clip(text: string, length = 60): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text
}

function unquoted(quoted: string, place: Place, problems: Problem[]): string {
  if (quoted.length < 2 || !/(^|[^\\])(\\\\)*"$/.test(quoted.slice(1))) {
    problems.push(graphProblem('syntax', 'a quote is opened and not closed on this line', place, 'close it with "'))
    return quoted.slice(1)
  }
  return quoted
    .slice(1, -1)
    .replace(/\\(.)/g, (_, character: string) => ({ n: '\n', t: '\t', r: '\r' })[character] ?? character)
}
