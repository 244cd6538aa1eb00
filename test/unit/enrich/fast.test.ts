import { describe, expect, test } from 'vitest'
import { type Enrichment, enrich, isDelivery } from '../../../src/enrich/enrich.ts'
import { compileEnricher, compileFast } from '../../../src/enrich/fast.ts'
import { decisionAt } from '../../../src/enrich/in-hand.ts'
import { findBy, type SnapshotSet } from '../../../src/enrich/snapshots.ts'
import { inHandMost, type Message } from '../../../src/enrich/source.ts'
import type { JsonObject } from '../../../src/json.ts'
import { bytesOf } from '../../../src/memory.ts'
import { Row } from '../../../src/row-text.ts'
import { batchOf, eachInHand, recordOf, sealed } from '../../support/kafka-records.ts'
import { messageOf } from '../../support/pipeline.ts'
import { planOf, row } from '../../support/plan.ts'

/** One entity whose rows are texts. */
function snapshots(rows: Readonly<Record<string, string>>): SnapshotSet {
  const get = (key: string) => (rows[key] === undefined ? undefined : Row.of(rows[key]))
  const product = { entity: 'product', version: 3, epoch: 1, asOf: 0, rows: 1, get, find: findBy(get) }
  return { of: () => product, release: () => {} }
}
const place = (mapping: JsonObject, format: 'event' | 'payload' = 'event') =>
  planOf({ format, mappings: [{ entities: { product: 'properties.sku' }, mapping }] })
const event = '{"type":"track", "properties":{"sku":"1","n":1.0 } }'
const whole = { properties: { product: row('product') } }

function values(result: Enrichment | null): string[] | null {
  if (result === null || 'reason' in result) return null
  return result.entries.flatMap((entry) => (isDelivery(entry) ? bytesOf(entry.value).toString() : []))
}

describe('the short way', () => {
  test('puts a whole row into the bytes of the event and touches no other', () => {
    const fast = compileFast(place(whole))!
    const result = fast.enrich(
      snapshots({ '1': '{"NAME":"Hat é","PRICE":9.50}'.replace('9.50', '9.5') }),
      messageOf(event),
    )
    expect(values(result)).toEqual([
      '{"type":"track", "properties":{"sku":"1","n":1.0,"product":{"NAME":"Hat é","PRICE":9.5} } }',
    ])
  })

  test('leaves a row that would be written otherwise to the long way', () => {
    const rows = snapshots({ '1': '{"NAME":"Hat","7":1}' })
    expect(compileFast(place(whole))!.enrich(rows, messageOf(event))).toBe(null)
    const [value] = values(compileEnricher(place(whole)).enrich(rows, messageOf(event)))!
    expect(value).toContain('"product":{"7":1,"NAME":"Hat"}')
  })

  test('leaves a mapping with names that hold dots to the long way', () => {
    const plan = place({ odd: { '@path': '$.properties["a.b"]' } }, 'payload')
    const dotted = messageOf('{"type":"track","properties":{"a.b":1,"a":{"b":2}}}')
    expect(values(compileEnricher(plan).enrich(snapshots({}), dotted))).toEqual(
      values(enrich(plan, snapshots({}), dotted)),
    )
  })

  test('takes the short way for every one of these, so that nothing falls back unseen', () => {
    const rows = snapshots({ '1': '{"NAME":"Hat"}' })
    for (const mapping of [whole, { a: { b: row('product', 'NAME') }, c: 1 }, { t: { '@template': '{{type}}' } }])
      for (const format of ['event', 'payload'] as const)
        expect(values(compileFast(place(mapping, format))!.enrich(rows, messageOf(event)))).toHaveLength(1)
  })

  test('messages in hand are told apart, also where so many paths are wanted that not all of them have a place', async () => {
    const names = Array.from({ length: 600 }, (_, number) => `n${number}`)
    const many = Object.fromEntries(names.map((name) => [name, { '@path': `$.properties.${name}` }]))
    for (const mapping of [whole, many]) {
      const plan = place(mapping, 'payload')
      const fast = compileFast(plan)!
      const rows = snapshots(Object.fromEntries(names.map((name) => [name, `{"NAME":"${name}"}`])))
      const events = names
        .slice(0, inHandMost)
        .map((name) => Buffer.from(`{"type":"track","properties":{"sku":"${name}","${name}":"${name}"}}`))
      const { look } = fast
      expect(look === null).toBe(mapping === many)
      let visited = 0
      const visit = (message: Message) => {
        const slow = values(enrich(plan, rows, message))
        expect(slow).toHaveLength(1)
        expect(values(fast.enrich(rows, message))).toEqual(slow)
        visited++
      }
      if (look === null) (await batchOf(sealed(events.map(recordOf)))).each(visit)
      else await eachInHand(events, (count) => look(rows, count), visit)
      expect(visited).toBe(inHandMost)
    }
  })

  test('of events that are alone, in memory or not, each is decided by itself', async () => {
    const paths = Array.from({ length: 200 }, (_, number) => ({ '@path': `$.properties.n${number}` }))
    for (const mapping of [whole, Object.fromEntries(paths.map((path, number) => [`n${number}`, path]))]) {
      const fast = compileFast(place(mapping, 'payload'))!
      const rows = snapshots({ '1': '{"NAME":"Hat"}' })
      // The second differs from the first in one byte of what decides.
      const texts = [
        event,
        event.replace('track', 'trick'),
        event,
        '{"integrations":{"crm":false},"type":"track"}',
        event,
      ]
      const outcomes: (string | undefined)[] = []
      const visit = (message: Message) => {
        const result = fast.enrich(rows, message)
        outcomes.push(result !== null && 'entries' in result ? result.entries[0]?.outcome : undefined)
      }
      for (let turn = 0; turn < 3; turn++) {
        for (const text of texts) visit(messageOf(text))
        const batch = await batchOf(sealed(texts.map((text) => recordOf(Buffer.from(text)))))
        batch.each(visit)
      }
      expect(outcomes).toEqual(new Array(6).fill(['full', 'filtered', 'full', 'filtered', 'full']).flat())
    }
  })

  test('in hand, too, decisions are no longer remembered when the values of a stream do not repeat', async () => {
    const plan = planOf({ format: 'event', mappings: [{ trigger: 'event != "x"', mapping: whole }] })
    const fast = compileFast(plan)!
    const events = Array.from({ length: 20_000 }, (_, number) => Buffer.from(`{"event":"e${number}"}`))
    let last = 0
    await eachInHand(
      events,
      (count) => fast.look!(snapshots({}), count),
      ({ place }) => {
        last = decisionAt(place)
      },
    )
    expect(last).toBe(-2)
  })

  test('outputs of one event stand side by side; those of the event before need not last', () => {
    const mapping = { entities: { product: 'properties.sku' }, mapping: whole }
    const fast = compileFast(
      planOf({ format: 'event', mappings: [mapping] }, { slug: 'two', format: 'event', mappings: [mapping] }),
    )!
    const [one, two] = values(fast.enrich(snapshots({ '1': '{"NAME":"Hat"}' }), messageOf(event)))!
    expect(one).toBe(two)
    const large = `{"type":"track","x":"${'x'.repeat(700_000)}","properties":{"sku":"1"}}`
    const [first, second] = values(fast.enrich(snapshots({ '1': '{"NAME":"Hat"}' }), messageOf(large)))!
    expect(first).toBe(second)
    expect(JSON.parse(first!).properties.product).toEqual({ NAME: 'Hat' })
  })
})
