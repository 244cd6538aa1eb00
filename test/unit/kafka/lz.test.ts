import fc from 'fast-check'
import { expect, test } from 'vitest'
import { unlz4, unsnappy } from '../../../src/kafka/lz.ts'

const text = 'linked events '

test('snappy: literals, near and overlapping copies', () => {
  // 14 bytes of literal, a copy of 14 from 14 back (2-byte distance), then 4 times the last byte (1-byte distance).
  const block = Buffer.concat([
    Buffer.from([32, (14 - 1) << 2]),
    Buffer.from(text),
    Buffer.from([((14 - 1) << 2) | 2, 14, 0, 1, 1]),
  ])
  expect(unsnappy(block).toString()).toBe(`${text}${text}    `)
})

test('snappy in the blocks that Java writes', () => {
  const block = Buffer.concat([Buffer.from([14, (14 - 1) << 2]), Buffer.from(text)])
  const size = Buffer.alloc(4)
  size.writeUInt32BE(block.length)
  const head = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1])
  expect(unsnappy(Buffer.concat([head, size, block, size, block])).toString()).toBe(text + text)
})

test('LZ4: a frame with a compressed and a stored block', () => {
  const block = Buffer.concat([Buffer.from([(14 << 4) | 6]), Buffer.from(text), Buffer.from([14, 0, 0x10, 33])])
  const stored = Buffer.from('end')
  const size = (value: number) => {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(value >>> 0)
    return bytes
  }
  const frame = [Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82])]
  frame.push(size(block.length), block, size(0x80000000 | stored.length), stored, size(0))
  expect(unlz4(Buffer.concat(frame)).toString()).toBe(`${text}${text.slice(0, 10)}!end`)
})

test('damaged data is an error, never a wrong answer of another length, and never endless', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), (bytes) => {
      const damaged = Buffer.from([20, ...bytes])
      try {
        expect(unsnappy(damaged)).toHaveLength(20)
      } catch (error) {
        expect(error).toBeInstanceOf(Error)
      }
    }),
  )
})
