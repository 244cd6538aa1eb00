/** Output values, one after another in bytes that are used again for the next message. */
import { copyBytes, memory, reserve, type Span } from '../memory.ts'
import type { Row } from '../row-text.ts'
import { writeRow } from './row-writer.ts'

const bytesMin = 256 * 1024
const address = reserve(bytesMin)

export class ValueWriter {
  #bytes = memory
  #at = address
  #end = address + bytesMin
  #start = 0

  /** Values written before this call may be overwritten from now on. */
  reset(): void {
    this.#bytes = memory
    this.#at = address
    this.#end = address + bytesMin
  }

  /** Begins a value of at most this many bytes. */
  begin(bytesMax: number): void {
    if (this.#at + bytesMax > this.#end) {
      this.#bytes = Buffer.allocUnsafeSlow(Math.max(bytesMin, bytesMax)) // what is full lives on in its values
      this.#at = 0
      this.#end = this.#bytes.length
    }
    this.#start = this.#at
  }

  bytes(source: Buffer, start: number, end: number): void {
    copyBytes(this.#bytes, this.#at, source, start, end)
    this.#at += end - start
  }

  text(text: string): void {
    this.#at += this.#bytes.write(text, this.#at)
  }

  /** A text and the text of a row, the latter of at most `rowBytesMax`. */
  row(before: string, row: Row): void {
    const end = this.#bytes === memory ? writeRow(before, row, this.#at) : null
    if (end === null) this.text(before + row.text)
    else this.#at = end
  }

  /** The value; valid until `reset`. */
  end(): Span {
    return { bytes: this.#bytes, start: this.#start, end: this.#at }
  }
}
