/** `doctor`: are the surroundings what this program needs? Each line says what is required, what is found, and the fix. */
import { closeSync, fsyncSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Project } from '../config/project.ts'
import { exit, LinkedEventsError } from '../errors.ts'
import type { EntityPlan } from '../sync/entity-plan.ts'
import { senderOf } from '../sync/row-events-sender.ts'
import type { WarehouseCheck as Check, Warehouse } from '../sync/warehouse.ts'
import { type Context, projectOf } from './context.ts'
import { kafkaOf, planOf, rowEventsPrefix } from './edges.ts'
import { table } from './terminal.ts'
import { warehouseOf } from './warehouse-of.ts'

export async function doctor(context: Context): Promise<number> {
  const checks = await checksOf(projectOf(context))
  const ok = checks.every((check) => check.ok || check.severity === 'warning')
  context.terminal.result({ ok, checks: checks.map(({ about: _, ...check }) => check) }, () => {
    const { terminal } = context
    const rows = checks.map((check) => [check.ok ? 'ok' : check.severity, check.name, check.required, check.found])
    const fixes = checks
      .filter((check) => !check.ok && check.fix !== null)
      .map((check) => `${check.name}: ${check.fix}`)
    return [
      table(['', 'check', 'required', 'found'], rows),
      ...(fixes.length > 0 ? ['', terminal.bold('To do'), ...fixes] : []),
    ].join('\n')
  })
  return ok ? exit.ok : exit.failure
}

/** Everything outside the texts: machine, state_dir, broker, warehouse. */
export async function checksOf(project: Project): Promise<Check[]> {
  return [
    nodeVersion(),
    stateDir(project.config.state_dir),
    ...(await kafkaChecks(project)),
    ...(await warehouseChecks(project)),
  ]
}

function nodeVersion(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const supported = major > 20 || (major === 20 && minor >= 19)
  const current = major >= 22
  return {
    name: 'node',
    ok: supported && current,
    required: '20.19 or newer, better a line that is maintained',
    found: process.versions.node,
    severity: supported ? 'warning' : 'error',
    fix: supported && current ? null : 'run on Node 24 (the image does)',
  }
}

function stateDir(dir: string): Check {
  const required = 'writable, fsync works, 1 GB free'
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    const file = join(dir, 'doctor')
    const descriptor = openSync(file, 'w', 0o600)
    writeSync(descriptor, 'x')
    fsyncSync(descriptor)
    closeSync(descriptor)
    rmSync(file)
    const { bavail, bsize } = statfsSync(dir)
    const gigabytes = (bavail * bsize) / 1e9
    const ok = gigabytes >= 1
    return {
      name: 'state_dir',
      ok,
      required,
      found: `writable, ${gigabytes.toFixed(1)} GB free`,
      severity: 'warning',
      fix: ok ? null : 'free space, or choose another state_dir',
    }
  } catch (error) {
    return {
      name: 'state_dir',
      ok: false,
      required,
      found: (error as Error).message,
      severity: 'error',
      fix: `make ${dir} writable for this user`,
    }
  }
}

