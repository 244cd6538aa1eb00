import { describe, expect, it } from 'vitest'
import { LinkedEventsError } from '../../../src/errors.ts'
import { type JsonObject, parseJson } from '../../../src/json.ts'
import { checkTrigger, compileTrigger } from '../../../src/trigger/trigger.ts'
import { triggerOracle } from '../../support/oracle.ts'

const order: JsonObject = {
  type: 'track',
  event: 'Order Completed',
  userId: 'u-1',
  properties: { total: 12.5, currency: 'EUR', gift: true, coupon: null, items: ['a', 'b'], nested: { level: 2 } },
  traits: { plan: 'pro' },
  context: { personas: { event_emitter_id: 'ee_1' } },
}
const matches = (text: string, event: JsonObject = order) => compileTrigger(text).matches(event)

function refusal(text: string, strict = false): LinkedEventsError {
  try {
    compileTrigger(text, { strict })
  } catch (error) {
    if (error instanceof LinkedEventsError) return error
    throw error
  }
  throw new Error(`compiled: ${text}`)
}

describe('triggers as Segment writes them', () => {
  it.each([
    ['type = "track" and event = "Order Completed"', true],
    ['type = "track" and event != "Order Completed"', false],
    ['type = "identify" or event = "Order Completed"', true],
    ['type = "track" and (event = "X" or event = "Order Completed")', true],
    ['properties.total > 12', true],
    ['properties.total >= "12.5"', true],
    ['properties.currency > "A"', false],
    ['properties.gift = true', true],
    ['properties.gift != true', true],
    ['properties.coupon = null', true],
    ['properties.total != null', true],
    ['properties.missing != "x"', true],
    ['properties.missing != 5', false],
    ['properties.nested.level = 2', true],
    ['properties.items.length = 2', true],
    ['contains(event, "Order")', true],
    ['!contains(properties.missing, "x")', false],
    ['match(event, "Order*")', true],
    ['match(event, "*Completed")', true],
    ['!match(event, "Cart*")', true],
    ['context.personas.event_emitter_id = "ee_1"', true],
    ['traits.plan = "free"', false],
    ['name = null', true],
  ])('%s → %s', (text, expected) => {
    expect(matches(text)).toBe(expected)
    const { parseFql, validate } = triggerOracle()
    expect(validate(parseFql(text), order)).toBe(expected)
  })

  it('null is null for the package whatever token the word is, and text in quotes', () => {
    const nothing = { type: 'group', operator: 'and', children: [{ type: 'userId', operator: 'not_exists' }] }
    for (const text of ['userId = null', 'userId=null=', 'userId = \\null'])
      expect(compileTrigger(text).ast, text).toEqual(nothing)
    const text = { type: 'group', operator: 'and', children: [{ type: 'userId', operator: '=', value: 'null' }] }
    expect(compileTrigger('userId = "null"').ast).toEqual(text)
  })

  it('keeps the trap that the last and/or decides for the whole list, and warns of it', () => {
    const text = 'type = "x" and event = "Order Completed" or userId = "u-2"'
    expect(matches(text)).toBe(true)
    expect(checkTrigger(text)).toMatchObject([{ code: 'mixed_operators', severity: 'warning', line: 1, column: 42 }])
  })

  it('treats a number with more digits than a double holds as a number', () => {
    const event = parseJson('{"properties":{"id":12345678901234567890,"n":9007199254740993}}') as JsonObject
    expect(matches('properties.id > 5', event)).toBe(true)
    expect(matches('properties.n = 9007199254740993', event)).toBe(true)
    expect(matches('properties.n != 1', event)).toBe(true)
    expect(matches('properties.id = "12345678901234567890"', event)).toBe(false)
  })

  it('does not see what an object inherits', () => {
    expect(matches('properties.constructor != null')).toBe(false)
    expect(matches('properties.items.map != null')).toBe(false)
    expect(matches('context.__proto__ != null')).toBe(false)
    expect(matches('properties.toString = "x"', { properties: { toString: 'x' } })).toBe(true)
  })

  it('answers, whatever the event is', () => {
    for (const event of [null, undefined, 5, 'x', [], {}, { properties: 5 }, { properties: null }]) {
      expect(typeof matches('properties.a = 5 or event != null', event as unknown as JsonObject)).toBe('boolean')
    }
  })
})

describe('what the package would never match or fail on', () => {
  it.each([
    ['', 1, 'empty'],
    ['type = "track', 8, 'closing'],
    ['type = "track" and (event = "x"', 20, 'expected `)`'],
    ['type = "track" and ((event = "x") or name = "y")', 21, 'nested'],
    ['type = "track" and ()', 20, 'no condition'],
    ['event !="x"', 9, 'white space after'],
    ['properties.total>5', 17, 'expected white space'],
    ['type = "track" && event = "x"', 16, '`&`'],
    ['type = "track" and properties.vip', 34, 'expected an operator and a value'],
    ['contains(event)', 1, ''],
    ['anonymousId = "a"', 1, 'a trigger knows only'],
  ])('%s is refused at column %i: %s', (text, column, message) => {
    if (text === 'contains(event)') return expect(checkTrigger(text).length).toBeGreaterThan(0)
    const error = refusal(text)
    expect(error.code).toBe('TRIGGER_INVALID')
    expect(error.problems[0]).toMatchObject({ severity: 'error', line: 1, column })
    expect(error.problems[0]?.message).toContain(message)
  })

  it('points at the line in a trigger of several', () => {
    expect(refusal('type = "track"\nand event = "x').problems).toMatchObject([{ line: 2, column: 13 }])
  })
})

