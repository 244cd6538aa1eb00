// biome-ignore-all lint/suspicious/noThenProperty: the mapping kit has a field of that name
/** Generated mappings and the events they are run on: mostly valid, with every directive, and with what is only nearly right. */
import fc from 'fast-check'

const pick = <T>(...values: readonly T[]) => fc.constantFrom<T>(...values)

const key = pick('a', 'b', 'c', 'id', 'x y', '0', '1', '$', 'length', 'properties', '_metadata', '')
const text = pick(
  '',
  'a',
  'text',
  'aAbB',
  '{{a}}',
  '$.a',
  '5',
  'a.b',
  '{"a":1}',
  '[1,null]',
  '{a',
  ' ',
  'ß',
  '$&',
  '__proto',
)
const scalar = fc.oneof(text, pick<unknown>(0, 1, -1, 1.5, 42, true, false, null))

/** Events: a few known keys, nested at random. */
export const event: fc.Arbitrary<Record<string, unknown>> = fc.letrec<{
  value: unknown
  object: Record<string, unknown>
}>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small', withCrossShrink: true },
    scalar,
    tie('object'),
    fc.array(tie('value'), { maxLength: 3 }),
  ),
  object: fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true }),
})).object

const segment = pick('a', 'b', 'c', 'id', 'x y', '0', 'properties', 'length')
const bracket = pick('[0]', '[1]', "['x y']", '["a"]', '[b]', '[', ']', '..', "'", '$.', '[-1]', '[1b]')
export const path = fc
  .tuple(
    pick('$.', '$.', '$.', '', '$'),
    fc.array(fc.oneof({ weight: 5, arbitrary: segment.map((part) => `.${part}`) }, { weight: 1, arbitrary: bracket }), {
      maxLength: 4,
    }),
  )
  .map(([head, parts]) => head + parts.join('').replace(/^\./, ''))