async function kafkaChecks(project: Project): Promise<Check[]> {
  const { config, plan } = project
  if (config.kafka === undefined) return []
  const checks: Check[] = []
  const check = (
    name: string,
    ok: boolean,
    required: string,
    found: string,
    fix: string,
    severity: Check['severity'] = 'error',
  ) => checks.push({ name, ok, required, found, severity, fix: ok ? null : fix })
  try {
    const { kafkaAdmin } = await import('../kafka/admin.ts')
    const admin = await kafkaAdmin(kafkaOf(project))
    try {
      const cluster = await admin.check()
      check('kafka', true, 'reachable', `${cluster.brokers.length} brokers`, '')
      const existing = new Set(await admin.topics())
      const inputs = config.source.kafka?.topics ?? []
      const outputs = plan.destinations.flatMap(({ target }) => ('topic' in target ? [target.topic] : []))
      const letters = config.dead_letters?.topic
      const holds = plan.holds === null ? [] : [plan.holds.target.topic]
      const told = project.entities.flatMap(({ events }) => (events === undefined ? [] : [events.topic]))
      const others = letters === undefined ? [...holds, ...told] : [letters, ...holds, ...told]
      const wanted = [...new Set([...inputs, ...outputs, ...others])]
      for (const topic of wanted)
        check(
          `topic ${topic}`,
          existing.has(topic),
          'exists',
          existing.has(topic) ? 'exists' : 'missing',
          `kafka-topics --create --topic ${topic} --partitions 12 --replication-factor 3`,
        )
      const found = await admin.describeTopics(wanted.filter((topic) => existing.has(topic)))
      const most = Math.max(
        ...found.filter(({ topic }) => inputs.includes(topic)).map(({ partitions }) => partitions),
        0,
      )
      for (const { topic, partitions } of found.filter(({ topic: name }) => outputs.includes(name))) {
        check(
          `partitions of ${topic}`,
          partitions >= most,
          `${most}, as the input`,
          String(partitions),
          `with fewer partitions than the input, records are placed by their key`,
          'warning',
        )
      }
      const group = config.source.kafka?.group
      const once = config.kafka.delivery === 'exactly_once' && group !== undefined
      const begin = once ? `${group}.` : told.length > 0 ? rowEventsPrefix(project) : null
      if (begin !== null) {
        const { openTransactions } = await import('../kafka/transactions.ts')
        const required = `Write on the transactional ids that begin with "${begin}"`
        const name = `${begin}doctor`
        const written = once ? [...outputs, ...holds, ...(letters === undefined ? [] : [letters])] : told
        const topics = [...new Set(written)].filter((topic) => existing.has(topic))
        const options = { connection: kafkaOf(project), transactionalId: name, group: name, outputs: topics }
        const outcome = await openTransactions({ ...options, tell: () => {} }).then(
          async (transactions) => {
            const sees = await transactions.maySeeHanging()
            await transactions.close()
            return { sees }
          },
          (error: LinkedEventsError) => error,
        )
        const refused = outcome instanceof Error ? outcome : undefined
        check('transactions', refused === undefined, required, refused?.message ?? 'permitted', refused?.hint ?? '')
        if (!(outcome instanceof Error)) {
          check(
            'transactions that hang',
            outcome.sees,
            `Read on ${topics.join(', ')}`,
            outcome.sees ? 'permitted' : 'denied',
            'without it, what brokers that died have left of a transaction is not found, and ends as the next one does',
            'warning',
          )
        }
      }
    } finally {
      await admin.close()
    }
  } catch (error) {
    const known = error instanceof LinkedEventsError
    check('kafka', false, 'reachable', (error as Error).message, known ? error.hint : 'see kafka.brokers')
  }
  return checks
}

async function warehouseChecks(project: Project): Promise<Check[]> {
  try {
    const warehouse = await warehouseOf(project)
    try {
      const plans = project.entities.map((entity) => planOf(entity, project))
      return [...(await warehouse.checks(plans)), ...(await senderChecks(warehouse, plans))]
    } finally {
      await warehouse.close()
    }
  } catch (error) {
    const fix = error instanceof LinkedEventsError ? error.hint : null
    return [
      { name: 'warehouse', ok: false, required: 'reachable', found: (error as Error).message, severity: 'error', fix },
    ]
  }
}

/** The row events of an entity have one sender; where that is another installation, it should be alive. */
async function senderChecks(warehouse: Warehouse, plans: readonly EntityPlan[]): Promise<Check[]> {
  const told = plans.filter(({ events }) => events !== undefined)
  if (told.length === 0) return []
  const session = await warehouse.session(new AbortController().signal)
  try {
    const checks: Check[] = []
    for (const { slug, installId, events } of told) {
      const sender = await senderOf(session, events!.stream)
      const ok = sender === null || sender.installId === installId
      checks.push({
        name: `row events of ${slug}`,
        ok,
        required: 'sent by one installation',
        found: sender === null ? 'nobody yet' : ok ? 'this one' : `another one, made the sender by ${sender.owner}`,
        severity: 'warning',
        fix: ok ? null : `if it is gone for good: linked-events sync release ${slug}`,
      })
    }
    return checks
  } finally {
    await session.close()
  }
}
