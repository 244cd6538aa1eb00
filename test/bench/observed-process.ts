/** A contender as the operating system sees it: CPU time of all its threads and its memory, beside what has come out so far. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Linux counts CPU time in hundredths of a second. */
const ticksPerSecond = 100
const pollMilliseconds = 40

export interface Figures {
  readonly events: number
  /** CPU seconds for a million events, all threads, between 25 % and 90 % of the output. */
  readonly cpuPerMillion: number
  readonly eventsPerSecond: number
  /** Most memory that is the process's own, MiB; the pages of mapped files are the operating system's cache. */
  readonly ownMiB: number
  readonly mappedMiB: number
  /** Own memory at half and at the end of the output, MiB. */
  readonly halfMiB: number
  readonly endMiB: number
  readonly firstOutputSeconds: number
}

interface Sample {
  readonly seconds: number
  readonly cpu: number
  readonly done: number
  readonly ownMiB: number
  readonly mappedMiB: number
}

export interface Contender {
  readonly command: readonly string[]
  /** The processor it may run on, or null for any. */
  readonly core: number | null
  readonly env?: Readonly<Record<string, string>>
  /** Output records so far. */
  readonly done: () => Promise<number>
  readonly events: number
  readonly secondsMax: number
}

export async function observe(contender: Contender): Promise<Figures> {
  const { command, core, events } = contender
  const [file, ...rest] = core === null ? command : ['taskset', '-c', String(core), ...command]
  const started = performance.now()
  const child = spawn(file!, rest, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...contender.env },
  })
  const samples: Sample[] = []
  try {
    for (;;) {
      const done = await contender.done()
      const seconds = (performance.now() - started) / 1000
      if (child.exitCode !== null) throw new Error(`${command.join(' ')} ended with ${child.exitCode}`)
      samples.push({ seconds, done, ...usage(child.pid!) })
      if (done >= events) break
      if (seconds > contender.secondsMax) throw new Error(`${done} of ${events} events in ${contender.secondsMax} s`)
      await new Promise((resolve) => setTimeout(resolve, pollMilliseconds))
    }
  } finally {
    await end(child)
  }
  return figures(samples, events)
}

function figures(samples: readonly Sample[], events: number): Figures {
  const from = samples.find(({ done }) => done >= events * 0.25)!
  const to = samples.findLast(({ done }) => done <= events * 0.9) ?? samples.at(-1)!
  const window = to.done > from.done ? to : samples.at(-1)!
  const count = window.done - from.done
  return {
    events,
    cpuPerMillion: ((window.cpu - from.cpu) / count) * 1e6,
    eventsPerSecond: count / (window.seconds - from.seconds),
    ownMiB: Math.max(...samples.map(({ ownMiB }) => ownMiB)),
    mappedMiB: Math.max(...samples.map(({ mappedMiB }) => mappedMiB)),
    halfMiB: samples.find(({ done }) => done >= events / 2)!.ownMiB,
    endMiB: samples.at(-1)!.ownMiB,
    firstOutputSeconds: samples.find(({ done }) => done > 0)!.seconds,
  }
}

function usage(pid: number): { cpu: number; ownMiB: number; mappedMiB: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const mebibytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) / 1024
  return {
    cpu: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
    ownMiB: mebibytes('RssAnon'),
    mappedMiB: mebibytes('RssFile'),
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 15_000)
  await ended
  clearTimeout(timer)
}
