// biome-ignore-all lint/suspicious/noThenProperty: the mapping kit has a field of that name
/**
 * Every directive and every rule of paths by a table, with Segment's package saying what is right; results are compared with the
 * order of keys, and refusals by their messages. The package publishes no cases of its own for them.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { LinkedEventsError } from '../../../src/errors.ts'
import type { JsonObject, JsonValue } from '../../../src/json.ts'
import { compileMapping } from '../../../src/mapping/mapping.ts'
import { mappingOracle } from '../../support/oracle.ts'

const event: JsonObject = {
  type: 'track',
  event: 'Order Completed',
  where: '$.event',
  n: 12.5,
  zero: 0,
  no: false,
  yes: true,
  nothing: null,
  empty: '',
  text: 'a.b-A.B',
  list: [1, 'two', null, [3], { id: 'x' }],
  none: [],
  items: [{ id: 'A', tags: ['t'], at: { x: 1 } }, { id: 'B' }, 'c', null],
  one: { id: 'only' },
  deep: { a: { b: { c: [{ d: 1 }, { d: null }] } }, e: {}, f: [], g: null, '': 'blank', 'x y': 'space', $: 'dollar' },
  'dot.ted': 'unreachable',
  'a[b]': 'bracket',
  $: { price: 'root dollar' },
  json: '{"a":[1,{"b":null}],"c":1.50}',
  broken: '{a',
}

const at = (path: string): JsonObject => ({ '@path': path })
const nowhere = at('$.nowhere')
/** One of each kind of value, as data of the event. */
const kinds = ['n', 'zero', 'no', 'yes', 'nothing', 'empty', 'text', 'list', 'none', 'one', 'deep', 'nowhere'].map(at)
/** One of each kind of value, written into the mapping. */
const raw: readonly JsonValue[] = ['text', '', 5, 0, true, false, null, [], ['x', at('n')], {}, { k: at('n') }]
const over = (values: readonly JsonValue[], make: (value: JsonValue) => JsonValue): readonly JsonValue[] =>
  values.map(make)
const everywhere = (make: (value: JsonValue) => JsonValue): readonly JsonValue[] => over([...kinds, ...raw], make)

