/** The doors: every command with its options and help. Each command is one file and returns the exit code. */
import { Command, CommanderError, Option } from 'commander'
import { exit, LinkedEventsError } from '../errors.ts'
import type { Context } from './context.ts'
import { Terminal } from './terminal.ts'
import { version } from './version.ts'

interface GlobalOptions {
  config?: string
  json?: boolean
  quiet?: boolean
  verbose?: boolean
  color?: boolean
}

type Run<Options> = (context: Context, options: Options, ...args: string[]) => Promise<number>

/** Runs one command line and returns its exit code; nothing escapes. */
export async function program(argv: readonly string[]): Promise<number> {
  let code: number = exit.ok
  const root = new Command('linked-events')
    .description('Linked Events: enrich event streams with entities from your data warehouse.')
    .version(version, '--version', 'print the version')
    .showSuggestionAfterError()
    .enablePositionalOptions() // `lookup --version 3` is not `--version`
  prepare(root)
  examples(root, ['linked-events demo', 'linked-events validate && linked-events run'])

  function command<Options>(
    parent: Command,
    name: string,
    description: string,
    example: string[],
    load: () => Promise<Run<Options>>,
  ): Command {
    const added = prepare(parent.command(name).description(description))
    examples(added, example)
    return added.action(async (...received: unknown[]) => {
      const self = received.at(-1) as Command
      const options = merged(self) as Options & GlobalOptions
      const args = (received.slice(0, -2) as (string | string[] | undefined)[]).flatMap((arg) => arg ?? [])
      code = await run(await load(), options, args)
    })
  }
  addCommands(root, command)

  try {
    await root.parseAsync([...argv], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return exit.ok
    if (argv.includes('--json')) {
      const message = error.message.replace(/^error: /, '').trim()
      new Terminal({ json: true, quiet: true, verbose: false, color: false }).error(
        new LinkedEventsError('USAGE', message),
      )
    }
    return exit.usage
  }
  return code
}

async function run<Options>(command: Run<Options>, options: Options & GlobalOptions, args: string[]): Promise<number> {
  const { json = false, quiet = false, verbose = false, color = true } = options
  const terminal = new Terminal({ json, quiet, verbose, color })
  try {
    return await command(
      { terminal, configFile: options.config, env: process.env, cwd: process.cwd() },
      options,
      ...args,
    )
  } catch (thrown) {
    const error = isAddonFailure(thrown)
      ? new LinkedEventsError('ADDON_UNUSABLE', `better-sqlite3 does not load on Node ${process.version}`, {
          cause: thrown,
        })
      : thrown
    terminal.error(error)
    return error instanceof LinkedEventsError ? error.exit : exit.bug
  }
}

/** The SQLite addon was built for another Node, or not built at all: some npm versions skip install scripts without a word. */
function isAddonFailure(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown }
  return (
    code === 'ERR_DLOPEN_FAILED' ||
    (typeof message === 'string' && message.startsWith('Could not locate the bindings file'))
  )
}

/** What every command has: the global options stand before or behind its name. */
function prepare(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--config <file>',
        'configuration file (else $LINKED_EVENTS_CONFIG, ./linked-events.yaml, ./config/linked-events.yaml)',
      ),
    )
    .option('--json', 'results as JSON on stdout')
    .option('--quiet', 'no talk on stderr')
    .option('--verbose', 'more talk on stderr')
    .option('--no-color', 'no colours')
    .helpOption('--help', 'print this help')
    .exitOverride()
}

/** The options of a command and of those above it; what stands nearest to it wins. */
function merged(command: Command): GlobalOptions {
  const chain: Command[] = []
  for (let at: Command | null = command; at !== null; at = at.parent) chain.unshift(at)
  const color = chain.every((one) => one.opts().color !== false)
  return { ...Object.assign({}, ...chain.map((one) => one.opts())), color }
}

function examples(command: Command, lines: readonly string[]): void {
  command.addHelpText(
    'before',
    `${lines.length > 1 ? 'Examples' : 'Example'}:\n${lines.map((line) => `  ${line}`).join('\n')}\n`,
  )
}

/** An option that may be given several times. */
function listed(value: string, before: readonly string[] = []): string[] {
  return [...before, value]
}

type Add = <Options>(
  parent: Command,
  name: string,
  description: string,
  example: string[],
  load: () => Promise<Run<Options>>,
) => Command

