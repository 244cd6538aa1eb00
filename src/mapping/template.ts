/**
 * `@template`: text with `{{path}}` and `{{{path}}}` in it. Cut once into pieces; what comes from the data is never looked
 * at for braces again, whichever braces brought it in.
 */
import { ExactNumber } from '../json.ts'
import { keysOf, type Read, reader } from './path.ts'

export interface Template {
  readonly render: (scope: unknown) => string
  /** The keys of each path in it. */
  readonly paths: readonly (readonly string[])[]
}

type Piece = { readonly text: string } | { readonly keys: readonly string[] }

export function parseTemplate(template: string): Template {
  const pieces = cut(template, 3).flatMap((piece) => ('text' in piece ? cut(piece.text, 2) : [piece]))
  const paths = pieces.flatMap((piece) => ('keys' in piece ? [piece.keys] : []))
  return { render: renderer(pieces), paths }
}

/**
 * Text between as many opening and closing braces, without a closing brace inside, and not empty. White space at its ends does
 * not count, and `$.` is not special. A template can come from an event: one pass, whatever it is made of.
 */
function cut(template: string, braces: 2 | 3): Piece[] {
  const [open, close] = ['{'.repeat(braces), '}'.repeat(braces)]
  const pieces: Piece[] = []
  let done = 0
  let end = -1
  for (let start = template.indexOf(open); start >= 0; start = template.indexOf(open, start)) {
    const inside = start + braces
    if (end < inside) end = template.indexOf('}', inside)
    if (end < 0) break
    if (end === inside || !template.startsWith(close, end)) {
      start++
      continue
    }
    if (start > done) pieces.push({ text: template.slice(done, start) })
    pieces.push({ keys: keysOf(template.slice(inside, end).trim()) })
    done = start = end + braces
  }
  if (done < template.length) pieces.push({ text: template.slice(done) })
  return pieces
}

function renderer(pieces: readonly Piece[]): (scope: unknown) => string {
  const parts = pieces.map((piece): string | Read => ('text' in piece ? piece.text : readerOf(piece.keys)))
  const [only] = parts
  if (only === undefined) return () => ''
  if (parts.length === 1) return typeof only === 'string' ? () => only : (scope) => toText(only(scope))
  return (scope) => {
    let text = ''
    for (const part of parts) text += typeof part === 'string' ? part : toText(part(scope))
    return text
  }
}

/** The whole of nothing prints as an empty object does. */
function readerOf(keys: readonly string[]): Read {
  return keys.length > 0 ? reader(keys) : (scope) => (scope === undefined ? {} : scope)
}

/** As JavaScript prints a value, save that nothing inside the value can take part in the printing. */
export function toText(value: unknown): string {
  if (typeof value === 'string') return value
  if (value === null || value === undefined) return ''
  if (typeof value !== 'object' || value instanceof ExactNumber) return String(value)
  return Array.isArray(value) ? value.map(toText).join(',') : '[object Object]'
}
