import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ResponseAssembler } from '../../../src/kafka/response-assembler.ts'

function framed(responses: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    responses.flatMap((response) => {
      const size = Buffer.alloc(4)
      size.writeInt32BE(response.length)
      return [size, response]
    }),
  )
}

test('responses come out whole, however the socket cut them', () => {
  const response = fc.oneof(
    fc.uint8Array({ maxLength: 50 }),
    fc.integer({ min: 30_000, max: 70_000 }).map((size) => new Uint8Array(size).fill(size % 251)),
  )
  fc.assert(
    fc.property(
      fc.array(response, { maxLength: 6 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 50_000 })),
      fc.boolean(),
      (responses, cuts, reuse) => {
        const seen: Buffer[] = []
        const assembler = new ResponseAssembler({ reuse, complete: (each) => seen.push(Buffer.from(each)) })
        const bytes = framed(responses)
        const piece = Buffer.alloc(50_000)
        for (let at = 0; at < bytes.length; ) {
          const size = Math.min(cuts.next().value as number, bytes.length - at)
          bytes.copy(piece, 0, at, at + size) // the socket uses its buffer again
          assembler.add(piece.subarray(0, size))
          at += size
        }
        expect(seen.map((each) => each.toString('hex'))).toEqual(
          responses.map((each) => Buffer.from(each).toString('hex')),
        )
      },
    ),
    { numRuns: 100 },
  )
})

test('after a lost connection nothing of the old response is left', () => {
  const seen: string[] = []
  const assembler = new ResponseAssembler({ reuse: true, complete: (each) => seen.push(each.toString()) })
  assembler.add(framed([Buffer.from('old response')]).subarray(0, 9))
  assembler.reset()
  assembler.add(framed([Buffer.from('new')]))
  expect(seen).toEqual(['new'])
})
