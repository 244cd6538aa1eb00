/** A YAML or JSON text with the place of every value in it, so that a later check can point into the file. */
import { isMap, isPair, isScalar, LineCounter, type Node, parseDocument } from 'yaml'
import type { Problem } from '../errors.ts'

export type Path = readonly (string | number)[]

export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

export interface TextDocument {
  readonly file: string
  readonly value: unknown
  readonly problems: readonly Problem[]
  /** The value at the path; the nearest one above it when it is absent. */
  place(path: Path): Place
  /** The key of the last part of the path. */
  keyPlace(path: Path): Place
  /** Where the text of a one-line scalar begins, after its quote. */
  textPlace(path: Path): Place
}

export function readDocument(text: string, file: string): TextDocument {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: '1.2' })
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const problems = document.errors.map((error): Problem => {
    const { line, column } = at(error.pos[0])
    return { code: 'CONFIG_SYNTAX', severity: 'error', message: error.message, file, line, column, hint: null }
  })
  const nodeAt = (path: Path): Node | null => {
    for (let length = path.length; length >= 0; length--) {
      const node = length === 0 ? document.contents : (document.getIn(path.slice(0, length), true) as Node | undefined)
      if (node?.range) return node
    }
    return null
  }
  return {
    file,
    value: problems.length === 0 ? document.toJS() : null,
    problems,
    place: (path) => at(nodeAt(path)?.range?.[0] ?? 0),
    keyPlace(path) {
      const parent = nodeAt(path.slice(0, -1))
      const last = String(path.at(-1))
      if (isMap(parent)) {
        const pair = parent.items.find(
          (item) => isPair(item) && String(isScalar(item.key) ? item.key.value : item.key) === last,
        )
        const key = pair?.key as Node | undefined
        if (key?.range) return at(key.range[0])
      }
      return at(nodeAt(path)?.range?.[0] ?? 0)
    },
    textPlace(path) {
      const node = nodeAt(path)
      const quoted = isScalar(node) && (node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE')
      return at((node?.range?.[0] ?? 0) + (quoted ? 1 : 0))
    },
  }
}
