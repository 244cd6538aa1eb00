import { describe, expect, test } from 'vitest'
import { Decisions } from '../../../src/enrich/decisions.ts'
import { defaultLimits } from '../../../src/enrich/decode.ts'
import { openScanner } from '../../../src/enrich/scan.ts'
import { shapeOf } from '../../../src/enrich/shape.ts'
import { inHandMost } from '../../../src/enrich/source.ts'
import { viewOf } from '../../../src/enrich/view.ts'

const paths = [['type'], ['properties', 'sku'], ['context', 'consent']]

/** A memory for these paths that tells of each text whether it had to decide; each decision is one of its own. */
function memory() {
  const shape = shapeOf([...paths, ['userId']])
  const scanner = openScanner({ shape, limits: defaultLimits, places: inHandMost + 1, decisive: viewOf(shape, paths) })!
  const decisions = new Decisions<object>(scanner)
  return (text: string): { decided: boolean; decision: object } => {
    const bytes = Buffer.from(text)
    let decided = false
    expect(scanner.scan(inHandMost, bytes, 0, bytes.length)).toBe(true)
    const decision = decisions.of(inHandMost, () => {
      decided = true
      return {}
    })
    return { decided, decision }
  }
}

const event = (type: string, sku: string, user = 1) =>
  `{"type":"${type}","userId":${user},"properties":{"sku":"${sku}"}}`

describe('a decision', () => {
  test('is taken once for all events that are alike in what decides', () => {
    const of = memory()
    const first = of(event('track', 'A', 1))
    expect(first.decided).toBe(true)
    const second = of(event('track', 'A', 2))
    expect(second).toEqual({ decided: false, decision: first.decision })
    expect(second.decision).toBe(first.decision)
  })

  const track = event('track', 'A')
  test.each([
    ['another value', track, event('track', 'B')],
    ['another type of value', track, '{"type":"track","properties":{"sku":1}}'],
    ['other bytes of the same value', track, '{"type":"tr\\u0061ck","properties":{"sku":"A"}}'],
    ['a value more', track, '{"type":"track","properties":{"sku":"A"},"context":{"consent":{}}}'],
    ['a value less', track, '{"type":"track","properties":{}}'],
    ['the object above less', '{"type":"track","properties":{}}', '{"type":"track"}'],
    ['null instead of the object above', '{"type":"track","properties":{}}', '{"type":"track","properties":null}'],
    [
      'bytes that move from one value to the next',
      '{"type":1,"properties":{"sku":23}}',
      '{"type":12,"properties":{"sku":3}}',
    ],
    ['nothing at all', track, '{}'],
  ])('is another one for %s', (_, first, second) => {
    const of = memory()
    of(first)
    expect(of(second).decided).toBe(true)
  })

  test('is never taken from another event, however many there are', () => {
    const of = memory()
    const known = new Map<string, object>()
    for (let turn = 0; turn < 3; turn++) {
      for (let number = 0; number < 2000; number++) {
        const text = event(`t${number % 7}`, String(number))
        const { decided, decision } = of(text)
        if (!decided) expect(decision).toBe(known.get(text))
        known.set(text, decision)
      }
    }
  })

  test('on long values is taken each time, also when they are long only together', () => {
    const of = memory()
    for (const text of [event('track', 'x'.repeat(300)), event('y'.repeat(200), 'x'.repeat(200))]) {
      expect([of(text).decided, of(text).decided]).toEqual([true, true])
    }
    expect([of(event('y', 'x'.repeat(200))).decided, of(event('y', 'x'.repeat(200))).decided]).toEqual([true, false])
  })

  test('is no longer remembered when the values of a stream do not repeat', () => {
    const of = memory()
    for (let number = 0; number < 10_002; number++) of(event('track', String(number)))
    expect([of(event('track', 'A')).decided, of(event('track', 'A')).decided]).toEqual([true, true])
  })
})
