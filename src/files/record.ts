/** How records look in a file: one JSON line each. */
import type { DeadLetterReason } from '../enrich/outcome.ts'
import { headersFor, ownHeaders, type Provenance } from '../enrich/provenance.ts'
import { type Header, headersOf, type Message } from '../enrich/source.ts'

const own = new Set<string>(ownHeaders)

/** The record's value on one line: a line break in JSON is white space, and becomes a blank. */
export function valueLine(value: Uint8Array): Buffer {
  const line = Buffer.allocUnsafe(value.length + 1)
  line.set(value)
  for (let at = line.indexOf(0x0a); at >= 0 && at < value.length; at = line.indexOf(0x0a, at)) line[at] = 0x20
  line[value.length] = 0x0a
  return line
}

/** `{ key, value, headers, partition, time }`; the value is the record's JSON as it stands. */
export function envelopeLine(
  message: Message,
  value: Uint8Array,
  provenance: Provenance,
  extraHeaders: readonly (readonly [name: string, value: string])[] = [],
): Buffer {
  const headers = headersOf(message).filter(({ name }) => !own.has(name))
  for (const [name, text] of [...headersFor(provenance, message), ...extraHeaders])
    headers.push({ name, value: Buffer.from(text) })
  const head = JSON.stringify({
    ...keyOf(message),
    partition: message.partition,
    time: timeOf(message),
    headers: headersObject(headers),
  })
  return valueLine(Buffer.from(`${head.slice(0, -1)},"value":${Buffer.from(value).toString('utf8')}}`))
}

/** `{ reason, message, source, time, key, value | value_base64, headers }`: the message byte for byte, and why. */
export function deadLetterLine(message: Message, reason: DeadLetterReason, explanation: string): Buffer {
  const value = message.valueStart < 0 ? null : message.bytes.subarray(message.valueStart, message.valueEnd)
  const line = {
    reason,
    message: explanation,
    source: `${message.topic}/${message.partition}/${message.offset}`,
    time: timeOf(message),
    ...keyOf(message),
    ...(value === null ? { value: null } : textOrBase64('value', value)),
    headers: headersObject(headersOf(message)),
  }
  return Buffer.from(`${JSON.stringify(line)}\n`)
}

function keyOf(message: Message): Record<string, string | null> {
  if (message.keyStart < 0) return { key: null }
  return textOrBase64('key', message.bytes.subarray(message.keyStart, message.keyEnd))
}

function textOrBase64(name: string, bytes: Buffer): Record<string, string> {
  const text = bytes.toString('utf8')
  return Buffer.from(text).equals(bytes) ? { [name]: text } : { [`${name}_base64`]: bytes.toString('base64') }
}

/** Name → text, or a list of texts where a name occurs more than once. */
function headersObject(headers: readonly Header[]): Record<string, string | null | (string | null)[]> {
  const object: Record<string, string | null | (string | null)[]> = {}
  for (const { name, value } of headers) {
    const text = value === null ? null : value.toString('utf8')
    const before = object[name]
    object[name] = before === undefined ? text : Array.isArray(before) ? [...before, text] : [before, text]
  }
  return object
}

function timeOf(message: Message): string {
  return new Date(message.timestamp).toISOString()
}
