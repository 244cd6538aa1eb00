/** `demo`: a sample shop and the whole way, from a warehouse table to an enriched event, with nothing else installed. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { exit, LinkedEventsError } from '../errors.ts'
import { parseJson } from '../json.ts'
import { accountIdOf, createSampleWarehouse, skuOf } from '../warehouse/sample.ts'
import { type Context, countOf, projectOf } from './context.ts'
import { shopEvents } from './demo/events.ts'
import { configuration, dataGraph, mappings, marker } from './demo/files.ts'
import { sideBySide } from './demo/side-by-side.ts'
import { fanOut, runProject, writeSummary } from './run.ts'
import { abortOnSignal } from './signals.ts'
import { syncEntity } from './sync.ts'

const products = 100_000
const accounts = 20_000

export async function demo(
  context: Context,
  options: { readonly events: string; readonly dir: string },
): Promise<number> {
  const { terminal } = context
  const events = countOf(options.events, '--events')
  const dir = resolve(context.cwd, options.dir)
  const file = join(dir, 'linked-events.yaml')
  terminal.talk(
    `A sample shop in ${relative(context.cwd, dir) || dir}: ${products.toLocaleString('en')} products, ${accounts.toLocaleString('en')} accounts, ${events.toLocaleString('en')} events.\n`,
  )
  makeFolder(dir, file)

  const making = terminal.progress('making the warehouse', null)
  making.update(0, 'products and accounts')
  await createSampleWarehouse(join(dir, 'warehouse.duckdb'), { products, accounts })
  making.end('warehouse.duckdb, two tables')
  writeTexts(dir, file)
  writeEvents(context, join(dir, 'events.ndjson'), events)

  const project = projectOf({ ...context, configFile: file })
  const signal = abortOnSignal()
  for (const entity of project.entities) {
    const syncing = terminal.progress(`syncing ${entity.slug}`, null)
    syncing.update(0, 'warehouse → snapshot')
    const run = await syncEntity(project, entity, {}, signal)
    if (run.error !== null) throw new LinkedEventsError(run.error.code, run.error.message, { hint: run.error.hint })
    syncing.end(`${run.rows.toLocaleString('en')} rows in snapshot version ${run.version}`)
  }

  const enriching = terminal.progress('enriching', events)
  const tell = fanOut()
  let done = 0
  tell.listeners.push((fact) => {
    if (fact.name === 'batch-enriched') enriching.update((done += fact.messages))
  })
  const summary = await runProject(context, project, { untilEnd: true, signal, tell })
  enriching.end(
    `${summary.consumed.toLocaleString('en')} events, ${Math.round(summary.consumed / Math.max(summary.seconds, 0.001)).toLocaleString('en')} a second`,
  )
  if (terminal.json) writeSummary(terminal, project, summary)
  else {
    terminal.write('')
    writeSummary(terminal, project, summary)
    terminal.write(story(context, dir))
  }
  return exit.ok
}

/** A folder of the demo's own is made anew; any other that holds something is left alone. */
function makeFolder(dir: string, file: string): void {
  if (existsSync(dir) && !(existsSync(file) && readFileSync(file, 'utf8').startsWith(marker))) {
    throw new LinkedEventsError('FILE_UNWRITABLE', `${dir} exists, and the demo did not make it`, {
      hint: 'name another folder with --dir',
    })
  }
  for (const part of ['out', '.linked-events', 'mappings']) rmSync(join(dir, part), { recursive: true, force: true })
  for (const part of ['out', 'mappings']) mkdirSync(join(dir, part), { recursive: true })
}

function writeTexts(dir: string, file: string): void {
  writeFileSync(file, configuration)
  writeFileSync(join(dir, 'data-graph.hcl'), dataGraph)
  for (const [name, mapping] of Object.entries(mappings))
    writeFileSync(join(dir, 'mappings', name), `${JSON.stringify(mapping, null, 2)}\n`)
}

function writeEvents({ terminal }: Context, file: string, events: number): void {
  const writing = terminal.progress('making events', events)
  const lines: string[] = []
  for (const line of shopEvents({ events, products, accounts }, { sku: skuOf, account: accountIdOf })) {
    lines.push(line)
    if (lines.length % 1000 === 0) writing.update(lines.length)
  }
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''))
  writing.end(`events.ndjson, ${lines.length.toLocaleString('en')} lines`)
}

/** One event before and after, where everything is, and what to try next. */
function story({ terminal, cwd }: Context, dir: string): string {
  const at = relative(cwd, dir) || '.'
  const output = readFileSync(join(dir, 'out', 'amplitude.ndjson'), 'utf8')
    .split('\n', 2000)
    .find(
      (line) =>
        line.includes('Order Completed') && line.includes('"account":{"name"') && line.includes('"product":{"name"'),
    )
  const lines: string[] = []
  let number = 1
  if (output !== undefined) {
    const after = parseJson(output) as { messageId: string; event: string; properties: object }
    const inputs = readFileSync(join(dir, 'events.ndjson'), 'utf8').split('\n')
    number = inputs.findIndex((line) => line.includes(after.messageId)) + 1
    const before = parseJson(inputs[number - 1]!) as typeof after
    lines.push('', terminal.bold('One event, before and after (amplitude, format: event)'), '')
    lines.push(
      sideBySide(
        { event: before.event, properties: before.properties },
        { event: after.event, properties: after.properties },
        terminal,
      ),
    )
  }
  const config = `--config ${at}/linked-events.yaml`
  lines.push('', terminal.bold('Files'))
  lines.push(`  ${at}/linked-events.yaml, data-graph.hcl, mappings/   what you would write yourself`)
  lines.push(`  ${at}/warehouse.duckdb, events.ndjson                 the shop's tables and its events`)
  lines.push(
    `  ${at}/out/                                            enriched events of three destinations, and the dead letters`,
  )
  lines.push(`  ${at}/.linked-events/snapshots/                       the local copies of the tables`)
  lines.push('', terminal.bold('Try next'))
  lines.push(`  sed -n ${number}p ${at}/events.ndjson | npm run -s cli -- preview ${config}`)
  lines.push(`  npm run -s cli -- lookup product ${skuOf(42)} ${config}`)
  lines.push(
    `  on your own Kafka: put source: { kafka: { topics: [events], group: linked-events } } into the file, then`,
  )
  lines.push(`  npm run -s cli -- run ${config}`)
  return lines.join('\n')
}
