/** A contender as the operating system sees it: CPU time of all its threads and its memory, beside what has come out so far. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Linux counts CPU time in hundredths of a second. */
const ticksPerSecond = 100
const pollMilliseconds = 40
const endSecondsMax = 15

export interface Figures {
  readonly events: number
  /** CPU seconds for a million events, all threads, between 25 % and 90 % of the output. */
  readonly cpuPerMillion: number
  readonly eventsPerSecond: number
  /** Most memory that is the process's own, MiB; the pages of mapped files are the operating system's cache. */
  readonly ownMiB: number
  readonly mappedMiB: number
  /** Own memory at a tenth, at half and at the end of the output, MiB. */
  readonly tenthMiB: number
  readonly halfMiB: number
  readonly endMiB: number
  readonly firstOutputSeconds: number
  /** When it had said what it is measured from; 0: nothing. */
  readonly settledSeconds: number
}

interface Sample {
  readonly seconds: number
  readonly cpu: number
  readonly done: number
  readonly ownMiB: number
  readonly mappedMiB: number
}

export interface Command {
  readonly command: readonly string[]
  /** The processor it may run on, or null for any. */
  readonly core: number | null
}

export interface Contender extends Command {
  /** Output records so far. */
  readonly done: () => Promise<number>
  readonly events: number
  readonly secondsMax: number
  /** It is measured from when it has said this, instead of from a quarter of the output. */
  readonly settled?: string
}

/** Runs the contender until all output is there. */
export async function observe(contender: Contender): Promise<Figures> {
  const { events, secondsMax, done: count, settled } = contender
  const started = performance.now()
  const running = new ObservedProcess(contender)
  const samples: Sample[] = []
  let isSettled = false
  let from = 0
  try {
    for (;;) {
      const done = await count()
      const seconds = (performance.now() - started) / 1000
      running.check()
      samples.push({ seconds, done, ...running.usage() })
      isSettled ||= settled === undefined ? done >= events * 0.25 : running.lines.some((line) => line.includes(settled))
      if (!isSettled) from = samples.length
      if (done >= events) break
      if (seconds > secondsMax) throw new Error(`${done} of ${events} events in ${secondsMax} s`)
      await new Promise((resolve) => setTimeout(resolve, pollMilliseconds))
    }
  } finally {
    await running.end()
  }
  if (!isSettled) throw new Error(`all was done before it said: ${settled}`)
  return figures(samples, { events, from, settled: settled !== undefined })
}

export class ObservedProcess {
  readonly #child: ChildProcess
  /** What it has said on stderr. */
  readonly lines: string[] = []
  #rest = ''

  constructor({ command, core }: Command) {
    const [file, ...rest] = core === null ? command : ['taskset', '-c', String(core), ...command]
    this.#child = spawn(file!, rest, { stdio: ['ignore', 'inherit', 'pipe'] })
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      const lines = (this.#rest + text).split('\n')
      this.#rest = lines.pop() ?? ''
      this.lines.push(...lines)
    })
  }

  get pid(): number {
    return this.#child.pid!
  }

  /** @throws when it has ended */
  check(): void {
    const { exitCode, signalCode, spawnargs } = this.#child
    if (exitCode === null && signalCode === null) return
    throw new Error(`${spawnargs.join(' ')} ended with ${exitCode ?? signalCode}:\n${this.lines.slice(-20).join('\n')}`)
  }

  /** Waits for a line that contains the text. */
  async said(text: string): Promise<string> {
    for (;;) {
      const line = this.lines.find((line) => line.includes(text))
      if (line !== undefined) return line
      this.check()
      await new Promise((resolve) => setTimeout(resolve, pollMilliseconds))
    }
  }

  usage(): { cpu: number; ownMiB: number; mappedMiB: number } {
    const fields = readFileSync(`/proc/${this.pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8')
    const mebibytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) / 1024
    return {
      cpu: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
      ownMiB: mebibytes('RssAnon'),
      mappedMiB: mebibytes('RssFile'),
    }
  }

  async end(): Promise<void> {
    const child = this.#child
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), endSecondsMax * 1000)
    await ended
    clearTimeout(timer)
  }
}

function figures(
  samples: readonly Sample[],
  { events, from: first, settled }: { readonly events: number; readonly from: number; readonly settled: boolean },
): Figures {
  const from = samples[first]!
  const to = samples.findLast(({ done }) => done <= events * 0.9) ?? samples.at(-1)!
  const window = to.done > from.done ? to : samples.at(-1)!
  const count = window.done - from.done
  return {
    events,
    cpuPerMillion: ((window.cpu - from.cpu) / count) * 1e6,
    eventsPerSecond: count / (window.seconds - from.seconds),
    ownMiB: Math.max(...samples.map(({ ownMiB }) => ownMiB)),
    mappedMiB: Math.max(...samples.map(({ mappedMiB }) => mappedMiB)),
    tenthMiB: samples.find(({ done }) => done >= events / 10)!.ownMiB,
    halfMiB: samples.find(({ done }) => done >= events / 2)!.ownMiB,
    endMiB: samples.at(-1)!.ownMiB,
    firstOutputSeconds: samples.find(({ done }) => done > 0)!.seconds,
    settledSeconds: settled ? from.seconds : 0,
  }
}
