/**
 * Merges a mapping's result into JSON text without touching any other character: numbers, key order, duplicate keys,
 * escapes and white space stay as they came. `format: event` is made of this.
 */
import { encodeJson, isObject, type JsonObject, type JsonValue } from '../json.ts'
import { stringEnd } from './decode.ts'

interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/**
 * The text of an object with `patch` merged in: objects key by key, anything else replaced; a new key goes to the end of
 * its object; of duplicate keys the last is the one replaced. `text` must be valid JSON of an object.
 */
export function splice(text: string, patch: JsonObject): string {
  const edits: Edit[] = []
  mergeObject(text, skipSpace(text, 0), patch, edits)
  if (edits.length === 0) return text
  edits.sort((a, b) => a.start - b.start)
  let result = ''
  let at = 0
  for (const edit of edits) {
    result += text.slice(at, edit.start) + edit.text
    at = edit.end
  }
  return result + text.slice(at)
}

function mergeObject(text: string, open: number, patch: JsonObject, edits: Edit[]): void {
  const wanted = Object.keys(patch)
  if (wanted.length === 0) return
  const found = new Map<string, { start: number; end: number }>()
  let at = skipSpace(text, open + 1)
  let lastValueEnd = -1
  while (text.charCodeAt(at) !== 0x7d) {
    const nameEnd = stringEnd(text, at)
    const name = nameOf(text, at, nameEnd)
    const start = skipSpace(text, skipSpace(text, nameEnd + 1) + 1)
    const end = valueEnd(text, start)
    if (Object.hasOwn(patch, name)) found.set(name, { start, end })
    lastValueEnd = end
    at = skipSpace(text, end)
    if (text.charCodeAt(at) === 0x2c) at = skipSpace(text, at + 1)
  }
  let added = ''
  for (const name of wanted) {
    const value = patch[name] as JsonValue
    const place = found.get(name)
    if (place === undefined)
      added += `${added === '' && lastValueEnd < 0 ? '' : ','}${JSON.stringify(name)}:${encodeJson(value)}`
    else if (isObject(value) && text.charCodeAt(place.start) === 0x7b) mergeObject(text, place.start, value, edits)
    else edits.push({ ...place, text: encodeJson(value) })
  }
  if (added !== '') {
    const end = lastValueEnd < 0 ? open + 1 : lastValueEnd
    edits.push({ start: end, end, text: added })
  }
}

function nameOf(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end)
  return raw.includes('\\') ? (JSON.parse(text.slice(start, end + 1)) as string) : raw
}

/** Position after the value that begins at `at`. */
function valueEnd(text: string, at: number): number {
  const first = text.charCodeAt(at)
  if (first === 0x22) return stringEnd(text, at) + 1
  if (first !== 0x7b && first !== 0x5b) {
    while (at < text.length && !isDelimiter(text.charCodeAt(at))) at++
    return at
  }
  for (let depth = 0; ; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22:
        at = stringEnd(text, at)
        break
      case 0x7b:
      case 0x5b:
        depth++
        break
      case 0x7d:
      case 0x5d:
        if (--depth === 0) return at + 1
        break
    }
  }
}

function isDelimiter(code: number): boolean {
  return code === 0x2c || code === 0x7d || code === 0x5d || isSpace(code)
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09
}

function skipSpace(text: string, at: number): number {
  while (isSpace(text.charCodeAt(at))) at++
  return at
}