function addCommands(root: Command, add: Add): void {
  add(
    root,
    'validate',
    'check everything, touching neither warehouse nor broker',
    ['linked-events validate', 'linked-events validate --deep --json'],
    async () => (await import('./validate.ts')).validate,
  ).option('--deep', 'look at warehouse and broker too')

  add(
    root,
    'doctor',
    'check the surroundings: machine, disk, broker, warehouse',
    ['linked-events doctor'],
    async () => (await import('./doctor.ts')).doctor,
  )

  const sync = add(
    root,
    'sync',
    'one sync now of each entity named, or of all',
    ['linked-events sync', 'linked-events sync product-entity --dry-run'],
    async () => (await import('./sync.ts')).syncNow,
  )
    .argument('[entity...]', 'slugs of entities')
    .option('--full', 'read everything anew')
    .option('--dry-run', 'count the changes, write nothing')
    .option('--approve', 'let the deletes through that the guard stopped last, and no others')
  add(
    sync,
    'history',
    'runs so far',
    ['linked-events sync history product-entity'],
    async () => (await import('./sync.ts')).history,
  ).argument('<entity>')
  add(
    sync,
    'reset',
    'forget the warehouse state: the next sync reads everything',
    ['linked-events sync reset product-entity'],
    async () => (await import('./sync.ts')).reset,
  ).argument('<entity>')
  add(
    sync,
    'release',
    'let another installation send the row events of an entity',
    ['linked-events sync release product-entity'],
    async () => (await import('./sync.ts')).release,
  ).argument('<entity>')
  add(
    sync,
    'cancel',
    'stop the sync that is running',
    ['linked-events sync cancel product-entity'],
    async () => (await import('./sync.ts')).cancel,
  ).argument('<entity>')
  add(
    sync,
    'audit',
    'prove that the snapshot is the table, or name the keys that differ',
    ['linked-events sync audit product-entity'],
    async () => (await import('./audit.ts')).auditCommand,
  ).argument('<entity>')

  const snapshot = prepare(root.command('snapshot').description('the local copies of the entities'))
  examples(snapshot, ['linked-events snapshot list'])
  add(
    snapshot,
    'list',
    'versions kept',
    ['linked-events snapshot list'],
    async () => (await import('./snapshot.ts')).list,
  )
  add(
    snapshot,
    'info',
    'the current version of one entity',
    ['linked-events snapshot info product-entity'],
    async () => (await import('./snapshot.ts')).info,
  )
    .argument('<entity>')
    .option('--version <n>', 'another version')
  add(
    snapshot,
    'verify',
    'compare each file with its digest',
    ['linked-events snapshot verify'],
    async () => (await import('./snapshot.ts')).verify,
  ).argument('[entity]')
  add(
    snapshot,
    'diff',
    'keys that differ between two versions',
    ['linked-events snapshot diff product-entity 3 4'],
    async () => (await import('./snapshot.ts')).diff,
  )
    .argument('<entity>')
    .argument('<from>')
    .argument('<to>')

  add(
    root,
    'lookup',
    'one row of an entity',
    ['linked-events lookup product-entity SKU-1', 'linked-events lookup product-entity SKU-1 --version 3'],
    async () => (await import('./lookup.ts')).lookup,
  )
    .argument('<entity>', 'slug of the entity')
    .argument('<key>', 'value of the primary key')
    .option('--version <n>', 'another version than the current one')

  add(
    root,
    'preview',
    'what would happen to each event; sends nothing',
    ['linked-events preview --event event.json', 'tail -1 events.ndjson | linked-events preview --event - --json'],
    async () => (await import('./preview.ts')).preview,
  )
    .option('--event <file>', 'file with events, one a line (or one event over several lines); - is stdin', '-')
    .option('--destination <slug>', 'only this destination')
    .option('--mapping <name>', 'only this mapping')

  add(
    root,
    'run',
    'sync on schedule and enrich',
    ['linked-events run', 'linked-events run --until-end --json'],
    async () => (await import('./run.ts')).runCommand,
  )
    .option('--until-end', 'stop where the inputs stood at the start, with a summary')
    .option('--fail-on-dead-letter', 'exit 1 when a message could not be enriched')

  add(
    root,
    'replay',
    'a bounded stretch of topics again, in a group of its own, beside the live outputs',
    [
      'linked-events replay --from 2026-11-01T00:00Z --to 2026-11-02T00:00Z --dry-run',
      'linked-events replay --from -2h --to latest --rate 500',
      'linked-events replay --id 20261125T110724-k3f9q --yes',
    ],
    async () => (await import('./replay.ts')).replay,
  )
    .option(
      '--from <t>',
      'first: offset (123, or 0:123,1:456 by partition), time (RFC 3339, date, -2h), earliest, latest',
    )
    .option('--to <t>', 'end, itself not included: likewise; never beyond what is there at the start')
    .option('--topic <topic>', 'only this input topic (may be repeated)', listed)
    .option('--snapshot <entity@version>', 'enrich with this version instead of the newest (may be repeated)', listed)
    .option('--as-of <t>', 'enrich with the versions of that time: RFC 3339, date, -2h')
    .option('--output-topic <topic>', "where to write; {topic} stands for the live topic (default '{topic}.replay')")
    .option('--rate <n>', 'at most so many events a second')
    .option('--id <id>', 'name of the replay; of one that exists: resume it')
    .option('--dry-run', 'count, and say what would be written where; write nothing')
    .option('--yes', 'do not ask')

  add(
    root,
    'graph',
    'entities and relationships of the data graph',
    [
      'linked-events graph',
      'linked-events graph data-graph.hcl --mermaid',
      'linked-events graph data-graph.hcl --upgrade --write',
    ],
    async () => (await import('./graph.ts')).graph,
  )
    .argument('[file]', 'a data graph; else the configured one')
    .option('--mermaid', 'as a Mermaid diagram')
    .option('--upgrade', 'the file as v1.0.0 instead; comments and formatting stay')
    .option('--write', 'with --upgrade: into the file itself')

  const attempt = prepare(root.command('try').description('one mapping or trigger on one event, with the steps'))
  examples(attempt, [`linked-events try trigger 'type = "track"' --event event.json`])
  add(
    attempt,
    'mapping',
    'what a mapping makes of an event, field by field',
    ['linked-events try mapping --mapping mapping.json --event event.json'],
    async () => (await import('./try.ts')).tryMapping,
  )
    .requiredOption('--mapping <file>', "the mapping kit object, or Segment's subscription object")
    .requiredOption('--event <file>', 'one event as JSON; - is stdin')
  add(
    attempt,
    'trigger',
    'whether a trigger matches an event, condition by condition',
    [`linked-events try trigger 'type = "track" and properties.total > 50' --event event.json`],
    async () => (await import('./try.ts')).tryTrigger,
  )
    .argument('<fql>', 'the trigger')
    .requiredOption('--event <file>', 'one event as JSON; - is stdin')
    .option('--strict', 'read it in the wider, stricter language')

  add(
    root,
    'test',
    'run test cases of mappings',
    ['linked-events test', 'linked-events test tests/orders.yaml'],
    async () => (await import('./test.ts')).test,
  ).argument('[file...]', 'files with cases; else tests/*.yaml beside the configuration')

  const dlq = prepare(root.command('dlq').description('the dead letters'))
  examples(dlq, ['linked-events dlq list'])
  add(
    dlq,
    'list',
    'what could not be enriched, oldest first',
    ['linked-events dlq list --reason invalid_json'],
    async () => (await import('./dlq.ts')).list,
  )
    .option('--reason <reason>', 'only this reason')
    .option('--limit <n>', 'at most so many', '1000')
  add(
    dlq,
    'show',
    'one dead letter, whole',
    ['linked-events dlq show 1'],
    async () => (await import('./dlq.ts')).show,
  ).argument('<number>', 'its number in `dlq list`')
  add(
    dlq,
    'retry',
    'send dead letters to their topics again',
    ['linked-events dlq retry --reason mapping_failed --dry-run'],
    async () => (await import('./dlq.ts')).retry,
  )
    .option('--reason <reason>', 'only this reason')
    .option('--dry-run', 'say what would be sent')

  add(
    root,
    'status',
    'what is there, and how old everything is',
    ['linked-events status'],
    async () => (await import('./status.ts')).status,
  )

  add(
    root,
    'demo',
    'a sample shop: warehouse, data graph, mappings and events, then the whole way',
    ['linked-events demo', 'linked-events demo --events 1000 --dir /tmp/demo'],
    async () => (await import('./demo.ts')).demo,
  )
    .option('--events <n>', 'events to make', '50000')
    .option('--dir <folder>', 'where to put the files', 'linked-events-demo')
}
