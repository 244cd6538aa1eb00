/** Generated texts of events, for properties about their bytes: with gaps, escapes and duplicates, like events and not, whole and damaged. */
import fc from 'fast-check'

const space = fc.constantFrom('', '', '', '', ' ', '\n  ', '\t', ' \r\n')
const names = ['type', 'event', 'properties', 'context', 'integrations', 'traits', 'consent', 'categoryPreferences']
const more = [
  'sku',
  'account',
  'product',
  'total',
  'crm',
  'All',
  'userId',
  '__segment_entities',
  'é',
  'a"b',
  '',
  '__proto__',
]
const name = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...names, ...more).map((text) => JSON.stringify(text)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('"\\u0074ype"', '"propert\\u0069es"', '"constructor"', '"length"', '"0"', '"\\/"'),
  },
)
const scalar = fc.constantFrom(
  '"SKU-1"',
  '"SKU-1"',
  '42',
  '42.0',
  '4.2e1',
  '"42"',
  '"track"',
  '"track"',
  '"Order Completed"',
  '"tr\\u0061ck"',
  '"SKU\\u002d1"',
  '"a\\"b"',
  '1.0',
  '-0',
  '-1',
  '0',
  '12345678901234567890',
  '1e400',
  '0.10',
  'true',
  'false',
  'null',
  '""',
  '"}\\"{"',
  '"\\\\"',
  '"😀 \\ud83d"',
  '"ü"',
  '[]',
  '[ 1,{"sku":"SKU-1"} , "]"]',
  '{}',
  '"{\\"properties\\":{\\"sku\\":\\"42\\"}}"',
  '"\\ud800"',
  '[[]]',
)
const { object } = fc.letrec<{ object: string; value: string }>((tie) => ({
  value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, scalar, tie('object'), scalar),
  object: fc
    .tuple(fc.array(fc.tuple(space, name, space, space, tie('value'), space), { maxLength: 6 }), space)
    .map(([members, inside]) => {
      const texts = members.map(([a, key, b, c, value, d]) => `${a}${key}${b}:${c}${value}${d}`)
      return `{${texts.length === 0 ? inside : texts.join(',')}}`
    }),
}))

/** Events that look like events, so that the triggers match and keys are found. */
const likely = fc
  .record({
    type: fc.constantFrom('"track"', '"track"', '"track"', '"track"', '"track"', '"identify"', '"tr\\u0061ck"', 'null'),
    event: fc.constantFrom('"Order Completed"', '"Cart Viewed"', '7'),
    sku: fc.oneof({ weight: 2, arbitrary: fc.constantFrom('"SKU-1"', '42', '"42"', '"SKU\\u002d1"') }, scalar),
    account: scalar,
    extra: fc.oneof(scalar, object),
    product: fc.option(fc.oneof(scalar, object)),
    properties: fc.oneof(
      { weight: 9, arbitrary: fc.constant('members' as const) },
      fc.constantFrom('absent', 'null', 'list', 'text', 'twice'),
    ),
    integrations: fc.constantFrom(
      '',
      '',
      '',
      '',
      '',
      '',
      '"integrations":{"All":true},',
      '"integrations":{"All":false,"crm":true},',
      '"integrations":false,',
    ),
    consent: fc.constantFrom(
      '',
      '',
      '',
      '',
      '"context":{"locale":"de"},',
      '"context":{"consent":{"categoryPreferences":{"ads":true}}},',
      '"context":{"consent":{"x":1}},',
      '"context":{"consent":{}},',
      '"context":[],',
    ),
    items: fc.oneof(
      { weight: 3, arbitrary: fc.constant('') },
      fc.constantFrom(
        ',"items":[{"sku":"SKU-1"},{"sku":42,"n":1.0},{"sku":"none"},{},7,null]',
        ',"items":[{"sku":"SKU-1","__segment_entities":{"shop":{"product":{"NAME":"own"}}}}]',
        ',"items":[]',
        ',"items":{"sku":"SKU-1"}',
      ),
    ),
    gap: space,
  })
  .map(({ type, event, sku, account, extra, product, properties, integrations, consent, items, gap }) => {
    const members = `{"total":1.50,"search":"x",${gap}"sku":${gap}${sku},"account":${account}${product === null ? '' : `,"product":${product}`}${items}${gap}}`
    const place = {
      members: `,"properties":${members}`,
      twice: `,"properties":{"sku":"42","product":{"x":1}},"properties":${members}`,
      absent: '',
      null: ',"properties":null',
      list: ',"properties":["SKU-1"]',
      text: ',"properties":"sku"',
    }[properties]
    return `${gap}{${integrations}${consent}"type":${type},"event":${event}${place},${gap}"extra":${extra}}${gap}`
  })

export const document = fc.oneof({ weight: 5, arbitrary: likely }, object)

/** One byte more, less or other: mostly no JSON any more, sometimes other JSON. */
export const damaged = fc
  .tuple(
    document,
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.constantFrom('cut', 'drop', 'set', 'insert', 'append'),
    fc.oneof(
      fc.integer({ min: 0, max: 255 }),
      fc.constantFrom(...[...'{}[]",:\\0.e-+tfnu \n\u0000'].map((c) => c.charCodeAt(0))),
    ),
  )
  .map(([text, share, how, byte]) => {
    const bytes = Buffer.from(text)
    const at = Math.floor(share * bytes.length)
    if (how === 'cut') return bytes.subarray(0, at)
    if (how === 'append') return Buffer.concat([bytes, Buffer.from([byte])])
    const middle = how === 'drop' ? Buffer.alloc(0) : Buffer.from([byte])
    return Buffer.concat([bytes.subarray(0, at), middle, bytes.subarray(how === 'insert' ? at : at + 1)])
  })
