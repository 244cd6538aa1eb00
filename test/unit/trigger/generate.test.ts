import { afterEach, expect, it, vi } from 'vitest'
import { compileTrigger } from '../../../src/trigger/trigger.ts'

afterEach(() => vi.unstubAllGlobals())

const text = 'type = "track" and (properties.total >= 100 or match(event, "Order*")) and context.a\\"b != null'
const event = { type: 'track', event: 'Order Completed', properties: { total: 5 }, context: { 'a"b': 1 } }

it('a trigger is code of its own, and closures where code may not be made, with the same answers', () => {
  const generated = compileTrigger(text)
  const made = vi.fn(function refused() {
    throw new EvalError('Code generation from strings disallowed for this context')
  })
  vi.stubGlobal('Function', made)
  const closures = compileTrigger(text)
  expect(made).toHaveBeenCalledOnce()
  for (const one of [event, { ...event, event: 'Cart' }, { ...event, properties: { total: 100 } }, {}, null]) {
    expect(closures.matches(one as never)).toBe(generated.matches(one as never))
  }
  expect(generated.matches(event)).toBe(true)
})

it('names and texts of a trigger stay names and texts, whatever they are made of', () => {
  for (const odd of ['");throw 1;//', '`${1}`', '\\\\"', '\u2028', '\n', '*/', '\ud800']) {
    const name = odd.replace(/[^\w-]/g, '\\$&')
    expect(compileTrigger(`properties.${name} = "x"`).matches({ properties: { [odd]: 'x' } })).toBe(true)
    if (!odd.includes('"')) expect(compileTrigger(`event = "${odd}"`).matches({ event: odd })).toBe(true)
  }
})
