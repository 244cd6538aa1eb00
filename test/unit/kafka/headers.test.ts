import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ownHeaders } from '../../../src/enrich/provenance.ts'
import { encodeHeaders, KeptHeaders } from '../../../src/kafka/headers.ts'
import { RecordWriter } from '../../../src/kafka/record-writer.ts'
import { messageOf } from '../../support/kafka-records.ts'

type Header = readonly [name: string, value: string | Uint8Array | null]

async function kept(headers: readonly Header[]) {
  const headersKept = new KeptHeaders()
  headersKept.scan(await messageOf({ headers }))
  const writer = new RecordWriter()
  writer.begin(0, headersKept.size)
  const start = writer.size
  headersKept.write(writer)
  const bytes = writer.seal({ producerId: -1n, epoch: 0, sequence: 0, transactional: false }).subarray(start)
  return { count: headersKept.count, size: headersKept.size, bytes: Buffer.from(bytes) }
}

test('the headers of the input stay byte for byte, null and repeated ones too', async () => {
  const headers: Header[] = [
    ['a', 'x'],
    ['a', 'y'],
    ['null', null],
    ['le.custom', 'stays'],
    ['', ''],
  ]
  expect(await kept(headers)).toEqual({ count: 5, size: encodeHeaders(headers).length, bytes: encodeHeaders(headers) })
})

test('those of our names go, wherever they stand', async () => {
  const mixed: Header[] = [
    ['le.source', 'old'],
    ['a', 'x'],
    ...ownHeaders.map((name): Header => [name, 'old']),
    ['b', null],
  ]
  const left: Header[] = [
    ['a', 'x'],
    ['b', null],
  ]
  expect(await kept(mixed)).toEqual({ count: 2, size: encodeHeaders(left).length, bytes: encodeHeaders(left) })
})

test('whatever the headers, exactly ours are taken out', async () => {
  const name = fc.oneof(
    fc.constantFrom(...ownHeaders, 'le.', 'le.sourc', 'le.source2', 'x'),
    fc.string({ maxLength: 150 }),
  )
  const value = fc.option(fc.uint8Array({ maxLength: 200 }))
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(name, value), { maxLength: 8 }), async (headers) => {
      const left = headers.filter(([each]) => !(ownHeaders as readonly string[]).includes(each))
      expect((await kept(headers)).bytes).toEqual(encodeHeaders(left))
    }),
  )
})

test('a message without headers gives none', async () => {
  expect((await kept([])).count).toBe(0)
})