/** Triple braces do not meet data with braces here: what they do then is a difference that is meant. */
const inTemplate = path.filter((one) => !one.includes('}'))
export const template = fc
  .array(
    fc.oneof(
      inTemplate.map((one) => `{{${one.replace('$.', '')}}}`),
      inTemplate.map((one) => `{{ ${one} }}`),
      pick('x', ' ', '{', '}', '{{}}', '{{ }}', '}}', '$&', '{{a}}', '{{properties.a}}', '{{a'),
    ),
    { maxLength: 4 },
  )
  .map((parts) => parts.join(''))
  .filter((one) => !/\{\{\{/.test(one))

const metadata = fc.oneof(
  { weight: 9, arbitrary: fc.constant({}) },
  { weight: 1, arbitrary: fc.constant({ _metadata: { label: 'l' } }) },
)

interface Ties {
  value: unknown
  object: unknown
  directive: unknown
  textual: unknown
}

/** A value that a mapping can hold. `wrong`: how often something is put in that no validation accepts, in percent. */
function mappings(wrong: number): fc.Arbitrary<Record<string, unknown>> {
  const rarely = <T>(good: fc.Arbitrary<T>, bad: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
    wrong === 0 ? good : fc.oneof({ weight: 100 - wrong, arbitrary: good }, { weight: wrong, arbitrary: bad })
  const bad = pick<unknown>(5, null, true, [], {}, ['x'], { '@nope': 1 }, { '@path': 5 }, { '@path': 'a', b: 1 })
  return fc
    .letrec<Ties>((tie) => {
      const value = rarely(tie('value'), bad)
      const textual = rarely(fc.oneof({ weight: 2, arbitrary: text }, { weight: 3, arbitrary: tie('directive') }), bad)
      const objectOrDirective = rarely(fc.oneof(tie('object'), tie('directive')), bad)
      const optional = { requiredKeys: [] as [] }
      const directive = fc.oneof(
        { maxDepth: 5, depthSize: 'small' },
        fc.record({ '@path': rarely(path, bad) }),
        fc.record({ '@template': rarely(template, bad) }),
        fc.record({ '@literal': value }),
        fc.record({ '@path': textual }),
        fc.record({
          '@if': rarely(
            fc.oneof(
              {
                weight: 9,
                arbitrary: fc.record({ exists: value, then: value, else: value }, { requiredKeys: ['exists'] }),
              },
              {
                weight: 9,
                arbitrary: fc.record({ blank: value, then: value, else: value }, { requiredKeys: ['blank'] }),
              },
              { weight: 2, arbitrary: fc.record({ exists: value, blank: value, then: value }, optional) },
            ),
            bad,
          ),
        }),
        fc.record({
          '@case': rarely(
            fc.record(
              { operator: rarely(pick('upper', 'lower'), pick<unknown>('UPPER', '', 5, null)), value: textual },
              { requiredKeys: wrong === 0 ? ['operator'] : [] },
            ),
            bad,
          ),
        }),
        fc.record({
          '@replace': rarely(
            fc.record(
              {
                pattern: rarely(
                  pick('a', 'A', '.', '$', '1', 'text', '{', '-', '\\', '^a'),
                  pick<unknown>('', 'longer than ten', 5, null),
                ),
                value: textual,
                replacement: rarely(pick('', 'b', '$&$&', '$1', 'xyz'), pick<unknown>('longer than ten', 5, null)),
                ignorecase: rarely(fc.boolean(), pick<unknown>(5, null, 'x')),
                global: rarely(fc.boolean(), pick<unknown>(5, null, 'x')),
                pattern2: pick<unknown>('b', '', 'x', 5, null, '$'),
                replacement2: pick<unknown>('c', '', '$&', 5, null),
              },
              { requiredKeys: wrong === 0 ? ['pattern', 'value'] : [] },
            ),
            bad,
          ),
        }),
        fc.record({
          '@arrayPath': rarely(
            fc.oneof(
              fc.tuple(fc.oneof(path, tie('directive'))),
              fc.tuple(fc.oneof(path, tie('directive')), rarely(fc.oneof(tie('object'), tie('directive')), bad)),
              fc.tuple(pick('$.a', '$.b', '$.properties', '$.'), tie('object')),
            ),
            bad,
          ),
        }),
        fc.record({
          '@flatten': rarely(
            fc.record(
              {
                separator: rarely(pick('.', '_', '__'), pick<unknown>('', 5, null)),
                value,
                omitArrays: pick<unknown>(true, false, 0, 'x'),
              },
              { requiredKeys: wrong === 0 ? ['separator', 'value'] : [] },
            ),
            bad,
          ),
        }),
        fc.record({
          '@json': rarely(
            fc.record(
              { mode: rarely(pick('encode', 'decode'), pick<unknown>('ENCODE', 'x', 5, null)), value },
              { requiredKeys: wrong === 0 ? ['mode', 'value'] : [] },
            ),
            bad,
          ),
        }),
        fc.record({
          '@merge': rarely(
            fc.record(
              {
                direction: rarely(pick('left', 'right'), pick<unknown>('LEFT', 'up', 5, null)),
                objects: rarely(fc.array(objectOrDirective, { maxLength: 3 }), bad),
              },
              { requiredKeys: wrong === 0 ? ['direction', 'objects'] : [] },
            ),
            bad,
          ),
        }),
        fc.record({
          '@transform': rarely(
            fc.record(
              { apply: objectOrDirective, mapping: objectOrDirective },
              { requiredKeys: wrong === 0 ? ['apply', 'mapping'] : [] },
            ),
            bad,
          ),
        }),
        fc.record({ '@excludeWhenNull': value }),
        fc.record({
          '@liquid': rarely(
            pick(
              '',
              'x',
              '{{ a }}',
              '{{ properties.a | upcase }}',
              '{% if a == 1 %}y{% else %}n{% endif %}',
              '{{ a.b[0] | default: "d" }}',
            ),
            pick<unknown>(5, null, '{{ a', '{% for i in a %}{% endfor %}', '{{ a | map: "b" }}', 'x'.repeat(1001)),
          ),
        }),
      )
      return {
        directive: fc.tuple(directive, metadata).map(([one, extra]) => ({ ...(one as object), ...extra })),
        textual,
        object: fc.dictionary(pick('a', 'b', 'c', 'id', 'x y', '0', 'a.b', 'properties'), value, {
          maxKeys: 4,
          noNullPrototype: true,
        }),
        value: fc.oneof(
          { maxDepth: 5, depthSize: 'small' },
          scalar,
          { weight: 4, arbitrary: tie('directive') },
          tie('object'),
          fc.array(tie('value'), { maxLength: 3 }),
        ),
      }
    })
    .object.chain((object) => {
      const plain = fc.constant(object as Record<string, unknown>)
      const rooted = fc
        .record({ apply: path.map((one): unknown => ({ '@path': one })) })
        .map((transform) => ({ __segment_internal_directive: { '@transform': transform }, ...(object as object) }))
      return fc.oneof({ weight: 12, arbitrary: plain }, { weight: 1, arbitrary: rooted })
    })
}

export const validMapping = mappings(0)
export const anyMapping = mappings(8)