const directives: Readonly<Record<string, readonly JsonValue[]>> = {
  '@path': [...over(raw, (value) => ({ '@path': value })), { '@path': at('where') }, { '@path': at('n') }],
  '@template': [
    ...over(kinds, (value) => ({ '@template': `<{{${(value as JsonObject)['@path'] as string}}}>` })),
    ...over(
      [
        '{{n}}',
        '{{ n }}',
        '{{{n}}}',
        '{{$.n}}',
        '{{}}',
        '{{ }}',
        '{{n',
        'n}}',
        '{{list}}{{deep}}',
        '{{items.0.id}}!',
        '',
      ],
      (value) => ({ '@template': value }),
    ),
    ...over(raw, (value) => ({ '@template': value })),
    { '@template': at('where') },
  ],
  '@literal': everywhere((value) => ({ '@literal': value })),
  '@if': [
    ...everywhere((value) => ({ '@if': { exists: value, then: 'then', else: 'else' } })),
    ...everywhere((value) => ({ '@if': { blank: value, then: 'then', else: 'else' } })),
    ...everywhere((value) => ({ '@if': { exists: at('n'), then: value } })),
    ...everywhere((value) => ({ '@if': { exists: nowhere, then: 1, else: value } })),
    { '@if': { exists: at('n'), blank: at('n'), then: 'exists wins', else: 'else' } },
    { '@if': { exists: nowhere, then: 1 } },
    ...over([{}, { then: 1 }, 'x', null, [at('n')]], (value) => ({ '@if': value })),
  ],
  '@case': [
    ...everywhere((value) => ({ '@case': { operator: 'upper', value } })),
    ...over(['lower', 'UPPER', '', 5, null, at('text')], (operator) => ({ '@case': { operator, value: at('text') } })),
    ...over([{}, { value: at('text') }, { operator: 'lower' }, 'x', null], (value) => ({ '@case': value })),
  ],
  '@replace': [
    ...everywhere((value) => ({ '@replace': { pattern: '.', replacement: '_', value } })),
    ...over(['a', 'A', '.', '', 'longer than ten', 5, null, at('text')], (pattern) => ({
      '@replace': { pattern, replacement: 'x', value: at('text') },
    })),
    ...over(['', '$&$&', '$1', 'longer than ten', 5, at('text')], (replacement) => ({
      '@replace': { pattern: 'a', replacement, value: at('text') },
    })),
    ...over([true, false, 'x', 5], (flag) => ({ '@replace': { pattern: 'a', ignorecase: flag, value: at('text') } })),
    ...over([true, false, 'x', 5], (flag) => ({ '@replace': { pattern: '.', global: flag, value: at('text') } })),
    ...over(['b', '', 5, 'exactly 10', 'longer than ten'], (pattern2) => ({
      '@replace': { pattern: 'a', replacement: 'b', pattern2, replacement2: 'c', value: at('text') },
    })),
    ...over([{}, { pattern: 'a' }, { value: at('text') }, 'x', null], (value) => ({ '@replace': value })),
  ],
  '@arrayPath': [
    ...over([...kinds, at('items')], (value) => ({ '@arrayPath': [value, { id: at('$.id'), t: at('$.type') }] })),
    ...over([...kinds, at('items')], (value) => ({ '@arrayPath': [value] })),
    ...over([{}, { x: 1 }, { x: { '@template': '{{id}}' } }, { x: at('$.at.x') }, at('$.id')], (shape) => ({
      '@arrayPath': ['$.items', shape],
    })),
    ...over(['x', [], [5], {}, null, ['$.items', 5]], (value) => ({ '@arrayPath': value })),
  ],
  '@flatten': [
    ...everywhere((value) => ({ '@flatten': { separator: '_', value } })),
    ...over([true, false], (omitArrays) => ({ '@flatten': { separator: '.', value: at('deep'), omitArrays } })),
    ...over(['__', '', 5, null, at('text')], (separator) => ({ '@flatten': { separator, value: at('deep') } })),
    ...over([{}, { value: at('deep') }, { separator: '_' }, 'x', null], (value) => ({ '@flatten': value })),
  ],
  '@json': [
    ...everywhere((value) => ({ '@json': { mode: 'encode', value } })),
    ...everywhere((value) => ({ '@json': { mode: 'decode', value } })),
    ...over(['json', 'broken'].map(at), (value) => ({ '@json': { mode: 'decode', value } })),
    ...over(['ENCODE', 'x', '', 5, null], (mode) => ({ '@json': { mode, value: at('deep') } })),
    ...over([{}, { value: at('deep') }, { mode: 'encode' }, 'x', null], (value) => ({ '@json': value })),
  ],
  '@merge': [
    ...over(['left', 'right', 'LEFT', 'up', '', 5, null], (direction) => ({
      '@merge': { direction, objects: [{ a: 1, b: 2 }, { a: 3, c: at('n') }, at('one')] },
    })),
    ...over(kinds, (value) => ({ '@merge': { direction: 'right', objects: [{ a: 1 }, value] } })),
    ...over(kinds, (value) => ({ '@merge': { direction: 'right', objects: [{ a: 1 }, { a: value }] } })),
    ...over(raw, (value) => ({ '@merge': { direction: 'left', objects: [value, { a: 1 }] } })),
    ...over(raw, (objects) => ({ '@merge': { direction: 'left', objects } })),
    ...over([{}, { direction: 'left' }, { objects: [] }, 'x', null], (value) => ({ '@merge': value })),
  ],
  '@transform': [
    ...over([at('deep'), { q: at('$.deep.a') }, {}, { q: at('type') }], (apply) => ({
      '@transform': { apply, mapping: { r: at('$.q'), s: at('$.e'), t: at('type'), u: { '@template': '{{q}}' } } },
    })),
    ...over([at('one'), at('$.'), {}, at('n')], (mapping) => ({ '@transform': { apply: at('$.'), mapping } })),
    ...over(raw, (apply) => ({ '@transform': { apply, mapping: { x: at('k') } } })),
    ...over(raw, (mapping) => ({ '@transform': { apply: at('$.'), mapping } })),
    ...over([{}, { apply: {} }, { mapping: {} }, 'x', null], (value) => ({ '@transform': value })),
  ],
  '@excludeWhenNull': [
    ...everywhere((value) => ({ '@excludeWhenNull': value })),
    { '@excludeWhenNull': { a: null, b: { c: at('nothing'), d: [null] } } },
  ],
  '@liquid': over(
    [
      ...[
        '',
        'x',
        '{{ type }}',
        '{{ event.type }}',
        '{{ nowhere }}',
        '{{ deep }}',
        '{{ list[1] }}',
        '{{ items.first.id }}',
      ],
      ...['{{ text | upcase | split: "." | join: "/" }}', '{{ n | plus: 1 | round }}', '{{ nowhere | default: "d" }}'],
      ...['{% if n > 12 %}y{% elsif no %}m{% else %}n{% endif %}', '{% unless no %}u{% endunless %}'],
      ...[
        '{% assign a = type %}{{ a }}',
        '{% capture c %}<{{ n }}>{% endcapture %}{{ c }}{{ c }}',
        '{% raw %}{{ n }}{% endraw %}',
      ],
      ...[
        '{% comment %}no{% endcomment %}{% increment i %}{% decrement d %}',
        '{% echo type %}',
        '{% liquid\necho n %}',
      ],
      ...['{% for i in list %}{% endfor %}', '{% case n %}{% endcase %}', '{% tablerow i in list %}{% endtablerow %}'],
      ...['{{ list | map: "id" }}', '{{ list | reverse }}', '{{ list | sort }}', '{{ text | concat: list }}', '{{ n'],
      'x'.repeat(1001),
      ...raw,
    ],
    (value) => ({ '@liquid': value }),
  ),
  'what is no directive': [
    ...over([...raw, [{ a: at('n') }, [at('nowhere')], at('nothing')]], (value) => value),
    ...over(['@nope', '@If', '@', '@@path'], (name) => ({ [name as string]: 1 })),
    ...[
      { '@path': 'n', '@literal': 1 },
      { '@path': 'n', other: 1 },
      { '@path': 'n', _metadata: { label: 'l' } },
    ],
    { _metadata: 1, a: at('n'), 'info.name': at('n'), 'info[0].email': 1 },
  ],
}

