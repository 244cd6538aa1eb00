/** `status`: what is there and how old everything is: entities from `state_dir`, partitions from the broker. */
import { existsSync } from 'node:fs'
import type { Project } from '../config/project.ts'
import { exit } from '../errors.ts'
import { readRuns, runningPid } from '../files/history.ts'
import { ownerOf } from '../snapshot/lock.ts'
import { snapshotStore } from '../snapshot/store.ts'
import { type Context, projectOf } from './context.ts'
import { kafkaOf } from './edges.ts'
import { table } from './terminal.ts'

interface PartitionStatus {
  readonly topic: string
  readonly partition: number
  readonly committed: number | null
  readonly end: number
  readonly lag: number
}

export async function status(context: Context): Promise<number> {
  const project = projectOf(context)
  const entities = await entitiesOf(project)
  const { partitions, kafka } = await partitionsOf(project)
  const owner = ownerOf(project.config.state_dir)
  const found = { running: owner !== null && alive(owner), pid: owner, kafka, entities, partitions }
  context.terminal.result(found, () => {
    const parts = [
      found.running
        ? `process ${owner} runs on ${project.config.state_dir}`
        : `no process runs on ${project.config.state_dir}`,
      table(
        ['entity', 'state', 'version', 'rows', 'as of', 'age', 'last sync'],
        entities.map((one) => [
          one.entity,
          one.state,
          one.version ?? '-',
          one.rows ?? '-',
          one.as_of ?? '-',
          one.age_seconds === null ? '-' : age(one.age_seconds),
          one.last_run?.error?.code ?? one.last_run?.result ?? '-',
        ]),
      ),
    ]
    if (partitions.length > 0) {
      parts.push(
        table(
          ['topic', 'partition', 'committed', 'end', 'lag'],
          partitions.map((one) => [one.topic, one.partition, one.committed ?? '-', one.end, one.lag]),
        ),
      )
    }
    if (kafka !== null && kafka !== 'connected') parts.push(`Kafka: ${kafka}`)
    return parts.join('\n\n')
  })
  return exit.ok
}

async function entitiesOf(project: Project) {
  const dir = project.config.state_dir
  const snapshots = existsSync(dir) ? await snapshotStore({ dir }).list() : []
  return project.entities.map((entity) => {
    const current = snapshots.find((one) => one.entity === entity.slug && one.current)
    const ageSeconds = current === undefined ? null : Math.max(0, (Date.now() - Date.parse(current.as_of)) / 1000)
    const state = ageSeconds === null ? 'missing' : ageSeconds * 1000 > entity.max_age ? 'stale' : 'ok'
    return {
      entity: entity.slug,
      used: entity.used,
      state,
      version: current?.version ?? null,
      epoch: current?.epoch ?? null,
      as_of: current?.as_of ?? null,
      age_seconds: ageSeconds,
      rows: current?.rows ?? null,
      columns: entity.columns,
      syncing: runningPid(project.config.state_dir, entity.slug) !== null,
      last_run: readRuns(project.config.state_dir, entity.slug).at(-1) ?? null,
    }
  })
}

/** The broker's view of the consumer group; a broker that is away is a fact, not a failure. */
async function partitionsOf(project: Project): Promise<{ partitions: PartitionStatus[]; kafka: string | null }> {
  const source = project.config.source.kafka
  if (source === undefined) return { partitions: [], kafka: null }
  try {
    const { kafkaAdmin } = await import('../kafka/admin.ts')
    const admin = await kafkaAdmin(kafkaOf(project))
    try {
      const lag = await admin.lag(source.group, source.topics)
      const partitions = lag.map(({ topic, partition, offset, high, ...rest }) => ({
        topic,
        partition,
        committed: offset,
        end: high,
        lag: rest.lag,
      }))
      return { partitions, kafka: 'connected' }
    } finally {
      await admin.close()
    }
  } catch (error) {
    return { partitions: [], kafka: error instanceof Error ? error.message : String(error) }
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

export function age(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${(seconds / 3600).toFixed(1)} h` : `${Math.round(seconds / 86_400)} d`
}
