/**
 * JSON without loss. A number that a double cannot hold stays an `ExactNumber` with its digits, so that a value which is
 * only passed on leaves as it came; everything else is plain JSON.
 */
export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject
export interface JsonObject {
  [key: string]: JsonValue
}

/** A JSON number whose digits a double would lose. It computes as its nearest double and prints as its digits. */
export class ExactNumber extends Number {
  readonly #text: string
  constructor(text: string) {
    super(Number(text))
    this.#text = text
  }
  override toString(): string {
    return this.#text
  }
  toJSON(): number {
    exactSeen = true
    return Number(this)
  }
}

/** `JSON.stringify` has met an `ExactNumber` since this was last set to false. */
let exactSeen = false

/** As `JSON.stringify`, save that every digit stays: it says itself whether there are any to lose. */
export function stringifyExact(value: unknown): string | undefined {
  const flat = flatText(value)
  if (flat !== null) return flat
  exactSeen = false
  const text = JSON.stringify(value)
  return exactSeen ? encodeJson(value) : text
}

const membersMax = 16
const charactersMax = 64

/**
 * A small plain object of short texts, booleans and null, in half the time that `JSON.stringify` takes to begin; null: it is
 * something else, or one of its texts may have to be escaped.
 */
function flatText(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return null
  let text = ''
  let members = 0
  for (const key in value) {
    const member = (value as Record<string, unknown>)[key]
    if (++members > membersMax || !isPlain(key)) return null
    text += text === '' ? '{"' : ',"'
    if (typeof member === 'string' && isPlain(member)) text += `${key}":"${member}"`
    else if (member === null || typeof member === 'boolean') text += `${key}":${member}`
    else return null
  }
  return text === '' ? '{}' : `${text}}`
}

/** Short ASCII in which JSON escapes nothing. */
function isPlain(text: string): boolean {
  if (text.length > charactersMax) return false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 0x20 || code > 0x7e || code === 0x22 || code === 0x5c) return false
  }
  return true
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber)
}

/** The value at a path of own properties, or undefined: what is not in the text is not there. */
export function valueAtPath(event: JsonObject, path: readonly string[]): JsonValue | undefined {
  let value: JsonValue | undefined = event
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = (value as JsonObject)[part]
  }
  return value
}

/**
 * Whether the text may hold a number that would not leave as it came: digits that a double loses, an exponent of three
 * digits, or plain digits that a double prints with an exponent. Each of them has three digits in a row, so every third
 * character is looked at: a pattern over the whole text would cost twice what `JSON.parse` does.
 */
function mayNeedDigits(text: string): boolean {
  const end = text.length
  for (let at = 2; at < end; at += 3) {
    const code = text.charCodeAt(at)
    if (code < 0x30 || code > 0x39) continue
    let from = at
    while (from > 0 && isInNumber(text.charCodeAt(from - 1))) from--
    while (at < end && isInNumber(text.charCodeAt(at))) at++
    if (at - from >= 5 && isBeforeValue(text.charCodeAt(from - 1)) && suspicious.test(text.slice(from, at))) return true
  }
  return false
}

function isInNumber(code: number): boolean {
  return code >= 0x30 ? code <= 0x39 || code === 0x65 || code === 0x45 : code === 0x2e || code === 0x2d || code === 0x2b
}

/** Digits inside a text, as of the identifiers that are in every event, mostly follow something else. NaN: nothing is before. */
function isBeforeValue(code: number): boolean {
  return code === 0x3a || code === 0x2c || code === 0x5b || code <= 0x20 || Number.isNaN(code)
}

/** 17 digits, 16 from 9007199254740993 on or with an exponent, an exponent of three digits, decimals below 1e-6. */
const suspicious = /[\d.]{17}|9\d{15}|\d{16}[eE]|\d[eE][+-]?\d{3}|0\.0{6}/

/**
 * Parses JSON text; numbers that a double cannot hold, or would print with an exponent that they have not, become
 * `ExactNumber`.
 * @throws SyntaxError as `JSON.parse` does.
 */
export function parseJson(text: string): JsonValue {
  const value = JSON.parse(text) as JsonValue
  return mayNeedDigits(text) ? new ExactParser(text).value() : value
}

