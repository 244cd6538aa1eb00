/** Two hundred kinds of message that are no event, each with the reason it must be set aside for. */
import type { DeadLetterReason } from '../../src/enrich/outcome.ts'

export interface Poison {
  readonly value: Buffer | null
  readonly reason: DeadLetterReason
}

export function poison(): Poison[] {
  const all: Poison[] = [
    { value: null, reason: 'empty_value' },
    { value: Buffer.alloc(0), reason: 'empty_value' },
  ]
  const add = (reason: DeadLetterReason, ...values: (string | Buffer)[]) => {
    for (const value of values) all.push({ value: Buffer.from(value as string), reason })
  }
  const event = '{"type":"track","event":"Order","properties":{"sku":"SKU-1","tags":["a","b"]}}'
  // Cut short at every place.
  for (let length = 1; length < event.length; length++) add('invalid_json', event.slice(0, length))
  // Control characters inside text, none of which JSON allows.
  for (let code = 1; code < 0x20; code++) add('invalid_json', `{"a":"x${String.fromCharCode(code)}y"}`)
  // One wrong character.
  for (const character of ['\u0000', '\u001f', '\t\u0001', '\\', '}', ']', ',', ':', "'"])
    add('invalid_json', `{"a":"x"${character}}${character}`)
  add(
    'invalid_json',
    ' ',
    '\n\n',
    '{}{}',
    '{},',
    '{"a":1,}',
    '[1,]',
    '{a:1}',
    "{'a':1}",
    '{"a":01}',
    '{"a":1.}',
    '{"a":.5}',
    '{"a":+1}',
    '{"a":0x10}',
    '{"a":1e}',
    '{"a":--1}',
  )
  add(
    'invalid_json',
    '{"a":NaN}',
    '{"a":Infinity}',
    '{"a":undefined}',
    '{"a":True}',
    '{"a":nul}',
    '{"a":"\\x41"}',
    '{"a":"\\u12"}',
    '{"a":"\\"}',
    '{"a":"line\nbreak"}',
    '{"a":"tab\there"}',
  )
  add(
    'invalid_json',
    '\ufeff{"type":"track"}',
    '/* comment */ {}',
    '{} // comment',
    '<html>502 Bad Gateway</html>',
    '<?xml version="1.0"?><a/>',
    'type=track&event=Order',
    'null null',
    '{"a":1}\n{"b":2}',
    '---\ntype: track',
    'undefined',
    'track,Order,1',
    '"unclosed',
    '{"type":"track"]',
  )
  add(
    'not_an_object',
    'null',
    'true',
    'false',
    '0',
    '-1.5e10',
    '""',
    '"text"',
    '[]',
    '[{}]',
    '[{"type":"track"}]',
    ' 42 ',
    '"{\\"type\\":\\"track\\"}"',
  )
  // Bytes that are no UTF-8.
  for (const byte of [0x80, 0x81, 0xa0, 0xbf, 0xc0, 0xc1, 0xf5, 0xf8, 0xfc, 0xfe, 0xff])
    add('invalid_utf8', Buffer.concat([Buffer.from('{"a":"'), Buffer.from([byte]), Buffer.from('"}')]))
  for (const bytes of ['c0af', 'e08080', 'eda080', 'edbfbf', 'f0808080', 'f4908080', 'c3', 'e282', 'f09f98'])
    add('invalid_utf8', Buffer.concat([Buffer.from('{"a":"'), Buffer.from(bytes, 'hex'), Buffer.from('"}')]))
  add(
    'invalid_utf8',
    Buffer.from('1f8b08000000000000ff', 'hex'),
    Buffer.from('28b52ffd', 'hex'),
    Buffer.from('00000000018caf', 'hex'),
    Buffer.from('c30101c2d2', 'hex'),
    Buffer.from('fffe7b007d00', 'hex'),
  )
  add(
    'invalid_json',
    Buffer.from('{"type":"track"}', 'utf16le'),
    Buffer.from([0, 0, 0, 0, 1, 2, 3]),
    Buffer.from('0a0574726163', 'hex'),
    Buffer.from('504b0304', 'hex'),
  )
  // Over the limits, well-formed or not.
  for (const depth of [1001, 1500, 5000, 20_000])
    add(
      'too_deep',
      '['.repeat(depth) + ']'.repeat(depth),
      `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`,
      '[{"a":'.repeat(depth),
    )
  for (const keys of [10_001, 20_000, 40_000])
    add(
      'too_many_keys',
      `{${Array.from({ length: keys }, (_, n) => `"k${n}":1`).join()}}`,
      `{"type":"track","a":[${'{"a":1},'.repeat(keys)}{}]}`,
    )
  return all
}
