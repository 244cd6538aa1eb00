/**
 * How much a fetch from one node may bring. It begins small and doubles with each answer that brings something, as TCP does:
 * the first messages of a start go through code that has never run, and thousands of them would come out together, and late.
 */
const partitionBytesFirst = 64 * 1024
const bytesFirst = 256 * 1024

export interface Limits {
  /** Of one answer. */
  readonly bytes: number
  /** Of one partition in it. A larger record batch comes whole where it is the first of the answer. */
  readonly partitionBytes: number
}

export class FetchLimits implements Limits {
  readonly #most: Limits
  #bytes: number
  #partitionBytes: number

  constructor(most: Limits) {
    this.#most = most
    this.#bytes = Math.min(bytesFirst, most.bytes)
    this.#partitionBytes = Math.min(partitionBytesFirst, most.partitionBytes)
  }

  get bytes(): number {
    return this.#bytes
  }

  get partitionBytes(): number {
    return this.#partitionBytes
  }

  grow(): void {
    this.#bytes = Math.min(this.#bytes * 2, this.#most.bytes)
    this.#partitionBytes = Math.min(this.#partitionBytes * 2, this.#most.partitionBytes)
  }
}
