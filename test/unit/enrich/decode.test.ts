import { describe, expect, test } from 'vitest'
import { decode, defaultLimits } from '../../../src/enrich/decode.ts'
import { messageOf } from '../../support/pipeline.ts'

const limits = { bytesMax: 20_000, depthMax: 50, keysMax: 100 }
const reason = (value: string | Buffer | null) => {
  const decoded = decode(messageOf(value), limits)
  return 'reason' in decoded ? decoded.reason : 'event'
}

describe('what is not an event has a reason', () => {
  test.each<[string, string | Buffer | null, string]>([
    ['a tombstone', null, 'empty_value'],
    ['zero bytes', '', 'empty_value'],
    ['blanks', '   ', 'invalid_json'],
    ['cut short', '{"type":"track"', 'invalid_json'],
    ['two values', '{} {}', 'invalid_json'],
    ['a trailing comma', '{"a":1,}', 'invalid_json'],
    ['single quotes', "{'a':1}", 'invalid_json'],
    ['a byte order mark', '\ufeff{}', 'invalid_json'],
    ['NaN', '{"a":NaN}', 'invalid_json'],
    ['a raw line break in text', '{"a":"x\ny"}', 'invalid_json'],
    ['null', 'null', 'not_an_object'],
    ['a number', '42', 'not_an_object'],
    ['text', '"track"', 'not_an_object'],
    ['an array', '[{"type":"track"}]', 'not_an_object'],
    ['a lone continuation byte', Buffer.from([0x7b, 0x22, 0x80, 0x22, 0x3a, 0x31, 0x7d]), 'invalid_utf8'],
    ['an overlong encoding', Buffer.from([0x22, 0xc0, 0xaf, 0x22]), 'invalid_utf8'],
    ['a surrogate in UTF-8', Buffer.from([0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d]), 'invalid_utf8'],
    ['UTF-16', Buffer.from('{"a":1}', 'utf16le'), 'invalid_json'],
    ['gzip', Buffer.from('1f8b0800000000000003ab56', 'hex'), 'invalid_utf8'],
    ['too many bytes', `{"a":"${'x'.repeat(20_000)}"}`, 'too_large'],
    ['too deep', '['.repeat(51) + ']'.repeat(51), 'too_deep'],
    ['too deep and broken', `{"a":${'['.repeat(200)}`, 'too_deep'],
    ['too many keys', `{${Array.from({ length: 101 }, (_, n) => `"k${n}":${n}`).join()}}`, 'too_many_keys'],
  ])('%s', (_name, value, expected) => expect(reason(value)).toBe(expected))
})

describe('what is an event is one', () => {
  test.each<[string, string]>([
    ['an empty object', '{}'],
    ['the replacement character, written out', '{"a":"\ufffd"}'],
    ['a lone surrogate, escaped', '{"a":"\\ud800"}'],
    ['brackets and colons inside text', `{"a":"${'[{:'.repeat(200)}"}`],
    ['escaped quotes and brackets', `{"a":"${'\\"[\\\\'.repeat(100)}"}`],
    ['as deep as allowed', `${'{"a":'.repeat(49)}{}${'}'.repeat(49)}`],
    ['white space around', ' \r\n\t{"a":1}\n '],
    ['the prototype as a key', '{"__proto__":{"polluted":true}}'],
  ])('%s', (_name, value) => {
    const decoded = decode(messageOf(value), limits)
    if ('reason' in decoded) throw new Error(decoded.reason)
    expect(Buffer.from(decoded.text).toString()).toBe(value)
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })
})

test('an explanation never quotes the event', () => {
  const decoded = decode(messageOf('{"email":"ana@example.com",,}'), defaultLimits)
  expect(JSON.stringify(decoded)).not.toContain('ana@')
})
