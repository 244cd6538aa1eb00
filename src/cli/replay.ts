/** `replay`: a bounded stretch of topics again, in a consumer group of its own, beside the live outputs. */
import { systemClock } from '../clock.ts'
import { exit, LinkedEventsError } from '../errors.ts'
import { type KafkaAdmin, kafkaAdmin } from '../kafka/admin.ts'
import { type Context, countOf, projectOf } from './context.ts'
import { kafkaOf } from './edges.ts'
import { fixBounds } from './replay/bounds.ts'
import { confirm, requireAnswerable } from './replay/confirm.ts'
import { checkId, checkSame, createJob, type Job, newId, readJob, type Wanted } from './replay/job.ts'
import { liveOutputs, type Output, type Redirected, redirect } from './replay/outputs.ts'
import { parseRange } from './replay/range.ts'
import { lowsOf, partitionsOf, placesOf, replayText, writeResult } from './replay/result.ts'
import { type Pins, pinsOf } from './replay/versions.ts'
import { work } from './replay/work.ts'

export interface ReplayOptions {
  readonly from?: string
  readonly to?: string
  readonly topic?: readonly string[]
  readonly snapshot?: readonly string[]
  readonly asOf?: string
  readonly outputTopic?: string
  readonly rate?: string
  readonly id?: string
  readonly dryRun?: boolean
  readonly yes?: boolean
}

export async function replay(context: Context, options: ReplayOptions): Promise<number> {
  const { terminal } = context
  const perSecond = rateOf(options.rate)
  if (options.id === undefined) requireBounds(options)
  else checkId(options.id)
  if (options.dryRun !== true && options.yes !== true)
    requireAnswerable({ input: process.stdin, output: process.stderr })
  const project = projectOf(context)
  const { source, state_dir: stateDir } = project.config
  if (source.kafka === undefined)
    throw new LinkedEventsError('USAGE', 'a replay reads Kafka topics, and source.file is a file', {
      hint: 'run `linked-events run --until-end`: it reads the whole file each time',
    })
  const pins = await pinsOf(project, options)
  const admin = await kafkaAdmin(kafkaOf(project))
  try {
    const kept = options.id === undefined ? null : await readJob(stateDir, options.id)
    const job = kept ?? (await plan(admin, source.kafka, { ...options, pins }, project.plan))
    checkSame(job, wanted(options, pins))
    const redirected = redirect(project.plan, job.output_topic, job.topics)
    const shown = { ...job, outputs: redirected.outputs }
    const partitions = partitionsOf(job, await placesOf(admin, job), await lowsOf(admin, job))
    terminal.talk(replayText(shown, partitions))
    if (options.dryRun === true) {
      const events = partitions.reduce((sum, { at, to }) => sum + Math.max(0, to - at), 0)
      const { id, topics } = job
      const existing = new Set(await admin.topics())
      const missing = topicsOf(redirected.outputs).filter((topic) => !existing.has(topic))
      const told = { ok: true, dry_run: true, id: kept === null ? null : id, topics, events, delivered: 0 }
      terminal.result({ ...told, outputs: shown.outputs, pins: job.pins, missing_topics: missing, partitions }, () =>
        [
          `${events} offsets to read; nothing was written`,
          ...missing.map((topic) => `before the replay, create the topic ${topic}`),
        ].join('\n'),
      )
      return exit.ok
    }
    await admin.describeTopics(topicsOf(redirected.outputs))
    if (options.yes !== true) await confirm(question(redirected), { input: process.stdin, output: process.stderr })
    const begun = kept ?? (await createJob(stateDir, job))
    checkSame(begun, wanted(options, pins))
    const result = await work({ terminal, project, admin, job: begun, redirected, perSecond })
    writeResult(terminal, redirected, result)
    return result.ok ? exit.ok : exit.failure
  } finally {
    await admin.close()
  }
}

/** A new job, with its bounds fixed; not written yet. */
async function plan(
  admin: KafkaAdmin,
  source: { readonly topics: readonly string[]; readonly group: string },
  options: ReplayOptions & { readonly pins: Pins | null },
  live: Redirected['plan'],
): Promise<Job> {
  const { from, to } = requireBounds(options)
  const topics = options.topic ?? source.topics
  for (const topic of topics) {
    if (!source.topics.includes(topic))
      throw new LinkedEventsError('USAGE', `--topic ${topic} is not an input`, {
        hint: `the inputs are ${source.topics.join(', ')}`,
      })
  }
  const now = systemClock.now()
  const id = options.id ?? newId(now)
  const at = new Date(now).toISOString()
  const outputTopic = options.outputTopic ?? null
  return {
    schema_version: 1,
    id,
    group: `${source.group}.replay.${id}`,
    topics: [...new Set(topics)],
    from,
    to,
    output_topic: outputTopic,
    outputs: redirect(live, outputTopic, source.topics).outputs,
    created_at: at,
    updated_at: at,
    state: 'running',
    partitions: await fixBounds(admin, [...new Set(topics)], parseRange(from, to, now)),
    pins: options.pins ?? {},
    snapshots: [],
  }
}

/** @throws LinkedEventsError USAGE */
function requireBounds({ from, to, id }: ReplayOptions): { from: string; to: string } {
  if (from === undefined || to === undefined)
    throw new LinkedEventsError(
      'USAGE',
      `${id === undefined ? 'a replay' : `there is no replay ${id} yet, and a new one`} needs --from and --to`,
      { hint: 'for example --from -2h --to latest --dry-run' },
    )
  parseRange(from, to, systemClock.now())
  return { from, to }
}

function rateOf(text: string | undefined): number | null {
  if (text === undefined) return null
  const rate = countOf(text, '--rate')
  if (rate > 0) return rate
  throw new LinkedEventsError('USAGE', '--rate 0 would never end', { hint: 'give at least 1, or leave it out' })
}

function wanted({ from, to, topic, outputTopic }: ReplayOptions, pins: Pins | null): Wanted {
  return { from: from ?? null, to: to ?? null, topics: topic ?? null, outputTopic: outputTopic ?? null, pins }
}

function topicsOf(outputs: readonly Output[]): string[] {
  return [...new Set(outputs.filter(({ kind }) => kind === 'topic').map(({ to }) => to))]
}

function question({ outputs }: Redirected): string {
  return liveOutputs(outputs).length > 0 ? 'Write to the live topics?' : 'Begin?'
}
