// biome-ignore-all lint/suspicious/noThenProperty: the mapping kit has a field of that name
import { describe, expect, it } from 'vitest'
import { LinkedEventsError } from '../../../src/errors.ts'
import { encodeJson, type JsonObject, type JsonValue, parseJson } from '../../../src/json.ts'
import { checkMapping } from '../../../src/mapping/check.ts'
import { compileMapping, entityColumns } from '../../../src/mapping/mapping.ts'
import { batchOracle, mappingOracle } from '../../support/oracle.ts'

const event: JsonObject = {
  type: 'track',
  event: 'Order Completed',
  userId: 'u-1',
  properties: {
    total: 12.5,
    zero: 0,
    coupon: null,
    empty: '',
    gift: false,
    currency: 'eur',
    products: [{ id: 'A', price: 5 }, { id: 'B' }],
    address: { city: 'Ulm', geo: { lat: 1 } },
  },
  __segment_entities: { 'my-space': { 'product-entity': { SKU: 'SKU-1', NAME: 'Hat', PRICE_USD: 9.5, NOTE: null } } },
}
const run = (mapping: JsonValue, on: JsonObject = event) => compileMapping(mapping).transform(on)
const row = '$.__segment_entities.my-space.product-entity'

describe('every directive, on an enriched event', () => {
  it.each<[string, JsonValue, JsonValue | undefined]>([
    ['a path keeps the type', { '@path': `${row}.PRICE_USD` }, 9.5],
    ['a null column stays null', { '@path': `${row}.NOTE` }, null],
    ['a column that is not there is left out', { '@path': `${row}.COLOUR` }, undefined],
    ['a whole row', { '@path': row }, { SKU: 'SKU-1', NAME: 'Hat', PRICE_USD: 9.5, NOTE: null }],
    [
      'a template gives text',
      { '@template': '{{__segment_entities.my-space.product-entity.PRICE_USD}} EUR' },
      '9.5 EUR',
    ],
    ['a missing value in a template is empty', { '@template': '<{{properties.none}}{{properties.coupon}}>' }, '<>'],
    ['false and zero print', { '@template': '{{properties.gift}} {{properties.zero}}' }, 'false 0'],
    ['a fallback', { '@if': { exists: { '@path': `${row}.X` }, then: { '@path': `${row}.X` }, else: 'none' } }, 'none'],
    ['an empty text exists', { '@if': { exists: { '@path': '$.properties.empty' }, then: 1, else: 2 } }, 1],
    ['blank reads inverted', { '@if': { blank: { '@path': '$.properties.empty' }, then: 1, else: 2 } }, 2],
    ['zero is blank', { '@if': { blank: { '@path': '$.properties.zero' }, then: 1, else: 2 } }, 2],
    ['capitals', { '@case': { operator: 'upper', value: { '@path': '$.properties.currency' } } }, 'EUR'],
    ['replacing', { '@replace': { pattern: '-', replacement: '_', value: { '@path': `${row}.SKU` } } }, 'SKU_1'],
    ['$& in a replacement', { '@replace': { pattern: 'e', replacement: '<$&>', value: 'eve' } }, '<e>v<e>'],
    ['a pattern is no expression', { '@replace': { pattern: '.*', replacement: '', value: 'a.*b' } }, 'ab'],
    ['items', { '@arrayPath': ['$.properties.products', { sku: { '@path': '$.id' } }] }, [{ sku: 'A' }, { sku: 'B' }]],
    [
      'flat',
      { '@flatten': { separator: '_', value: { '@path': '$.properties.address' } } },
      { city: 'Ulm', geo_lat: 1 },
    ],
    ['json', { '@json': { mode: 'encode', value: { '@path': '$.properties.address.geo' } } }, '{"lat":1}'],
    ['no json', { '@json': { mode: 'decode', value: '{x' } }, '{x'],
    ['null left out', { '@excludeWhenNull': { '@path': `${row}.NOTE` } }, undefined],
    ['liquid', { '@liquid': '{{ properties.currency | upcase }}' }, 'EUR'],
    [
      'an undefined member takes away',
      { '@merge': { direction: 'right', objects: [{ a: 1, b: 2 }, { a: { '@path': '$.no' } }] } },
      { b: 2 },
    ],
    ['the first wins', { '@merge': { direction: 'left', objects: [{ a: 1 }, { a: 2, b: 3 }] } }, { a: 1, b: 3 }],
    [
      'two steps',
      { '@transform': { apply: { q: { '@path': '$.event' } }, mapping: { r: { '@path': '$.q' } } } },
      { r: 'Order Completed' },
    ],
  ])('%s', (_, directive, expected) => {
    const result = run({ x: directive }) as JsonObject
    expect(result).toEqual(expected === undefined ? {} : { x: expected })
    expect(mappingOracle().transform(structuredClone({ x: directive }), event)).toEqual(result)
  })

  it('a root directive reshapes the event for every field', () => {
    const mapping = {
      __segment_internal_directive: { '@transform': { apply: { '@path': '$.properties' } } },
      city: { '@path': '$.address.city' },
    }
    expect(run(mapping)).toEqual({ city: 'Ulm' })
    expect(Object.keys(mapping)).toEqual(['__segment_internal_directive', 'city'])
  })
})

