/** Two JSON values beside each other, line by line, what is new marked. */
import type { Terminal } from '../terminal.ts'

export function sideBySide(before: object, after: object, terminal: Terminal): string {
  const left = JSON.stringify(before, null, 2).split('\n')
  const right = JSON.stringify(after, null, 2).split('\n')
  const width = Math.max(...left.map((line) => line.length), 30)
  const rows: string[] = []
  let l = 0
  for (const line of right) {
    const same = left[l] === line || left[l] === line.replace(/,$/, '')
    rows.push(`  ${(same ? left[l++]! : '').padEnd(width)}  ${same ? `  ${line}` : terminal.green(`+ ${line}`)}`)
  }
  while (l < left.length) rows.push(`  ${left[l++]}`)
  return rows.join('\n')
}
