import { expect, test } from 'vitest'
import { ValueWriter } from '../../../src/enrich/value-writer.ts'
import { bytesOf } from '../../../src/memory.ts'

/** Writes a text in pieces, as bytes and as text in turn. */
function write(writer: ValueWriter, text: string, piece = 7): Buffer {
  const characters = [...text]
  writer.begin(3 * text.length)
  for (let at = 0; at < characters.length; at += piece) {
    const part = characters.slice(at, at + piece).join('')
    if ((at / piece) % 2 === 0) writer.text(part)
    else writer.bytes(Buffer.from(`<<${part}>>`), 2, 2 + Buffer.byteLength(part))
  }
  return bytesOf(writer.end())
}

test('a value is what was written, in short pieces and long ones', () => {
  const text = `{"a":"ü 😀 \u2028","b":"${'long '.repeat(100)}"}`
  for (const piece of [1, 7, 47, 48, 49, 1000]) expect(write(new ValueWriter(), text, piece).toString()).toBe(text)
})

test('values since the last reset stand side by side', () => {
  const writer = new ValueWriter()
  const texts = Array.from({ length: 100 }, (_, index) => `value ${index} ü`.repeat(1 + index))
  const values = texts.map((text) => write(writer, text))
  expect(values.map(String)).toEqual(texts)
})

test('a value that does not fit gets a new buffer, and those before it stay', () => {
  const writer = new ValueWriter()
  const wide = '\u2028'.repeat(85_000) // nearly the whole of a buffer
  const texts = ['first', 'x'.repeat(200_000), wide, wide, 'ü'.repeat(300_000), 'y'.repeat(2_000_000), 'last']
  const values = texts.map((text) => write(writer, text, 1 << 20))
  expect(values.map(String)).toEqual(texts)
})

test('after a reset the buffer is used again, unless a large value has made it large', () => {
  const writer = new ValueWriter()
  const first = write(writer, 'first')
  writer.reset()
  expect(write(writer, 'again').buffer).toBe(first.buffer)
  expect(first.toString()).toBe('again')
  const large = write(writer, 'x'.repeat(3_000_000), 1 << 22)
  writer.reset()
  expect(write(writer, 'small').buffer).not.toBe(large.buffer)
  expect(large.length).toBe(3_000_000)
})

test('an empty value is empty', () => {
  const writer = new ValueWriter()
  writer.begin(0)
  expect(bytesOf(writer.end())).toHaveLength(0)
})
