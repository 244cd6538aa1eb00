/** Builds the edges that a project names, and hands them in; nothing else knows them all. */
import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../clock.ts'
import type { EntitySettings } from '../config/entities.ts'
import type { Project } from '../config/project.ts'
import { route } from '../enrich/route.ts'
import type { Sink } from '../enrich/sink.ts'
import type { Source } from '../enrich/source.ts'
import { LinkedEventsError } from '../errors.ts'
import { fileSink } from '../files/sink.ts'
import { fileSource } from '../files/source.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import type { Transactions } from '../kafka/transactions.ts'
import type { UntilEnd } from '../kafka/until-end.ts'
import type { EntityPlan } from '../sync/entity-plan.ts'
import type { RowEvents } from '../sync/row-events.ts'
import type { Tell } from '../telemetry.ts'

export function planOf(entity: EntitySettings, project: Project): EntityPlan {
  const { slug, tableRef, primaryKey, columns, duplicates, versions, events } = entity
  const { state_dir: stateDir, space } = project.config
  const plan = { slug, tableRef, primaryKey, columns, duplicates, versions, installId: installIdOf(stateDir) }
  if (events === undefined) return plan
  return { ...plan, events: { ...events, stream: `${rowEventsPrefix(project)}${space}.${slug}` } }
}

/** What the groups and transactional ids of row events begin with. */
export function rowEventsPrefix({ config: { source } }: Project): string {
  return `${source.kafka?.group ?? 'linked-events'}.row-events.`
}

/** Where the row events of an entity go, if it has any. */
export async function rowEventsOf(project: Project, { events }: EntityPlan): Promise<{ events?: RowEvents }> {
  if (events === undefined) return {}
  const { kafkaRowEvents } = await import('../kafka/row-events.ts')
  return { events: kafkaRowEvents({ connection: kafkaOf(project), topic: events.topic, stream: events.stream }) }
}

/** Made once for a `state_dir`, and kept in it: what it holds and the state in the warehouse belong together. */
export function installIdOf(stateDir: string): string {
  const file = join(stateDir, 'install-id')
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    const id = randomUUID()
    mkdirSync(stateDir, { recursive: true, mode: 0o700 })
    writeFileSync(file, `${id}\n`, { mode: 0o600 })
    return id
  }
}

export function kafkaOf({ config }: Project): KafkaConnection {
  const { kafka } = config
  if (kafka === undefined) throw new LinkedEventsError('CONFIG_INVALID', 'kafka.brokers is missing')
  const { brokers, client_id: clientId, tls, sasl } = kafka
  return {
    brokers,
    clientId,
    tls:
      tls === false
        ? null
        : tls === true
          ? {}
          : { ...pem('ca', tls.ca), ...pem('cert', tls.cert), ...pem('key', tls.key) },
    sasl:
      sasl === undefined
        ? null
        : { mechanism: sasl.mechanism, username: sasl.username, password: sasl.password.reveal() },
  }
}

/** @throws LinkedEventsError FILE_NOT_FOUND */
function pem<Name extends string>(name: Name, path: string | undefined): { [N in Name]?: string } {
  if (path === undefined) return {}
  try {
    return { [name]: readFileSync(path, 'utf8') } as { [N in Name]?: string }
  } catch (error) {
    throw new LinkedEventsError('FILE_NOT_FOUND', `cannot read ${path} (kafka.tls.${name})`, { cause: error })
  }
}

export interface TransactionsFor {
  readonly group: string
  /** Distinguishes processes of the group. */
  readonly owner: string
  readonly tell: Tell
}

/** Null for `delivery: at_least_once`. The transactional id begins with the group: one right covers all processes of it. */
export async function transactionsOf(
  project: Project,
  { group, owner, tell }: TransactionsFor,
): Promise<Transactions | null> {
  if (project.config.kafka?.delivery !== 'exactly_once') return null
  const { openTransactions } = await import('../kafka/transactions.ts')
  const { topics, letters } = outputsOf(project)
  const outputs = [...topics, ...(letters.topic === undefined ? [] : [letters.topic])]
  return openTransactions({ connection: kafkaOf(project), transactionalId: `${group}.${owner}`, group, outputs, tell })
}

