/** Results go to stdout, talk and progress to stderr. Colours and bars only where a person looks. */
import { LinkedEventsError } from '../errors.ts'
import { encodeJson } from '../json.ts'

export interface TerminalOptions {
  readonly json: boolean
  readonly quiet: boolean
  readonly verbose: boolean
  readonly color: boolean
}

export interface Progress {
  /** How much is done; `note` stands behind the bar. */
  update(done: number, note?: string): void
  end(note?: string): void
}

const schemaVersion = 1

export class Terminal {
  readonly json: boolean
  readonly verbose: boolean
  readonly #quiet: boolean
  readonly #color: boolean
  readonly #lively: boolean

  constructor(options: TerminalOptions) {
    this.json = options.json
    this.verbose = options.verbose
    this.#quiet = options.quiet
    this.#color = options.color && process.env.NO_COLOR === undefined && process.stdout.isTTY === true
    this.#lively = !options.quiet && process.stderr.isTTY === true
  }

  /** A result, the only one or one of many: a line of JSON with `--json`, else what `human` says. */
  result(value: object, human: () => string): void {
    this.write(this.json ? encodeJson({ schema_version: schemaVersion, ...value }) : human())
  }

  write(text: string): void {
    process.stdout.write(text.endsWith('\n') || text === '' ? text : `${text}\n`)
  }

  /** A sentence for a person, on stderr. */
  talk(text: string): void {
    if (!this.#quiet) process.stderr.write(`${text}\n`)
  }

  error(error: unknown): void {
    const { code, message, hint, problems } = asError(error)
    if (this.json) {
      const body = { code, message, hint, ...(problems.length > 0 ? { problems } : {}) }
      this.write(JSON.stringify({ schema_version: schemaVersion, ok: false, error: body }))
      return
    }
    for (const problem of problems) process.stderr.write(`${problemText(problem)}\n`)
    process.stderr.write(`Error ${code}: ${message}.\nTry: ${hint}.\n`)
    if (this.verbose && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  }

  bold(text: string): string {
    return this.#color ? `\u001b[1m${text}\u001b[22m` : text
  }

  dim(text: string): string {
    return this.#color ? `\u001b[2m${text}\u001b[22m` : text
  }

  green(text: string): string {
    return this.#color ? `\u001b[32m${text}\u001b[39m` : text
  }

  red(text: string): string {
    return this.#color ? `\u001b[31m${text}\u001b[39m` : text
  }

  /** A bar on a terminal, which moves to and fro when nobody knows how much there is; elsewhere one line at the end. */
  progress(label: string, total: number | null): Progress {
    const started = performance.now()
    const seconds = () => ((performance.now() - started) / 1000).toFixed(1)
    let drawn = 0
    let last = ''
    const draw = (bar: string, note: string) => {
      drawn = performance.now()
      process.stderr.write(`\r\u001b[2K${label.padEnd(28)} ${bar} ${note}`)
    }
    const moving =
      this.#lively && total === null ? setInterval(() => draw(movingBar(performance.now() - started), last), 80) : null
    moving?.unref()
    return {
      update: (done, note = done.toLocaleString('en')) => {
        last = note
        if (!this.#lively || total === null || performance.now() - drawn < 50) return
        const share = total === 0 ? 1 : Math.min(1, done / total)
        const filled = Math.round(share * barWidth)
        draw(
          `${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)} ${String(Math.round(share * 100)).padStart(3)}%`,
          note,
        )
      },
      end: (note = '') => {
        if (moving !== null) clearInterval(moving)
        if (this.#lively) process.stderr.write('\r\u001b[2K')
        this.talk(`${label.padEnd(28)} ${note} (${seconds()} s)`)
      },
    }
  }
}

const barWidth = 24

/** A block of six that runs from end to end and back in two seconds. */
function movingBar(milliseconds: number): string {
  const phase = (milliseconds % 2000) / 1000
  const at = Math.round((phase < 1 ? phase : 2 - phase) * (barWidth - 6))
  return `${'░'.repeat(at)}${'█'.repeat(6)}${'░'.repeat(barWidth - 6 - at)}`
}

interface Shown {
  readonly code: string
  readonly message: string
  readonly hint: string
  readonly problems: LinkedEventsError['problems']
}

function asError(error: unknown): Shown {
  if (error instanceof LinkedEventsError) return error
  const message = error instanceof Error ? error.message : String(error)
  return {
    code: 'INTERNAL',
    message,
    hint: 'this is our own bug: please report it with the output of --verbose',
    problems: [],
  }
}

export function problemText(problem: LinkedEventsError['problems'][number]): string {
  const place = problem.file === null ? '' : `${problem.file}:${problem.line ?? 1}:${problem.column ?? 1}: `
  const hint = problem.hint === null ? '' : `\n  Try: ${problem.hint}`
  return `${place}${problem.severity} ${problem.code}: ${problem.message}${hint}`
}

/** A table with aligned columns; numbers to the right. */
export function table(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const text = [
    header,
    ...rows.map((row) => row.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en') : cell))),
  ]
  const widths = header.map((_, column) => Math.max(...text.map((row) => (row[column] ?? '').length)))
  const lines = text.map((row, line) =>
    row
      .map((cell, column) =>
        line > 0 && typeof rows[line - 1]?.[column] === 'number'
          ? cell.padStart(widths[column]!)
          : cell.padEnd(widths[column]!),
      )
      .join('  ')
      .trimEnd(),
  )
  lines.splice(1, 0, widths.map((width) => '─'.repeat(width)).join('  '))
  return lines.join('\n')
}
