/** `run`: sync on schedule and enrich, in one process; `--until-end` stops where the inputs stood at the start. */
import { systemClock } from '../clock.ts'
import type { Project } from '../config/project.ts'
import { noOutcomes, type OutcomeCounts, outcomes } from '../enrich/outcome.ts'
import { run as runPipeline } from '../enrich/pipeline.ts'
import { entitiesOf } from '../enrich/plan.ts'
import type { Freshness } from '../enrich/staleness.ts'
import { exit, LinkedEventsError } from '../errors.ts'
import { type HttpServer, serve } from '../http/server.ts'
import { health } from '../observe/health.ts'
import { logger } from '../observe/log.ts'
import { metrics } from '../observe/metrics.ts'
import { lockStateDir } from '../snapshot/lock.ts'
import { openSnapshots } from '../snapshot/snapshots.ts'
import type { Fact, Tell } from '../telemetry.ts'
import { type Context, projectOf } from './context.ts'
import { installIdOf, sinkOf, sourceOf, transactionsOf } from './edges.ts'
import { openEnds } from './ends.ts'
import { holdRetries } from './holds.ts'
import { rowMemoryOf } from './row-memory.ts'
import { type Scheduler, schedule } from './scheduler.ts'
import { abortOnSignal } from './signals.ts'
import { type Terminal, table } from './terminal.ts'
import { version } from './version.ts'

export interface RunOptions {
  readonly untilEnd?: boolean
  readonly failOnDeadLetter?: boolean
}

export interface Summary {
  readonly ok: boolean
  readonly consumed: number
  readonly delivered: number
  readonly outcomes: OutcomeCounts
  readonly seconds: number
}

export async function runCommand(context: Context, options: RunOptions): Promise<number> {
  const project = projectOf(context)
  const tell = fanOut()
  const signal = abortOnSignal((name) => tell({ name: 'stopping', reason: name }))
  const summary = await runProject(context, project, { ...options, signal, tell })
  const deadLetters = options.failOnDeadLetter === true && summary.outcomes.dead_letter > 0
  const shown = { ...summary, ok: summary.ok && !deadLetters }
  if (options.untilEnd === true) writeSummary(context.terminal, project, shown)
  return shown.ok ? exit.ok : exit.failure
}

/** A `Tell` with room for more listeners. */
export interface Facts extends Tell {
  readonly listeners: Tell[]
}

export function fanOut(): Facts {
  const listeners: Tell[] = []
  return Object.assign(
    (fact: Fact) => {
      for (const listener of listeners) listener(fact)
    },
    { listeners },
  )
}

export interface Running extends RunOptions {
  readonly signal: AbortSignal
  readonly tell: Facts
}

export async function runProject(
  context: Context,
  project: Project,
  { untilEnd = false, signal, tell }: Running,
): Promise<Summary> {
  const started = systemClock.now()
  const needed = entitiesOf(project.plan)
  const watch = health(needed)
  const measured = metrics({ pipeline: project.config.source.kafka?.group ?? 'file', version, entities: needed })
  const count = counter()
  tell.listeners.push(logger({ level: logLevel(context.terminal, untilEnd) }), measured.tell, watch.tell, count.tell)
  const http = untilEnd ? null : await serveHttp(project, measured, watch)
  const lock = lockStateDir(project.config.state_dir)
  const snapshots = openSnapshots({
    dir: project.config.state_dir,
    entities: needed,
    memoryBytesMax: rowMemoryOf(project.config),
    tell,
  })
  const holds = holdRetries({ project, snapshots, tell, signal })
  let syncs: Scheduler | null = null
  try {
    tell.listeners.push(holds.hear)
    tell({ name: 'started', version })
    const { config } = project
    const owner = installIdOf(config.state_dir)
    const reading = snapshots.refresh() // what is on disk is verified while the brokers are asked
    reading.catch(() => {}) // it is awaited below
    const transactions = await transactionsOf(project, { group: config.source.kafka?.group ?? '', owner, tell })
    const { sink, source } = await openEnds({
      sink: () => sinkOf(project, { tell, transactions }),
      source: () => sourceOf(project, { untilEnd, tell, transactions }),
    })
    try {
      await reading
      syncs = schedule({ context, project, snapshots, tell, once: untilEnd, signal })
      await syncs.ready
      if (!signal.aborted) {
        tell({ name: 'ready' })
        if (untilEnd) await holds.idle()
        await runPipeline(
          { plan: project.plan, source, sink, snapshots, freshness: freshnessOf(project), clock: systemClock, tell },
          signal,
        )
      }
    } finally {
      await source.close()
      await sink.close()
    }
  } catch (error) {
    if (error instanceof LinkedEventsError)
      tell({ name: 'failed', code: error.code, message: error.message, hint: error.hint })
    throw error
  } finally {
    await syncs?.stop()
    await holds.idle()
    snapshots.close()
    lock.release()
    await http?.close()
  }
  return { ok: true, ...count.total(), seconds: (systemClock.now() - started) / 1000 }
}

function freshnessOf(project: Project): Map<string, Freshness> {
  const used = project.entities.filter((entity) => entity.used)
  return new Map(used.map(({ slug, max_age: maxAge, on_stale: onStale }) => [slug, { maxAge, onStale }]))
}

async function serveHttp(
  project: Project,
  measured: ReturnType<typeof metrics>,
  watch: ReturnType<typeof health>,
): Promise<HttpServer> {
  const { registry } = measured
  return serve({
    ...project.config.http,
    metrics: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
    live: watch.live,
    ready: watch.ready,
  })
}

function logLevel(terminal: Terminal, untilEnd: boolean) {
  return terminal.verbose ? 'debug' : untilEnd ? 'warn' : 'info'
}

function counter() {
  const totals = { consumed: 0, delivered: 0, outcomes: noOutcomes() }
  return {
    tell(fact: Fact) {
      if (fact.name !== 'batch-enriched') return
      totals.consumed += fact.messages
      totals.delivered += fact.delivered
      for (const outcome of outcomes) totals.outcomes[outcome] += fact.outcomes[outcome]
    },
    total: () => totals,
  }
}

/** The summary goes to stdout, unless outputs go there: then to stderr, so that a pipe carries records alone. */
export function writeSummary(terminal: Terminal, project: Project, summary: Summary): void {
  const { outcomes: counts } = summary
  const human = () =>
    [
      table(
        ['outcome', 'entries'],
        outcomes
          .filter((outcome) => counts[outcome] > 0 || outcome === 'full')
          .map((outcome) => [outcome, counts[outcome]]),
      ),
      `${summary.consumed.toLocaleString('en')} messages in, ${summary.delivered.toLocaleString('en')} records out, ${summary.seconds.toFixed(1)} s`,
    ].join('\n')
  const onStdout =
    project.plan.destinations.some(({ target }) => 'file' in target && target.file === '-') ||
    project.config.dead_letters?.file === '-'
  if (onStdout) terminal.talk(terminal.json ? JSON.stringify({ schema_version: 1, ...summary }) : human())
  else terminal.result(summary, human)
}
