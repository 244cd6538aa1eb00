/**
 * Names that operators write become SQL only here: parsed by a grammar, each part quoted. A part is bare (anything but a
 * dot, a quote, white space or a control character) or quoted ("…", with "" for a quote); a table has one to three parts.
 */
import { LinkedEventsError } from '../errors.ts'

const partsMax = 3
const partLengthMax = 255

/** Bare parts may hold what engines allow in a quoted name; what could end a name is not among it. */
const bare = /^[^\s."'`;,()[\]{}\\\p{Cc}]+/u
const quoted = /^"((?:[^"\p{Cc}]|"")+)"/u

/** The one to three names of a `table_ref`. */
export function parseTableRef(text: string): readonly string[] {
  const parts: string[] = []
  let rest = text
  for (;;) {
    const match = quoted.exec(rest) ?? bare.exec(rest)
    const part = match?.[1]?.replaceAll('""', '"') ?? match?.[0]
    if (match === null || part === undefined || part.length > partLengthMax || parts.length === partsMax) break
    parts.push(part)
    rest = rest.slice(match[0].length)
    if (rest === '') return parts
    if (!rest.startsWith('.')) break
    rest = rest.slice(1)
  }
  throw new LinkedEventsError('TABLE_MISSING', `table_ref ${JSON.stringify(text)} is not the name of a table`, {
    hint: 'write one to three names with dots between them, "quoted" where they hold a dot or a space',
  })
}

/** A name inside standard SQL's quotes, where nothing but its own quotes needs care. */
export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A text literal of standard SQL. Callers pass our own values; names of operators go through `quote`. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** A `table_ref`, each part quoted. */
export function quoteRef(ref: string): string {
  return parseTableRef(ref).map(quote).join('.')
}
