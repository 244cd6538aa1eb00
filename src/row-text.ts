/**
 * The text of a row, taken apart. All rows of a snapshot version have the same columns in the same order, so a version says their
 * names once, and a row is its values: the JSON texts of them with commas between. For rows of ten columns that is half the file.
 */

/** The names of a version's columns, as they stand in the text of each row. */
export class RowLayout {
  /** What stands before each value: `{"NAME":`, then `,"PRICE":` … */
  readonly heads: readonly string[]
  /** Of all heads, in UTF-8. */
  readonly bytes: number
  readonly #places: ReadonlyMap<string, number>

  constructor(heads: readonly string[]) {
    this.heads = heads
    this.bytes = Buffer.byteLength(heads.join(''))
    this.#places = new Map(heads.map((head, place) => [JSON.parse(head.slice(1, -1)) as string, place]))
  }

  /** Of the columns that this row has. The text is an object without white space, as `encodeJson` writes it. */
  static of(text: string): RowLayout {
    const heads: string[] = []
    for (let at = 0; at < text.length - 1 && text !== '{}'; ) {
      const colon = textEnd(text, at + 1) + 1
      heads.push(text.slice(at, colon + 1))
      at = valueEnd(text, colon + 1)
    }
    return new RowLayout(heads)
  }

  /** Where the value of this column stands among the others, or undefined: there is no such column. */
  placeOf(column: string): number | undefined {
    return this.#places.get(column)
  }

  /** The values of a row, or null: it has other columns. */
  valuesIn(text: string): string | null {
    let values = ''
    let at = 0
    for (const head of this.heads) {
      if (!text.startsWith(head, at)) return null
      const end = valueEnd(text, at + head.length)
      values += values === '' ? text.slice(at + head.length, end) : `,${text.slice(at + head.length, end)}`
      at = end
    }
    return this.heads.length === 0 ? (text === '{}' ? '' : null) : at === text.length - 1 ? values : null
  }

  isSame(other: RowLayout): boolean {
    return this.heads.length === other.heads.length && this.heads.every((head, place) => head === other.heads[place])
  }
}

/** Bytes that heads take where WebAssembly weaves them in. */
export function headsSize(heads: readonly string[]): number {
  return heads.reduce((sum, head) => sum + 16 + ((Buffer.byteLength(head) + 15) & ~15), 0)
}

/** Writes them as `weave` of `enrich/scan.as.ts` reads them. The address after. */
export function putHeads(heads: readonly string[], target: Buffer, at: number): number {
  let to = at
  for (const head of heads) {
    const length = target.write(head, to + 16)
    target.writeInt32LE(length, to)
    to += 16 + ((length + 15) & ~15)
  }
  return to
}

/** As in `enrich/scan.as.ts`. */
const longValue = 127

/** One row of a snapshot. */
export class Row {
  readonly layout: RowLayout
  /**
   * The bytes that have its values in UTF-8, from `start` to `end`, and seven more bytes. Before each value is a byte with its
   * length, 127 for a text, object or list of 127 bytes and more. Null: they are a text.
   */
  readonly view: DataView<ArrayBuffer> | null
  readonly start: number
  readonly end: number
  #values: string | null

  constructor(layout: RowLayout, values: string | null, view: DataView<ArrayBuffer> | null = null, start = 0, end = 0) {
    this.layout = layout
    this.view = view
    this.start = start
    this.end = end
    this.#values = values
  }

  /** A row whose values stand in bytes that do not change. */
  static inBytes(layout: RowLayout, view: DataView<ArrayBuffer>, start: number, end: number): Row {
    return new Row(layout, null, view, start, end)
  }

  /** The JSON texts of its values, with commas between. */
  get values(): string {
    this.#values ??= this.#counted()
    return this.#values
  }

  #counted(): string {
    const bytes = Buffer.from(this.view!.buffer.slice(this.start, this.end))
    const characters = bytes.toString('latin1') // a character for each byte
    for (let left = this.layout.heads.length, at = 0; left > 0; left--) {
      const length = bytes[at] as number
      bytes[at] = 0x2c
      at = length < longValue ? at + 1 + length : valueEnd(characters, at + 1)
    }
    return bytes.toString('utf8', Math.min(1, bytes.length))
  }

  /** JSON text of an object. */
  static of(text: string): Row {
    const layout = RowLayout.of(text)
    return new Row(layout, layout.valuesIn(text)!)
  }

  /** JSON text of an object with all columns. */
  get text(): string {
    const { heads } = this.layout
    let text = ''
    for (const [place, value] of this.list().entries()) text += heads[place] + value
    return text === '' ? '{}' : `${text}}`
  }

  /** The JSON text of each value. */
  list(): string[] {
    const { layout, values } = this
    const list: string[] = []
    for (let at = 0; list.length < layout.heads.length; ) {
      const end = valueEnd(values, at)
      list.push(values.slice(at, end))
      at = end + 1
    }
    return list
  }
}

/** Behind the JSON value that begins at `from`; what follows it is a comma, a bracket, or the end. */
export function valueEnd(text: string, from: number): number {
  const first = text.charCodeAt(from)
  if (first === 0x22) return textEnd(text, from) + 1
  if (first !== 0x7b && first !== 0x5b) {
    for (let at = from; ; at++) {
      const code = text.charCodeAt(at)
      if (code === 0x2c || code === 0x7d || code === 0x5d || at >= text.length) return at
    }
  }
  let depth = 0
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x22) at = textEnd(text, at)
    else if (code === 0x7b || code === 0x5b) depth++
    else if ((code === 0x7d || code === 0x5d) && --depth === 0) return at + 1
  }
  return text.length
}

/** The quote that ends the text which begins with the quote at `from`. */
function textEnd(text: string, from: number): number {
  for (let at = text.indexOf('"', from + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let slashes = 0
    while (text.charCodeAt(at - 1 - slashes) === 0x5c) slashes++
    if (slashes % 2 === 0) return at
  }
  return text.length
}
