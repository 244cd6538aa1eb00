/** Puts the pieces that a socket delivers together to whole responses: four bytes of length, and as many bytes. */

/** Smaller responses get bytes of their own. */
const reusedBytesMin = 32 * 1024
/** A larger buffer is not kept. */
const keptBytesMax = 32 * 1024 * 1024

export interface ResponseAssemblerOptions {
  /** Put large responses into the same bytes one after another: the one before must not be in use any more. */
  readonly reuse: boolean
  readonly complete: (response: Buffer) => void
}

export class ResponseAssembler {
  readonly #options: ResponseAssemblerOptions
  readonly #size = Buffer.alloc(4)
  #sizeBytes = 0
  #response: Buffer | null = null
  #filled = 0
  #kept = Buffer.alloc(0)

  constructor(options: ResponseAssemblerOptions) {
    this.#options = options
  }

  /** The bytes are copied. */
  add(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.#response === null) {
        this.#size[this.#sizeBytes++] = bytes[at++] as number
        if (this.#sizeBytes === 4) this.#response = this.#room(this.#size.readInt32BE(0))
      } else {
        const count = bytes.copy(this.#response, this.#filled, at)
        this.#filled += count
        at += count
      }
      if (this.#response !== null && this.#filled === this.#response.length) {
        const response = this.#response
        this.reset()
        this.#options.complete(response)
      }
    }
  }

  /** Forgets a response that has only partly arrived: the connection is another one now. */
  reset(): void {
    this.#sizeBytes = 0
    this.#filled = 0
    this.#response = null
  }

  #room(size: number): Buffer {
    if (!this.#options.reuse || size < reusedBytesMin || size > keptBytesMax) return Buffer.allocUnsafe(size)
    if (this.#kept.length < size) this.#kept = Buffer.allocUnsafeSlow(Math.min(keptBytesMax, size + (size >> 2)))
    return this.#kept.subarray(0, size)
  }
}
