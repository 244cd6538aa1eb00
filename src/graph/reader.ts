/** Reads the attributes of one block: required or not, of the right type, and none that does not belong. */
import { nearest, type Problem } from '../errors.ts'
import { graphProblem, type Place } from './lexer.ts'
import type { Block } from './syntax.ts'

export class Reader {
  readonly #block: Block
  readonly #problems: Problem[]

  constructor(block: Block, attributes: readonly string[], blocks: readonly string[], problems: Problem[]) {
    this.#block = block
    this.#problems = problems
    for (const { name, line, column } of block.attributes) {
      this.#known(name, [...attributes, ...blocks], { line, column }, 'warning')
    }
    for (const { type, line, column } of block.blocks) {
      this.#known(type, [...blocks, ...attributes], { line, column }, 'error') // with all that it holds
    }
  }

  /** A required text; null (and a problem) when it is missing, empty or no text. */
  text(name: string): string | null {
    const found = this.optional(name)
    if (found === undefined) {
      const { type, label } = this.#block
      const message = `${type}${label === null ? '' : ` "${label}"`} has no ${name}`
      const value = name === 'version' ? 'v1.0.0' : '…'
      this.#problems.push(graphProblem('missing_attribute', message, this.#block, `add ${name} = "${value}"`))
    } else if (found !== null && found.trim() === '') {
      this.#problems.push(
        graphProblem('missing_attribute', `${name} is empty`, this.place(name), `write ${name} = "…"`),
      )
      return null
    }
    return found ?? null
  }

  /** A text, undefined when it is not there, null (and a problem) when it is no text. */
  optional(name: string): string | null | undefined {
    const attribute = this.#block.attributes.find((one) => one.name === name)
    if (attribute === undefined) return undefined
    if (typeof attribute.value === 'string') return attribute.value
    this.#problems.push(
      graphProblem('bad_type', `${name} should be text and is ${attribute.value}`, attribute.at, `write ${name} = "…"`),
    )
    return null
  }

  flag(name: string, otherwise: boolean): boolean {
    const attribute = this.#block.attributes.find((one) => one.name === name)
    if (attribute === undefined || typeof attribute.value === 'boolean')
      return attribute === undefined ? otherwise : (attribute.value as boolean)
    const quoted = attribute.value === 'true' || attribute.value === 'false'
    this.#problems.push(
      graphProblem(
        'bad_type',
        `${name} should be true or false, without quotes`,
        attribute.at,
        `write ${name} = ${quoted ? attribute.value : 'true'}`,
      ),
    )
    return otherwise
  }

  /** Where the value of an attribute stands, or the block where there is none. */
  place(name: string): Place {
    return this.#block.attributes.find((one) => one.name === name)?.at ?? this.#block
  }

  /** What is nearly right is an error; what is merely unknown is left out, and `severity` says how bad that is. */
  #known(name: string, known: readonly string[], place: Place, severity: Problem['severity']): void {
    if (known.includes(name)) return
    const near = nearest(name, known)
    const hint = near === null ? `known here: ${known.join(', ')}` : `did you mean "${near}"?`
    const message = `${this.#block.type} has no "${name}"`
    this.#problems.push(graphProblem('unknown_attribute', message, place, hint, near === null ? severity : 'error'))
  }
}
