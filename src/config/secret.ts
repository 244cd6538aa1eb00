/** A value that must not be seen: it prints as `***` wherever it is printed. */
const inspect = Symbol.for('nodejs.util.inspect.custom')

export class Secret {
  readonly #value: string
  constructor(value: string) {
    this.#value = value
  }
  /** The value itself, for the driver that needs it and nobody else. */
  reveal(): string {
    return this.#value
  }
  toString(): string {
    return '***'
  }
  toJSON(): string {
    return '***'
  }
  [inspect](): string {
    return '***'
  }
}
