/** The functions of the wider trigger language. A value they do not apply to gives null, or false where they answer yes or no. */
import { ExactNumber } from '../json.ts'

interface TriggerFunction {
  readonly arity: number
  readonly call: (...values: readonly unknown[]) => unknown
}

const onText =
  (change: (text: string) => unknown) =>
  (value: unknown): unknown =>
    typeof value === 'string' ? change(value) : null

/** Runs of letters and digits, cut where a small letter or a digit is followed by a capital. */
const words = (text: string): string[] => text.replace(/([\p{Ll}\d])(\p{Lu})/gu, '$1 $2').match(/[\p{L}\p{N}]+/gu) ?? []

export const functions: Readonly<Record<string, TriggerFunction>> = {
  contains: {
    arity: 2,
    call: (value, part) => {
      if (typeof value === 'string') return typeof part === 'string' && value.includes(part)
      return false
    },
  },
  match: {
    arity: 2,
    call: (value, pattern) => typeof value === 'string' && typeof pattern === 'string' && globMatches(value, pattern),
  },
  length: {
    arity: 1,
    call: (value) => {
      if (typeof value === 'string') return Buffer.byteLength(value)
      return Array.isArray(value) ? value.length : 0
    },
  },
  lowercase: { arity: 1, call: onText((text) => text.toLowerCase()) },
  uppercase: { arity: 1, call: onText((text) => text.toUpperCase()) },
  snakecase: { arity: 1, call: onText((text) => words(text).join('_').toLowerCase()) },
  kebabcase: { arity: 1, call: onText((text) => words(text).join('-').toLowerCase()) },
  titlecase: {
    arity: 1,
    call: onText((text) =>
      words(text)
        .map((word) => word.charAt(0).toUpperCase() + word.slice(1).toLowerCase())
        .join(' '),
    ),
  },
  typeof: { arity: 1, call: typeName },
  bool: {
    arity: 1,
    call: (value) => {
      if (typeof value === 'string') return value === 'true'
      return typeof value === 'number' || value instanceof ExactNumber ? Number(value) !== 0 : value === true
    },
  },
  string: {
    arity: 1,
    call: (value) => {
      if (value === null || value === undefined) return null
      return typeof value === 'object' && !(value instanceof ExactNumber) ? JSON.stringify(value) : String(value)
    },
  },
  number: {
    arity: 1,
    call: (value) => {
      if (typeof value === 'boolean') return Number(value)
      if (typeof value === 'string' && value.trim() === '') return null
      if (typeof value !== 'string' && typeof value !== 'number' && !(value instanceof ExactNumber)) return null
      const number = Number(value)
      return Number.isNaN(number) ? null : number
    },
  },
}

function typeName(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (typeof value === 'boolean') return 'bool'
  if (value instanceof ExactNumber) return 'number'
  if (Array.isArray(value)) return 'list'
  return typeof value === 'object' ? 'map' : typeof value
}

type Piece = { readonly star: true } | { readonly star: false; readonly matches: (character: string) => boolean }

/** A glob over the whole text: `*`, `?`, `[abc]`, `[a-z]`, `\x`. One saved star is enough, so the time is bounded. */
export function globMatches(text: string, pattern: string): boolean {
  const pieces = glob(pattern)
  const characters = [...text]
  let at = 0
  let piece = 0
  let starPiece = -1
  let starAt = 0
  while (at < characters.length) {
    const current = pieces[piece]
    if (current?.star === true) {
      starPiece = piece++
      starAt = at
    } else if (current?.star === false && current.matches(characters[at]!)) {
      at++
      piece++
    } else if (starPiece >= 0) {
      piece = starPiece + 1
      at = ++starAt
    } else return false
  }
  while (pieces[piece]?.star === true) piece++
  return piece === pieces.length
}

function glob(pattern: string): readonly Piece[] {
  const pieces: Piece[] = []
  const characters = [...pattern]
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at]!
    const close = character === '[' ? characters.indexOf(']', at + 2) : -1
    if (character === '*') pieces.push({ star: true })
    else if (character === '?') pieces.push({ star: false, matches: () => true })
    else if (close > 0) {
      pieces.push({ star: false, matches: oneOf(characters.slice(at + 1, close)) })
      at = close
    } else {
      const literal = character === '\\' && at + 1 < characters.length ? characters[++at]! : character
      pieces.push({ star: false, matches: (other) => other === literal })
    }
  }
  return pieces
}

function oneOf(characters: readonly string[]): (character: string) => boolean {
  const ranges: (readonly [string, string])[] = []
  for (let at = 0; at < characters.length; at++) {
    const from = characters[at]!
    const to = characters[at + 1] === '-' ? characters[at + 2] : undefined
    ranges.push([from, to ?? from])
    if (to !== undefined) at += 2
  }
  return (character) => ranges.some(([from, to]) => character >= from && character <= to)
}