it('the first step of a transform may have a root directive of its own', () => {
  const apply = {
    __segment_internal_directive: { '@merge': { direction: 'right', objects: [{ '@path': '$.properties' }] } },
    y: 1,
  }
  const mapping = { x: { '@transform': { apply, mapping: { city: { '@path': '$.address.city' } } } } }
  expect(run(mapping)).toEqual({ x: { city: 'Ulm' } })
  expect(mappingOracle().transform(structuredClone(mapping), event)).toEqual({ x: { city: 'Ulm' } })
  expect(compileMapping(mapping).reads).toContain('properties.address.city')
})

describe('the unsafe corners are closed', () => {
  it('what an object inherits is out of reach', () => {
    for (const path of [
      'constructor.name',
      '__proto__',
      'properties.currency.constructor',
      'properties.products.map',
    ]) {
      expect(run({ x: { '@path': path }, y: { '@template': `{{${path}}}` } })).toEqual({ y: '' })
    }
    expect(run({ x: { '@path': '$.toString' } }, { toString: 'own' })).toEqual({ x: 'own' })
  })

  it('braces that the data brings in are never expanded', () => {
    const data = { a: '{{secret}}{{{secret}}}', secret: 's' }
    expect(run({ x: { '@template': '{{{a}}}{{a}}' } }, data)).toEqual({
      x: '{{secret}}{{{secret}}}{{secret}}{{{secret}}}',
    })
  })

  it('a value cannot take part in its own printing', () => {
    expect(run({ x: { '@template': '{{a}}' } }, { a: { toString: 'x', valueOf: 1 } })).toEqual({ x: '[object Object]' })
  })

  it('__proto__ is a key like any other', () => {
    const evil = JSON.parse('{"a":{"__proto__":{"polluted":true}}}') as JsonObject
    const flat = run({ x: { '@flatten': { separator: '.', value: { '@path': '$.a' } } } }, evil) as { x: object }
    expect(JSON.stringify(flat)).toBe('{"x":{"__proto__.polluted":true}}')
    const merged = run({ x: { '@merge': { direction: 'right', objects: [{ '@path': '$.a' }] } } }, evil) as {
      x: JsonObject
    }
    expect(JSON.stringify(merged)).toBe('{"x":{"__proto__":{"polluted":true}}}')
    expect(({} as JsonObject).polluted).toBeUndefined()
  })

  it('neither mapping nor event is changed', () => {
    const mapping = freeze({
      a: { '@replace': { pattern: 'a', value: 'aa' } },
      b: { '@merge': { direction: 'right', objects: [{ '@path': '$.properties' }, { zero: 1 }] } },
      c: { '@excludeWhenNull': { '@path': '$.properties' } },
    })
    expect(() => run(mapping as JsonValue, freeze(structuredClone(event)) as JsonObject)).not.toThrow()
  })

  it('a pattern of any text takes time in proportion to the text', () => {
    const mapping = { x: { '@replace': { pattern: '(a+)+$', value: { '@path': '$.a' } } } }
    expect(run(mapping, { a: `${'a'.repeat(50_000)}!` })).toEqual({ x: `${'a'.repeat(50_000)}!` })
  })

  it('a template of any text takes time in proportion to the text', () => {
    const mapping = { x: { '@template': { '@path': '$.a' } } }
    for (const text of ['{'.repeat(1_000_000), '{{a'.repeat(300_000), `${'{'.repeat(500_000)}${'}'.repeat(2)}`]) {
      const result = run(mapping, { a: text }) as { x: string }
      expect(result.x.length).toBeLessThanOrEqual(text.length)
    }
  })

  it('JSON in a text that is nested deeper than an event may be stays text', () => {
    const mapping = { x: { '@json': { mode: 'decode', value: { '@path': '$.a' } } } }
    const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
    expect(run(mapping, { a: nested(100) })).toEqual({ x: JSON.parse(nested(100)) })
    expect(run(mapping, { a: nested(50_000) })).toEqual({ x: nested(50_000) })
  })

  it('liquid cannot grow without bound', () => {
    const doubling = `{% assign a = "aaaaaaaaaa" %}${'{% assign a = a | append: a %}'.repeat(30)}{{ a }}`
    expect(() => run({ x: { '@liquid': doubling } })).toThrow(/memory/)
  })

  it('nor can what a liquid block captures', () => {
    const tenfold = (name: string) => `{% capture c %}${`{{ ${name} }}`.repeat(10)}{% endcapture %}`
    const kit = { x: { '@liquid': `${tenfold('a')}${tenfold('c').repeat(3)}{{ c }}` } }
    expect(() => run(kit, { a: 'x'.repeat(1001) })).toThrow('the result is longer than 10000000 characters')
  })
})