export async function sourceOf(
  project: Project,
  options: { readonly untilEnd: boolean; readonly tell: Tell; readonly transactions: Transactions | null },
): Promise<Source> {
  const { source, kafka } = project.config
  if (source.file !== undefined) return fileSource({ file: source.file, now: systemClock.now })
  const { kafkaSource } = await import('../kafka/source.ts')
  const { topics, group } = source.kafka!
  return kafkaSource({
    connection: kafkaOf(project),
    topics,
    group,
    ...options,
    sessionTimeoutMs: kafka!.session_timeout,
  })
}

/** The hold topic up to where it ends now, as a group of its own. */
export async function holdSourceOf(
  project: Project,
  options: { readonly group: string; readonly tell: Tell; readonly transactions: Transactions | null },
): Promise<Source> {
  const { kafkaSource } = await import('../kafka/source.ts')
  return kafkaSource({
    connection: kafkaOf(project),
    topics: [project.plan.holds!.target.topic],
    untilEnd: true,
    ...options,
    sessionTimeoutMs: project.config.kafka!.session_timeout,
  })
}

export interface ReplaySourceOptions {
  readonly topics: readonly string[]
  /** The replay's own. */
  readonly group: string
  readonly until: UntilEnd
  /** Small batches, one at a time: for when no more than so many events a second are wanted. */
  readonly gentle: boolean
  readonly transactions: Transactions | null
  readonly tell: Tell
}

const gentleBytes = 64 * 1024

export async function replaySourceOf(project: Project, options: ReplaySourceOptions): Promise<Source> {
  const { kafkaSource } = await import('../kafka/source.ts')
  const { topics, group, until, gentle, transactions, tell } = options
  return kafkaSource({
    connection: kafkaOf(project),
    topics,
    group,
    untilEnd: until,
    transactions,
    tell,
    sessionTimeoutMs: project.config.kafka!.session_timeout,
    ...(gentle ? { maxBytesPerPartition: gentleBytes, concurrency: 1 } : {}),
  })
}

export interface SinkOptions {
  readonly tell: Tell
  /** Closed with the sink. */
  readonly transactions: Transactions | null
  /** Every output record says so. */
  readonly replayId?: string
}

/** What the event path writes to. */
function outputsOf({ config, plan }: Project) {
  const holds = plan.holds === null ? [] : [plan.holds.target]
  const targets = [...plan.destinations.map(({ target }) => target), ...holds]
  return {
    topics: [...new Set(targets.flatMap((target) => ('topic' in target ? [target.topic] : [])))],
    files: [...new Set(targets.flatMap((target) => ('file' in target ? [target.file] : [])))],
    letters: config.dead_letters!,
  }
}

export async function sinkOf(project: Project, options: SinkOptions): Promise<Sink> {
  const { tell, transactions, replayId = null } = options
  const { config } = project
  const { topics, files, letters } = outputsOf(project)
  const toKafka = topics.length > 0 || letters.topic !== undefined
  const toFiles = files.length > 0 || letters.file !== undefined
  const { kafkaSink } = toKafka ? await import('../kafka/sink.ts') : { kafkaSink: null }
  return route({
    topics:
      kafkaSink === null
        ? null
        : await kafkaSink({
            connection: kafkaOf(project),
            targets: topics,
            deadLetterTopic: letters.topic ?? null,
            inputs: config.source.kafka?.topics ?? [],
            connectorName: config.source.kafka?.group ?? 'linked-events',
            replayId,
            transactions,
            tell,
          }),
    files: toFiles
      ? fileSink({
          files,
          deadLetters: letters.file ?? null,
          append: config.source.kafka !== undefined,
          extraHeaders: replayId === null ? [] : [['le.replay_id', replayId]],
        })
      : null,
    deadLetters: letters.topic === undefined ? 'files' : 'topics',
  })
}
