/** Output values, one after another in one buffer that is used again for the next message. */
const bytesMin = 256 * 1024
/** Below this many bytes a loop is faster than a native copy. */
const copyBytesMin = 48

export class ValueWriter {
  #buffer = Buffer.allocUnsafeSlow(bytesMin)
  #start = 0
  #at = 0

  /** Values written before this call may be overwritten from now on. */
  reset(): void {
    this.#at = 0
    if (this.#buffer.length > 4 * bytesMin) this.#buffer = Buffer.allocUnsafeSlow(bytesMin)
  }

  /** Begins a value of at most this many bytes. */
  begin(bytesMax: number): void {
    if (this.#at + bytesMax > this.#buffer.length) {
      this.#buffer = Buffer.allocUnsafeSlow(Math.max(bytesMin, bytesMax)) // the old one lives on in its values
      this.#at = 0
    }
    this.#start = this.#at
  }

  bytes(source: Buffer, start: number, end: number): void {
    const buffer = this.#buffer
    let at = this.#at
    if (end - start >= copyBytesMin) {
      source.copy(buffer, at, start, end)
      this.#at = at + end - start
      return
    }
    for (let from = start; from < end; from++) buffer[at++] = source[from] as number
    this.#at = at
  }

  text(text: string): void {
    this.#at += this.#buffer.write(text, this.#at)
  }

  /** The value; valid until `reset`. */
  end(): Buffer {
    return this.#buffer.subarray(this.#start, this.#at)
  }
}