describe('long numbers', () => {
  const long = parseJson(
    '{"a":12345678901234567890,"b":{"c":9007199254740993},"z":0.10000000000000000000000001}',
  ) as JsonObject
  const text = (mapping: JsonValue) => encodeJson(run(mapping, long))

  it('keep every digit when they are passed on, printed or encoded', () => {
    expect(text({ x: { '@path': '$.a' } })).toBe('{"x":12345678901234567890}')
    expect(text({ x: { '@template': '{{a}}' } })).toBe('{"x":"12345678901234567890"}')
    expect(text({ x: { '@json': { mode: 'encode', value: { '@path': '$.b' } } } })).toBe(
      '{"x":"{\\"c\\":9007199254740993}"}',
    )
    expect(text({ x: { '@json': { mode: 'decode', value: '[9007199254740993]' } } })).toBe('{"x":[9007199254740993]}')
    expect(text({ x: { '@flatten': { separator: '.', value: { '@path': '$.' } } } })).toBe(
      '{"x":{"a":12345678901234567890,"b.c":9007199254740993,"z":0.10000000000000000000000001}}',
    )
    expect(text({ x: { '@excludeWhenNull': { '@path': '$.b' } } })).toBe('{"x":{"c":9007199254740993}}')
    expect(text({ x: { '@replace': { pattern: '9', replacement: 'n', value: { '@path': '$.b.c' } } } })).toBe(
      '{"x":"n0071nn254740nn3"}',
    )
    expect(text({ x: { '@merge': { direction: 'right', objects: [{ '@path': '$.b' }, { '@path': '$.a' }] } } })).toBe(
      '{"x":{"c":9007199254740993}}',
    )
    expect(text({ x: { '@liquid': '{{ a }}' } })).toBe('{"x":"12345678901234567890"}')
  })

  it('are numbers to whatever asks', () => {
    expect(text({ x: { '@if': { blank: { '@path': '$.z' }, then: 'y', else: 'n' } } })).toBe('{"x":"y"}')
    expect(text({ x: { '@arrayPath': ['$.a', { q: 1 }] } })).toBe('{"x":12345678901234567890}')
    expect(() => text({ x: { '@path': { '@path': '$.a' } } })).toThrow('@path: expected string, got number')
  })
})