/** Compact JSON text of a value; `undefined` becomes null in arrays and is left out of objects, as `JSON.stringify` does. */
export function encodeJson(value: unknown): string {
  return hasExact(value, 0) ? encode(value) : (JSON.stringify(value) ?? 'null')
}

/** Whether two JSON number texts may differ: the double of `text`, printed, is not the same number as `text`. */
export function losesDigits(text: string): boolean {
  return canonicalNumber(text) !== canonicalNumber(String(Number(text)))
}

function isExact(text: string): boolean {
  return losesDigits(text) || (/e/.test(String(Number(text))) && !/e/i.test(text))
}

/**
 * One text per number: plain digits, no exponent, no plus, no leading or trailing zeros, `0` for every zero.
 * `42.0`, `4.2e1` and `42` give `42`. Exponents beyond ±400 stay in exponent form. Text that is no number comes back as it is.
 */
export function canonicalNumber(text: string): string {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text)
  if (match === null) return text
  const [, sign = '', whole = '', fraction = '', exponentText = '0'] = match
  if (whole === '' && fraction === '') return text
  let digits = whole + fraction
  let point = whole.length + Number(exponentText)
  const zeros = /^0*/.exec(digits)?.[0].length ?? 0
  digits = digits.slice(zeros).replace(/0+$/, '')
  point -= zeros
  if (digits === '') return '0'
  const minus = sign === '-' ? '-' : ''
  if (point > 400 || point < -400) return `${minus}0.${digits}e${point}`
  if (point <= 0) return `${minus}0.${'0'.repeat(-point)}${digits}`
  if (point >= digits.length) return minus + digits + '0'.repeat(point - digits.length)
  return `${minus}${digits.slice(0, point)}.${digits.slice(point)}`
}

function hasExact(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return Object.is(value, -0)
  if (value instanceof ExactNumber) return true
  if (depth > 64) return true
  if (Array.isArray(value)) return value.some((item) => hasExact(item, depth + 1))
  for (const key in value) if (hasExact((value as Record<string, unknown>)[key], depth + 1)) return true
  return false
}

function encode(value: unknown): string {
  if (value instanceof ExactNumber) return value.toString()
  if (Object.is(value, -0)) return '-0'
  if (Array.isArray(value)) return `[${value.map(encode).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const members: string[] = []
  for (const [key, member] of Object.entries(value)) {
    if (member !== undefined) members.push(`${JSON.stringify(key)}:${encode(member)}`)
  }
  return `{${members.join(',')}}`
}

/** Walks text that `JSON.parse` has accepted, so it checks nothing. */
class ExactParser {
  readonly #text: string
  #at = 0
  constructor(text: string) {
    this.#text = text
  }

  value(): JsonValue {
    this.#space()
    const first = this.#text[this.#at]
    if (first === '{') return this.#object()
    if (first === '[') return this.#array()
    if (first === '"') return this.#string()
    if (first === 't') return this.#word(4, true)
    if (first === 'f') return this.#word(5, false)
    if (first === 'n') return this.#word(4, null)
    return this.#number()
  }

  #object(): JsonObject {
    const object: JsonObject = {}
    this.#at++
    for (;;) {
      this.#space()
      if (this.#take('}')) return object
      this.#take(',')
      this.#space()
      const key = this.#string()
      this.#space()
      this.#at++
      const value = this.value()
      if (key === '__proto__')
        Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })
      else object[key] = value
    }
  }

  #array(): JsonValue[] {
    const array: JsonValue[] = []
    this.#at++
    for (;;) {
      this.#space()
      if (this.#take(']')) return array
      this.#take(',')
      array.push(this.value())
      this.#space()
    }
  }

  #string(): string {
    const start = this.#at++
    for (;;) {
      const quote = this.#text.indexOf('"', this.#at)
      let slashes = 0
      while (this.#text[quote - 1 - slashes] === '\\') slashes++
      this.#at = quote + 1
      if (slashes % 2 === 0) return JSON.parse(this.#text.slice(start, this.#at)) as string
    }
  }

  #number(): number | (ExactNumber & number) {
    const start = this.#at
    while (/[-+.\deE]/.test(this.#text[this.#at] ?? '')) this.#at++
    const text = this.#text.slice(start, this.#at)
    return isExact(text) ? (new ExactNumber(text) as ExactNumber & number) : Number(text)
  }

  #word<T>(length: number, value: T): T {
    this.#at += length
    return value
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  #space(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at++
  }
}
