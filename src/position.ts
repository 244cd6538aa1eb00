/** Where in a text: lines and columns from 1, as editors count them. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** The line and column of an offset (UTF-16 units from 0); `\n`, `\r\n` and `\r` each end a line. */
export function positionAt(text: string, offset: number): Position {
  const before = text.slice(0, offset)
  const breaks = before.match(/\r\n|\r|\n/g)?.length ?? 0
  const lastBreak = Math.max(before.lastIndexOf('\n'), before.lastIndexOf('\r'))
  return { line: breaks + 1, column: before.length - lastBreak }
}