describe('what cannot be compiled', () => {
  function refusal(mapping: unknown): LinkedEventsError {
    try {
      compileMapping(mapping as JsonValue)
    } catch (error) {
      if (error instanceof LinkedEventsError) return error
      throw error
    }
    throw new Error('compiled')
  }

  it('is told all at once, in the words of Segment, with the path of each place', () => {
    const error = refusal({
      a: { '@path': 5 },
      b: { c: { '@nope': 1 } },
      d: { '@merge': { direction: 'up', objects: [5, { e: { '@template': null } }] } },
    })
    expect(error.code).toBe('MAPPING_INVALID')
    expect(error.problems).toMatchObject([
      { path: ['a', '@path'], message: '/a/@path should be a string or a mapping directive but it is a number.' },
      { path: ['b', 'c'], message: '/b/c has an invalid directive: @nope.' },
      {
        path: ['d', '@merge', 'direction'],
        message: '/d/@merge/direction should be one of left, right but it is "up".',
      },
      {
        path: ['d', '@merge', 'objects', 0],
        message: '/ should be a object or a mapping directive but it is a number.',
      },
      { path: ['d', '@merge', 'objects', 1, 'e', '@template'] },
    ])
  })

  it('suggests the directive that was meant', () => {
    expect(refusal({ a: { '@tempalte': 'x' } }).hint).toBe('did you mean "@template"?')
  })

  it.each<[string, unknown, string]>([
    ['an unknown directive in a list', [{ '@nope': 1 }], '/x/0 has an invalid directive: @nope.'],
    ['@if without a question', { '@if': { then: 1 } }, '@if requires an "exists" key or a "blank" key'],
    [
      '@case with capitals',
      { '@case': { operator: 'UPPER', value: 'a' } },
      'operator key should have a value of "lower" or "upper"',
    ],
    ['@flatten without separator', { '@flatten': { value: {} } }, '@flatten requires a "separator" key'],
    ['@merge without direction', { '@merge': { objects: [] } }, '@merge requires a "direction" key'],
    ['@json of nothing', { '@json': { mode: 'encode', value: '' } }, '@json requires a "value" key'],
    ['a liquid loop', { '@liquid': '{% for a in b %}{% endfor %}' }, '@liquid: tag "for" is disabled'],
    ['a liquid filter', { '@liquid': '{{ a | map: "b" }}' }, '@liquid: filter "map" is disabled'],
    ['liquid that is not closed', { '@liquid': '{{ a' }, '@liquid: output "{{ a" not closed'],
    ['long liquid', { '@liquid': 'x'.repeat(1001) }, '@liquid: liquid template values are limited to 1000 characters'],
  ])('what can only fail is refused before an event fails on it: %s', (_, value, message) => {
    const [problem] = refusal({ x: value }).problems
    expect(problem?.code).toBe('mapping_fails')
    expect(problem?.message).toContain(message)
  })

  it.each([[null], [5], ['text'], [[]], [undefined]])('a mapping that is %j is refused', (mapping) => {
    expect(refusal(mapping).problems[0]?.message).toMatch(/^\/ should be an object/)
  })

  it.each([
    [{ __segment_internal_directive: 5 }, 'The root directive must be an object'],
    [{ __segment_internal_directive: { '@path': 'a' } }, 'The root directive must be an object'],
    [
      { __segment_internal_directive: { '@transform': {}, '@path': 'x' } },
      'The root mapping must only have a single directive object',
    ],
  ])('a root directive that is none: %j', (mapping, message) => {
    expect(refusal(mapping).problems).toMatchObject([{ path: ['__segment_internal_directive'], message }])
  })

  it('a mistake below a root directive is told where the operator wrote it', () => {
    const mapping = {
      __segment_internal_directive: { '@transform': { apply: { '@nope': 1 } } },
      y: { '@path': 5 },
    }
    expect(checkMapping(mapping).map(({ path }) => path)).toEqual([
      ['__segment_internal_directive', '@transform', 'apply'],
      ['y', '@path'],
    ])
  })

  it('nesting without end is refused, not followed', () => {
    let deep: JsonValue = 1
    for (let level = 0; level < 5000; level++) deep = { '@literal': deep }
    expect(refusal({ x: deep }).problems[0]?.message).toContain('nested deeper')
    expect(refusal({ x: JSON.parse(`${'['.repeat(3000)}${']'.repeat(3000)}`) }).problems[0]?.message).toContain(
      'nested deeper',
    )
  })
})

