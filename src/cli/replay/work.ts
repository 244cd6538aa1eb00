/** Works on a job until it is done or told to stop: the pipeline of `run`, over the stretch that is left. */
import { randomUUID } from 'node:crypto'
import { systemClock } from '../../clock.ts'
import type { Project } from '../../config/project.ts'
import { run } from '../../enrich/pipeline.ts'
import { type KafkaAdmin, kafkaAdmin } from '../../kafka/admin.ts'
import { UntilEnd } from '../../kafka/until-end.ts'
import { logger } from '../../observe/log.ts'
import type { Fact } from '../../telemetry.ts'
import { kafkaOf, replaySourceOf, sinkOf, transactionsOf } from '../edges.ts'
import { abortOnSignal } from '../signals.ts'
import type { Terminal } from '../terminal.ts'
import type { Expired } from './bounds.ts'
import { type Job, updateJob } from './job.ts'
import type { Redirected } from './outputs.ts'
import { pacer, paceText } from './pace.ts'
import { rated, tokenBucket } from './rate.ts'
import { lowsOf, type PartitionResult, type Places, partitionsOf, placesOf, type ReplayResult } from './result.ts'
import { chooseVersions, versionsOf } from './versions.ts'

export interface Work {
  readonly terminal: Terminal
  readonly project: Project
  readonly admin: KafkaAdmin
  readonly job: Job
  readonly redirected: Redirected
  /** Null: as fast as it goes. */
  readonly perSecond: number | null
}

const drawMilliseconds = 200

export async function work({ terminal, project, admin, job, redirected, perSecond }: Work): Promise<ReplayResult> {
  const { id, topics, group } = job
  const resume = `linked-events replay --id ${id} --yes`
  const counted = { events: 0, delivered: 0 }
  const jumps = new Map<string, Expired>()
  const log = logger({ level: terminal.verbose ? 'debug' : 'warn' })
  const tell = (fact: Fact) => {
    log(fact)
    if (fact.name === 'offset-jumped' && fact.found > fact.expected)
      jumps.set(`${fact.topic}/${fact.partition}`, { from: fact.expected, to: fact.found })
    if (fact.name !== 'batch-enriched') return
    counted.events += fact.messages
    counted.delivered += fact.delivered
  }
  const result = (partitions: readonly PartitionResult[]): ReplayResult => ({
    ok: partitions.every(({ done }) => done),
    id,
    topics,
    ...counted,
    outputs: redirected.outputs,
    partitions,
  })
  if (job.state === 'done') return result(partitionsOf(job, new Map(), new Map()))

  const signal = abortOnSignal((name) => tell({ name: 'stopping', reason: name }))
  const stateDir = project.config.state_dir
  const snapshots = await chooseVersions(project, job.pins, tell)
  let current = await updateJob(stateDir, withVersions(job, versionsOf(snapshots)))
  terminal.talk(`replay ${id}; to resume it: ${resume}`)
  try {
    const start = partitionsOf(job, await startAt(admin, job), await lowsOf(admin, job))
    const until = new UntilEnd(
      start.map(({ topic, partition, at, to }) => ({ topic, partition, end: to, committed: at })),
    )
    const stopBar = showProgress(terminal, job, until)
    // Several processes may share a replay and its state_dir, so a name of its own for each.
    const written = { ...project, plan: redirected.plan }
    const transactions = await transactionsOf(written, { group, owner: randomUUID(), tell })
    const sink = await sinkOf(written, { tell, transactions, replayId: id })
    try {
      const gentle = perSecond !== null
      const reader = await replaySourceOf(project, { topics, group, until, gentle, transactions, tell })
      const source = perSecond === null ? reader : rated(reader, tokenBucket({ perSecond, clock: systemClock }))
      try {
        const pipeline = { plan: redirected.plan, source, sink, snapshots, clock: systemClock, tell }
        // The age was checked at the start; the versions stay as they are until the end.
        if (!until.allDone()) await run({ ...pipeline, freshness: new Map() }, signal)
      } finally {
        await source.close()
      }
    } finally {
      stopBar()
      await sink.close()
    }
  } finally {
    snapshots.close()
  }
  const shown = result((await lookAgain(project, job)).map((each) => withJump(each, jumps)))
  current = await updateJob(stateDir, { ...current, updated_at: nowText(), state: shown.ok ? 'done' : 'stopped' })
  if (current.state === 'stopped') terminal.talk(`not complete; resume it: ${resume}`)
  return shown
}

/** Sets the beginnings that the group does not have yet, and reads them back. Another process may do so at the same moment. */
async function startAt(admin: KafkaAdmin, job: Job): Promise<Places> {
  const before = await placesOf(admin, job)
  const missing = job.partitions.filter(
    ({ topic, partition, from, to }) => from < to && !before.has(`${topic}/${partition}`),
  )
  if (missing.length === 0) return before
  const refused = await admin
    .commit(
      job.group,
      missing.map(({ topic, partition, from }) => ({ topic, partition, offset: from })),
    )
    .then(
      () => null,
      (error: unknown) => ({ error }),
    )
  const after = await placesOf(admin, job)
  // A group with members refuses: then one of them has set them.
  if (refused !== null && missing.some(({ topic, partition }) => !after.has(`${topic}/${partition}`)))
    throw refused.error
  return after
}

/** By a connection of its own: the first one has been idle for as long as the replay took. */
async function lookAgain(project: Project, job: Job): Promise<PartitionResult[]> {
  const admin = await kafkaAdmin(kafkaOf(project))
  try {
    return partitionsOf(job, await placesOf(admin, job), await lowsOf(admin, job))
  } finally {
    await admin.close()
  }
}

/** What expired while this process was reading. */
function withJump(partition: PartitionResult, jumps: ReadonlyMap<string, Expired>): PartitionResult {
  const jump = jumps.get(`${partition.topic}/${partition.partition}`)
  if (jump === undefined) return partition
  return { ...partition, expired: { from: jump.from, to: Math.min(jump.to, partition.to) } }
}

function withVersions(job: Job, versions: Readonly<Record<string, number>>): Job {
  const at = nowText()
  const same = JSON.stringify(job.snapshots.at(-1)?.versions) === JSON.stringify(versions)
  const snapshots = same ? job.snapshots : [...job.snapshots, { at, versions }]
  return { ...job, snapshots, updated_at: at, state: 'running' }
}

function nowText(): string {
  return new Date(systemClock.now()).toISOString()
}

/** Returns what ends the bar. */
function showProgress(terminal: Terminal, { id, partitions }: Job, until: UntilEnd): () => void {
  const total = partitions.reduce((sum, { from, to }) => sum + to - from, 0)
  // An empty stretch has no committed offset and is done all the same.
  const done = () => total - until.left()
  const bar = terminal.progress(`replay ${id}`, total)
  const pace = pacer(total)
  const timer = setInterval(() => bar.update(done(), paceText(pace(done(), systemClock.now()))), drawMilliseconds)
  timer.unref()
  return () => {
    clearInterval(timer)
    bar.end(`${done().toLocaleString('en')} of ${total.toLocaleString('en')} offsets`)
  }
}
