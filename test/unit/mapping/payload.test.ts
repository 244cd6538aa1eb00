import { describe, expect, test } from 'vitest'
import { encodeJson, type JsonObject, parseJson } from '../../../src/json.ts'
import { compilePayloadSchema } from '../../../src/mapping/payload.ts'

const schema = {
  type: 'object',
  required: ['email'],
  properties: {
    email: { type: 'string', format: 'email' },
    name: { type: 'string' },
    age: { type: 'integer' },
    note: { type: ['string', 'null'] },
    tags: { type: 'array', items: { type: 'string' } },
    when: { type: 'string', format: 'date-like' },
    big: { type: 'number' },
    address: {
      type: 'object',
      properties: { street: { type: 'string' }, number: { type: 'number' } },
      additionalProperties: true,
    },
    anything: {},
  },
} as unknown as JsonObject

const check = (json: string) => {
  const checked = compilePayloadSchema(schema)(parseJson(json))
  return 'payload' in checked ? encodeJson(checked.payload) : checked.problems
}

describe('before the check, what is empty is removed', () => {
  test.each([
    ['null, unless the type allows it', '{"email":"a@b.c","name":null,"note":null}', '{"email":"a@b.c","note":null}'],
    ['empty text at the root', '{"email":"a@b.c","name":"","age":""}', '{"email":"a@b.c"}'],
    [
      'inside, empty text only where the field is no text',
      '{"email":"a@b.c","address":{"street":"","number":""}}',
      '{"email":"a@b.c","address":{"street":""}}',
    ],
    ['fields without a type are left alone', '{"email":"a@b.c","anything":null}', '{"email":"a@b.c","anything":null}'],
  ])('%s', (_name, payload, expected) => expect(check(payload)).toBe(expected))
})

describe('the check', () => {
  test.each([
    ['coerces what loses nothing', '{"email":"a@b.c","age":"42","name":5}', '{"email":"a@b.c","age":42,"name":"5"}'],
    ['makes one value a list of one', '{"email":"a@b.c","tags":"x"}', '{"email":"a@b.c","tags":["x"]}'],
    ['removes fields that the schema does not name', '{"email":"a@b.c","extra":1}', '{"email":"a@b.c"}'],
    [
      'keeps them where it says additionalProperties',
      '{"email":"a@b.c","address":{"x":1}}',
      '{"email":"a@b.c","address":{"x":1}}',
    ],
    [
      'takes dates in any common form',
      '{"email":"a@b.c","when":"1700000000"}',
      '{"email":"a@b.c","when":"1700000000"}',
    ],
    [
      'keeps the digits of a number',
      '{"email":"a@b.c","big":12345678901234567890}',
      '{"email":"a@b.c","big":12345678901234567890}',
    ],
  ])('%s', (_name, payload, expected) => expect(check(payload)).toBe(expected))

  test('names every problem', () => {
    expect(check('{"age":"x","when":"soon"}')).toEqual([
      'email is missing',
      'age must be integer',
      'when must match format "date-like"',
    ])
    expect(check('{"email":"","age":1}')).toEqual(['email is missing'])
    expect(check('[]')).toEqual(['the payload is not an object'])
  })
})

test('the payload given is not changed', () => {
  const payload = { email: 'a@b.c', name: null, tags: 'x' }
  compilePayloadSchema(schema)(payload)
  expect(payload).toEqual({ email: 'a@b.c', name: null, tags: 'x' })
})

test('a schema that is none is refused', () => {
  expect(() => compilePayloadSchema({ type: 'nonsense' })).toThrow(expect.objectContaining({ code: 'MAPPING_INVALID' }))
})