describe('reads', () => {
  it.each<[string, JsonValue, string[]]>([
    [
      'paths and templates',
      { a: { '@path': '$.b[0].c' }, d: { '@template': '{{e.f}} {{{g}}}' } },
      ['b.0.c', 'e.f', 'g'],
    ],
    [
      'both sides of @if',
      { a: { '@if': { exists: { '@path': '$.b' }, then: { '@path': '$.c' }, else: { '@path': '$.d' } } } },
      ['b', 'c', 'd'],
    ],
    [
      'every member of @merge',
      { a: { '@merge': { direction: 'left', objects: [{ '@path': '$.b' }, { c: { '@path': '$.d' } }] } } },
      ['b', 'd'],
    ],
    [
      '@excludeWhenNull and @literal',
      { a: { '@excludeWhenNull': { '@path': '$.b' } }, c: { '@literal': [{ '@path': '$.d' }] } },
      ['b', 'd'],
    ],
    [
      '@case, @replace, @json, @flatten',
      {
        a: { '@case': { operator: 'upper', value: { '@path': '$.b' } } },
        c: { '@replace': { pattern: 'x', value: { '@path': '$.d' } } },
        e: { '@json': { mode: 'encode', value: { '@path': '$.f' } } },
        g: { '@flatten': { separator: '_', value: { h: { '@path': '$.i' } } } },
      },
      ['b', 'd', 'f', 'i'],
    ],
    [
      'the list of @arrayPath; its shape is about the item',
      { a: { '@arrayPath': ['$.b', { c: { '@path': '$.d' } }] } },
      ['b'],
    ],
    [
      'liquid variables',
      { a: { '@liquid': '{{ b.c }}{% if d %}{{ e | append: f.g }}{% endif %}' } },
      ['b.c', 'd', 'e', 'f.g'],
    ],
    ['a path that only the event knows: everything', { a: { '@path': { '@path': '$.b' } } }, ['', 'b']],
    [
      'what a transform picks',
      { a: { '@transform': { apply: { q: { '@path': '$.b' } }, mapping: { r: { '@path': '$.q.c' } } } } },
      ['b', 'b.c'],
    ],
    ['the whole event', { a: { '@path': '$.' } }, ['']],
  ])('%s', (_, mapping, expected) => {
    expect(compileMapping(mapping).reads).toEqual(expected)
  })

  it('a root directive over the whole event still names single columns', () => {
    const mapping: JsonObject = {
      __segment_internal_directive: {
        '@transform': { apply: { '@merge': { direction: 'right', objects: [{ '@path': '$.' }, { x: 1 }] } } },
      },
      name: { '@path': '$.__segment_entities.s.e.NAME' },
    }
    expect(entityColumns(compileMapping(mapping).reads, 's', 'e')).toEqual(['NAME'])
  })
})

describe('columns of an entity', () => {
  it('are what the paths name below its row', () => {
    const reads = [
      '__segment_entities.s.e.B',
      '__segment_entities.s.e.A.deep',
      '__segment_entities.s.other.C',
      'properties.x',
      'properties.products.0.__segment_entities.s.e.LINE',
    ]
    expect(entityColumns(reads, 's', 'e')).toEqual(['A', 'B', 'LINE'])
    expect(entityColumns(reads, 's', 'unused')).toEqual([])
    expect(entityColumns(reads, 'other-space', 'e')).toEqual([])
  })

  it.each([[''], ['__segment_entities'], ['__segment_entities.s'], ['__segment_entities.s.e']])(
    'are all of them where %j is read',
    (read) => {
      expect(entityColumns([read], 's', 'e')).toBe('all')
    },
  )
})

describe('a batch', () => {
  it('is each of its events, as in the published package', () => {
    const kit = { a: { '@path': '$.a' }, t: { '@template': '{{a}}!' }, gone: { '@path': '$.b' } }
    const batch = [{ a: 1 }, {}, { a: { b: [] } }, null, 5, [7]] as unknown as JsonObject[]
    const ours = compileMapping(kit).transformBatch(batch)
    expect(ours).toEqual(batchOracle().transformBatch(structuredClone(kit), structuredClone(batch)))
    expect(ours.slice(0, 3)).toEqual(batch.slice(0, 3).map((event) => compileMapping(kit).transform(event)))
    expect(() => compileMapping(kit).transformBatch({} as never)).toThrow('data must be an array, got object')
  })
})

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.freeze(value)
    for (const member of Object.values(value)) freeze(member)
  }
  return value
}
