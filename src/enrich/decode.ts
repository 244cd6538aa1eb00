/** Bytes to event: limits first, then parsing. What is not an event gets a reason; nothing here throws. */
import { isObject, type JsonObject, parseJson } from '../json.ts'
import { type DeadLetterReason, deadLetterReasons } from './outcome.ts'
import type { Message } from './source.ts'

export interface Limits {
  /** Most bytes of a message's value. */
  readonly bytesMax: number
  /** Most levels of objects and arrays. */
  readonly depthMax: number
  /** Most object keys in the whole value. */
  readonly keysMax: number
}

export const defaultLimits: Limits = { bytesMax: 1_048_576, depthMax: 1000, keysMax: 10_000 }

export interface Decoded {
  readonly event: JsonObject
  /** The value as text; encoded as UTF-8 it is the message's value again, byte for byte. */
  readonly text: string
}

export interface Rejected {
  readonly reason: DeadLetterReason
  readonly explanation: string
}

export function decode(message: Message, limits: Limits): Decoded | Rejected {
  const size = message.valueStart < 0 ? 0 : message.valueEnd - message.valueStart
  if (size === 0) return rejected('empty_value')
  if (size > limits.bytesMax) return rejected('too_large', `${size} bytes, the limit is ${limits.bytesMax}`)
  const text = message.bytes.toString('utf8', message.valueStart, message.valueEnd)
  if (text.includes('\ufffd') && !isUtf8(message)) return rejected('invalid_utf8')
  // Two characters a level, three a key: shorter text cannot be over a limit.
  if (size > 2 * limits.depthMax || size > 3 * limits.keysMax) {
    const over = overLimit(text, limits)
    if (over !== null) return over
  }
  let value: unknown
  try {
    value = parseJson(text)
  } catch (error) {
    return rejected('invalid_json', error instanceof Error ? withoutContent(error.message) : undefined)
  }
  if (!isObject(value))
    return rejected(
      'not_an_object',
      `it is ${value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`}`,
    )
  return { event: value, text }
}

export function rejected(reason: DeadLetterReason, facts?: string): Rejected {
  return {
    reason,
    explanation: facts === undefined ? deadLetterReasons[reason] : `${deadLetterReasons[reason]} (${facts})`,
  }
}

function isUtf8(message: Message): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      message.bytes.subarray(message.valueStart, message.valueEnd),
    )
    return true
  } catch {
    return false
  }
}

/** The parser's message quotes the input; personal data must not reach headers and logs. The position is enough. */
function withoutContent(message: string): string {
  const position = /position (\d+)/.exec(message)
  if (position !== null) return `at position ${position[1]}`
  return /end of JSON input/.test(message) ? 'it ends too early' : 'unexpected character'
}

/** Counts levels and keys in text that may not even be JSON: strings are skipped, brackets counted. */
function overLimit(text: string, limits: Limits): Rejected | null {
  let depth = 0
  let keys = 0
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: // "
        at = stringEnd(text, at)
        break
      case 0x7b: // {
      case 0x5b: // [
        if (++depth > limits.depthMax) return rejected('too_deep', `the limit is ${limits.depthMax} levels`)
        break
      case 0x7d: // }
      case 0x5d: // ]
        depth--
        break
      case 0x3a: // :
        if (++keys > limits.keysMax) return rejected('too_many_keys', `the limit is ${limits.keysMax} keys`)
        break
    }
  }
  return null
}

/** Position of the quote that ends the string which begins at `at`; the end of the text if there is none. */
export function stringEnd(text: string, at: number): number {
  for (let quote = text.indexOf('"', at + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let slashes = 0
    while (text.charCodeAt(quote - 1 - slashes) === 0x5c) slashes++
    if (slashes % 2 === 0) return quote
  }
  return text.length
}
