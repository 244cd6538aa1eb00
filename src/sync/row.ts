/**
 * Canonical text from the warehouse becomes the row as the event will carry it, and the key as the event path looks it up.
 * The warehouse ships text, because every driver loses digits somewhere; what the text means is decided here alone.
 */
import { canonicalNumber, encodeJson, parseJson } from '../json.ts'
import { valueEnd } from '../row-text.ts'
import type { RowChange } from './store.ts'
import type { Change, ColumnKind, Source } from './warehouse.ts'

/** The delta as the snapshot takes it, page by page. */
export async function* rowChanges(
  source: Source,
  pages: AsyncIterable<readonly Change[]>,
): AsyncGenerator<readonly RowChange[]> {
  const encode = rowEncoder(source)
  const { kind } = source.key
  for await (const page of pages) {
    yield page.map((change) => ({
      key: keyText(kind, change[1]),
      row: change[0] === 'D' ? null : encode(change),
    }))
  }
}

/** JSON text of an object with all columns in the order of the table, the primary key among them. */
export function rowEncoder(source: Source): (change: Change) => string {
  const members = membersOf(source)
  return (change) => {
    let row = ''
    for (const { prefix, at, kind } of members) row += prefix + jsonText(kind, change[at] as string | null)
    return `${row}}`
  }
}

/** The JSON texts of the key and of the other columns, in the order of the source; null when the row has not these columns. */
export function rowDecoder(source: Source): (row: string) => readonly string[] | null {
  const members = membersOf(source)
  return (row) => {
    const values = new Array<string>(members.length)
    let from = 0
    for (const { prefix, at } of members) {
      if (!row.startsWith(prefix, from)) return null
      from += prefix.length
      const end = valueEnd(row, from)
      values[at - 1] = row.slice(from, end)
      from = end
    }
    return from === row.length - 1 ? values : null
  }
}

/** In the order of the table: what stands before each value, and its place in a `Change`. */
function membersOf(source: Source) {
  const payload = new Map(source.columns.map((column, index) => [column, index + 2]))
  return source.table.columns
    .filter((column) => column === source.key || payload.has(column))
    .map((column, index) => ({
      prefix: `${index === 0 ? '{' : ','}${JSON.stringify(column.name)}:`,
      at: payload.get(column) ?? 1,
      kind: column.kind,
    }))
}

/** One value as JSON text. */
export function jsonText(kind: ColumnKind, text: string | null): string {
  if (text === null) return 'null'
  switch (kind) {
    case 'integer':
      return isDigits(text) ? text : canonicalNumber(text)
    case 'decimal':
      return startsWithDigit(text) ? canonicalDecimal(text) : 'null'
    case 'float':
      return floatText(text) ?? 'null'
    case 'boolean':
      return text
    case 'date':
      return quoteOrNull(dateText(text))
    case 'timestamp':
      return quoteOrNull(timestampText(text, ''))
    case 'timestamp_zoned':
      return quoteOrNull(timestampText(text, 'Z'))
    case 'json':
      return jsonColumn(text)
    case 'text':
    case 'binary':
      return escaped.test(text) ? JSON.stringify(text) : `"${text}"`
  }
}

/** What JSON may have to escape: quotes, backslashes, control characters, surrogates that are alone. */
const escaped = /[^ !#-[\]-\ud7ff\ue000-\uffff]/

/** The key as `keyOf` of `src/key.ts` writes it: numbers canonical, text exact, times in the form in which the event has them. */
export function keyText(kind: ColumnKind, text: string): string {
  switch (kind) {
    case 'integer':
      return isDigits(text) ? text : canonicalNumber(text)
    case 'decimal':
      return canonicalNumber(text)
    case 'float': {
      const number = floatText(text)
      return number === null ? text : canonicalNumber(number)
    }
    case 'date':
      return dateText(text) ?? text
    case 'timestamp':
      return timestampText(text, '') ?? text
    case 'timestamp_zoned':
      return timestampText(text, 'Z') ?? text
    default:
      return text
  }
}

function isDigits(text: string): boolean {
  const first = text.charCodeAt(0)
  return (first > 48 && first <= 57) || text === '0' || (first === 45 && text.charCodeAt(1) !== 48)
}

function startsWithDigit(text: string): boolean {
  const code = text.charCodeAt(text.charCodeAt(0) === 45 ? 1 : 0)
  return code >= 46 && code <= 57
}

/** Decimals of most engines need no more than their trailing zeros cut. */
function canonicalDecimal(text: string): string {
  if (!/^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(text) || /^-0(?:\.0*)?$/.test(text)) return canonicalNumber(text)
  if (!text.includes('.')) return text
  let end = text.length
  while (text.charCodeAt(end - 1) === 48) end--
  if (text.charCodeAt(end - 1) === 46) end--
  return text.slice(0, end)
}

function floatText(text: string): string | null {
  const number = Number(text)
  return text !== '' && Number.isFinite(number) ? String(number) : null
}

function quoteOrNull(text: string | null): string {
  return text === null ? 'null' : `"${text}"`
}

const datePattern = /^(\d{4,7})-(\d\d-\d\d)( \(BC\)| BC)?$/
const timestampPattern =
  /^(\d{4,7})-(\d\d-\d\d)( \(BC\))?[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|[+-]00(?::?00)?)?( \(BC\)| BC)?$/

/** Null: an infinity, or what is no date. */
function dateText(text: string): string | null {
  const match = datePattern.exec(text)
  if (match === null) return null
  return `${year(match[1]!, match[3] !== undefined)}-${match[2]}`
}

/** RFC 3339 with three, six or nine digits of fraction; the text must be in UTC or without a zone. */
function timestampText(text: string, suffix: '' | 'Z'): string | null {
  const match = timestampPattern.exec(text)
  if (match === null) return null
  const [, years, day, era, time, fraction = '', eraBehind] = match
  const written = `${year(years!, (era ?? eraBehind) !== undefined)}-${day}T${time}`
  if (fraction === '') return `${written}.000${suffix}`
  const digits = fraction.replace(/0+$/, '')
  const width = digits.length <= 3 ? 3 : digits.length <= 6 ? 6 : 9
  return `${written}.${digits.padEnd(width, '0')}${suffix}`
}

/** Years that four digits cannot hold have ISO 8601's sign and six digits; 1 BC is the year 0. */
function year(text: string, beforeChrist: boolean): string {
  if (!beforeChrist && text.length === 4) return text
  const number = beforeChrist ? 1 - Number(text) : Number(text)
  const digits = String(Math.abs(number))
  return number === 0 ? '0000' : `${number < 0 ? '-' : '+'}${digits.padStart(6, '0')}`
}

const notANumber = /"(?:[^"\\]|\\.)*"|-?\b(?:NaN|nan|Infinity|inf)\b/g

/** Parsed and written again, so that it is one line; engines that write bare NaN get null for it. */
function jsonColumn(text: string): string {
  for (const candidate of [text, text.replace(notANumber, (found) => (found.startsWith('"') ? found : 'null'))]) {
    try {
      return encodeJson(parseJson(candidate))
    } catch (error) {
      if (error instanceof RangeError) break
      if (!(error instanceof SyntaxError)) throw error
    }
  }
  return JSON.stringify(text)
}