describe('warnings', () => {
  const codes = (text: string) => checkTrigger(text).map(({ code }) => code)

  it('are silent on a trigger without traps', () => {
    for (const text of ['type = "track" and event = "x"', '!contains(event, "x") or (name = null and userId = "5")']) {
      expect(checkTrigger(text)).toEqual([])
    }
    expect(checkTrigger('type = "track" and properties.price >= 5 and match(event, "A*")')).toEqual([])
    expect(checkTrigger('type = "track" and (event = "x" or !match(event, "A*")) and userId = "5"')).toEqual([])
  })

  it.each([
    ['type = "track" AND event = "x"', 'upper_case_operator'],
    ["event = 'x'", 'single_quotes'],
    ['type = "track" and evnt = "x"', 'unknown_field'],
    ['type = "track" and __segment_entities.s.e.C = "x"', 'unknown_field'],
    ['type = "track" and contains(type, "x")', 'unknown_field'],
    ['not type = "track"', 'lost_negation'],
    ['!(type = "track")', 'lost_negation'],
    ['event.name = "x"', 'path_ignored'],
    ['type = track', 'unquoted_text'],
    ['type = "track" and', 'dangling_operator'],
    ['type = "track" event = "x"', 'missing_operator'],
    ['properties.a in ["x"]', 'unknown_operator'],
    ['properties.a.0 = 1', 'unknown_operator'],
    ['match(event, "Order")', 'match_pattern'],
    ['match(event, "*rd*")', 'match_pattern'],
    ['type = null', 'compared_as_text'],
    ['properties.a != true', 'compared_as_text'],
    ['properties.a > "b"', 'not_a_number'],
    ['type = "track"and event = "x"', 'text_continues'],
    ['event = an', 'word_cut'],
    ['(contains(event, "a") or contains(event, "b")) and type = "track"', 'call_closes_group'],
  ])('%s: %s', (text, code) => {
    expect(codes(text)).toContain(code)
  })

  it('say that a function is not closed', () => {
    expect(checkTrigger('contains(event, "a"')).toMatchObject([{ message: 'expected `)` at the end', column: 20 }])
  })

  it('are given once for one mistake', () => {
    expect(codes('type = "track" and (match(event, "A*") and event = "x")')).toEqual(['call_closes_group'])
    expect(codes('type = "track" OR event = "x"')).toEqual(['upper_case_operator'])
    expect(codes('type = "track" and evnt = "x"')).toEqual(['unknown_field'])
    expect(codes('type = \'track\' and event = "x"')).toEqual(['single_quotes'])
  })

  it('are not more than anybody reads', () => {
    expect(checkTrigger('event = x '.repeat(20_000))).toHaveLength(100)
    expect(refusal(', '.repeat(100_000)).problems.length).toBe(1)
  })

  it('suggest the field that was meant', () => {
    expect(checkTrigger('type = "track" and propertis.a = 5')[0]?.hint).toBe('did you mean "properties"?')
  })
})

describe('strict', () => {
  const strict = (text: string, event: JsonObject = order) => compileTrigger(text, { strict: true }).matches(event)

  it.each([
    ['type = "track" and event = "Order Completed"', true],
    ["type = 'track' and event!='x'", true],
    ['((type = "identify" or (type = "track")) and !(event = "x"))', true],
    ['properties.total>12 and properties.total<=12.5', true],
    ['properties.currency in ["USD", "EUR"]', true],
    ['"b" in properties.items', true],
    ['length(properties.items) = 2', true],
    ['length(event) = 15 and length(properties.missing) = 0', true],
    ['lowercase(event) = "order completed"', true],
    ['snakecase(event) = "order_completed" and kebabcase(event) = "order-completed"', true],
    ['titlecase("order completed") = event and uppercase(traits.plan) = "PRO"', true],
    ['typeof(properties.total) = "number" and typeof(properties.items) = "list"', true],
    ['typeof(properties.missing) = "null" and typeof(properties.gift) = "bool"', true],
    ['match(event, "Order*") and match(event, "?rder*[a-e]d")', true],
    ['match(event, "rder*")', false],
    ['properties.missing = null', true],
    ['properties.gift', true],
    ['!properties.gift', false],
    ['number("12.5") = properties.total and string(properties.total) = "12.5"', true],
    ['anonymousId != null', false],
    ['contains(properties.missing, "x")', false],
    ['properties.items = ["a", "b"]', true],
  ])('%s → %s', (text, expected) => {
    expect(strict(text)).toBe(expected)
    expect(compileTrigger(String(compileTrigger(text, { strict: true })), { strict: true }).ast).toEqual(
      compileTrigger(text, { strict: true }).ast,
    )
  })

  it.each([
    ['type = "a" and event = "b" or name = "c"', 'mixed_operators', 28],
    ['type = "track" and groupid = "x"', 'unknown_field', 20],
    ['__segment_entities.s.e.C = 1', 'unknown_field', 1],
    ['lenght(event) > 5', 'unknown_function', 1],
    ['contains(event)', 'wrong_arguments', 1],
    ['type = "track" AND event = "x"', 'syntax', 16],
    ['(type = "track"', 'syntax', 16],
    ['type = track', 'unknown_field', 8],
    ['type = "track" &&', 'syntax', 16],
    ['"x"', 'syntax', 4],
    ['type =', 'syntax', 7],
    ['', 'syntax', 1],
    [`${'('.repeat(200)}type = "x"`, 'syntax', 102],
  ])('%s is refused: %s at column %i', (text, code, column) => {
    expect(refusal(text, true).problems).toMatchObject([{ code, severity: 'error', line: 1, column }])
  })
})