const paths: Readonly<Record<string, readonly string[]>> = {
  'the first $. is taken away once, wherever it stands': ['$.n', 'deep.$.a', '$.$.n', '$.$.price', '$$.n', 'x$.n'],
  'nothing, and a dot, are the whole event': ['', '$.', '.', '..', '$..'],
  'a dollar alone is a key': ['$', '$.$', 'deep.$', '$price'],
  'parts end at dots and at brackets around digits or quotes': [
    ...[
      'items[0].id',
      'items.0.id',
      "deep['x y']",
      'deep["x y"]',
      'deep.x y',
      'items[0][id]',
      'list[3][0]',
      'items[00].id',
    ],
    ...['[items][0]', "['items'][0]['id']", 'items[0]id', 'items[ 0 ]', 'items.[0].id', 'items]0[', 'deep[a]'],
  ],
  'empty parts are dropped, quotes removed': ['deep..a', '.n', 'n.', "deep.'a'", 'deep."a".b', "'n'", "de'ep", 'deep.'],
  'a bracket around a word is part of the key': ['a[b]', '["a[b]"]', 'a.[b]'],
  'a key with a dot is out of reach': ['dot.ted', "['dot.ted']", '["dot.ted"]'],
  'a falsy value on the way is the result': ['zero.x.y', 'no.x', 'empty.x', 'nothing.x', 'deep.g.h', 'n.x', 'text.x'],
  'indexes count from the front': [
    'list[0]',
    'list[9]',
    'list[-1]',
    'list.-1',
    'list[1.5]',
    'list.length',
    'text.length',
    'text.0',
  ],
  'white space is a character': [' n', 'n ', 'deep. a', 'deep.x  y'],
}

const messagesOf = (error: unknown): readonly string[] =>
  typeof error === 'object' && error !== null && Symbol.iterator in error
    ? [...(error as Iterable<Error>)].map(({ message }) => message)
    : [(error as Error).message]

/** A result, or why there is none; holes and what is undefined are told from nulls. */
function outcome(run: () => unknown): { readonly result: string } | { readonly refused: readonly string[] } {
  try {
    return { result: JSON.stringify(run(), (_, inner) => (inner === undefined ? '<undefined>' : inner)) }
  } catch (error) {
    if (!(error instanceof LinkedEventsError)) return { refused: messagesOf(error) }
    return { refused: (error.problems as readonly { readonly message: string }[]).map(({ message }) => message) }
  }
}

function compare(value: JsonValue): void {
  const theirs = outcome(() => mappingOracle().transform(structuredClone({ x: value }), structuredClone(event)))
  const ours = outcome(() => compileMapping({ x: value }).transform(event))
  if ('result' in theirs || 'result' in ours) expect(ours, JSON.stringify(value)).toEqual(theirs)
  // What Segment tells only when an event comes that far has the same words here, behind the place.
  else
    for (const message of theirs.refused)
      expect(ours.refused.join('\n'), JSON.stringify(value)).toContain(message.replace(/, line:\d+, col:\d+$/, ''))
}

describe('every directive gives what the published package gives', () => {
  it.each(Object.keys(directives))('%s', (name) => {
    for (const value of directives[name]!) compare(value)
  })

  it('and none is missing from the table', () => {
    const source = readFileSync('node_modules/@segment/actions-core/dist/cjs/mapping-kit/index.js', 'utf8')
    const registered = [...source.matchAll(/registerDirective\('(@\w+)'/g)].map(([, name]) => name!)
    expect(registered.length).toBeGreaterThan(10)
    expect(Object.keys(directives)).toEqual(expect.arrayContaining(registered))
  })
})

describe('every rule of paths gives what the published package gives', () => {
  it.each(Object.keys(paths))('%s', (rule) => {
    for (const path of paths[rule]!) {
      compare(at(path))
      compare({ '@template': `<{{${path}}}>` })
      compare({ '@arrayPath': [path, { id: at('$.id') }] })
    }
  })
})
