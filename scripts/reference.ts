/** Writes the reference pages that can be known from the code: options, metrics, error codes. `npm run docs`; a test compares. */
import { writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import { schema } from '../src/config/config.ts'
import { deadLetterReasons } from '../src/enrich/outcome.ts'
import { codes } from '../src/errors.ts'
import { metrics } from '../src/observe/metrics.ts'

export function pages(): Record<string, string> {
  return { 'docs/configuration.md': configuration(), 'docs/metrics.md': metricsPage(), 'docs/errors.md': errors() }
}

function configuration(): string {
  const rows: string[] = []
  walk(schema, '', rows)
  return `# Configuration

\`--config FILE\`, else \`$LINKED_EVENTS_CONFIG\`, else \`./linked-events.yaml\`, else \`./config/linked-events.yaml\`. Paths in it are relative to it. A key
that is not here is an error. Secrets are references, \`\${env:NAME}\` or \`\${file:/path}\`, and print as \`***\`. Durations are written \`30s\`, \`15m\`, \`1h\`, \`3h25m30s\`.
[config/minimal.yaml](../config/minimal.yaml) is the least that runs, [config/reference.yaml](../config/reference.yaml) has everything.

| Option | Default | Meaning |
|---|---|---|
${rows.join('\n')}

## Schedules

| \`strategy\` | \`config\` | Runs |
|---|---|---|
| \`PERIODIC\` | \`{ interval: 1h }\`, at least 15 minutes | at multiples of the interval, UTC; a daily one at 00:00 |
| \`SPECIFIC_DAYS\` | \`{ days: [1, 3], hours: [9], timezone: Europe/Berlin }\` | on these days (0 is Sunday) at these hours |
| \`CRON\` | \`{ spec: "0 */2 * * *", timezone: UTC }\`, five fields, at least 15 minutes apart | as cron |
| \`DBT_CLOUD\` | \`{ accountId: "1", jobId: "2" }\` | never by itself: let the job's end call \`linked-events sync\` |
| \`MANUAL\` | none | when somebody calls \`linked-events sync\` |

Runs of an interval and of days and hours start up to five minutes later, each installation and entity at a moment of its own that stays
the same, so that many of them do not come to the warehouse in the same second.

An entity without any version is synced at once, whatever its schedule, because nothing is consumed before it has one.
`
}

function walk(node: unknown, path: string, rows: string[]): void {
  const { inner, fallback, description } = unwrap(node)
  const object = inner instanceof z.ZodObject ? inner : null
  if (path !== '' && (object === null || description !== undefined)) {
    const text = (description ?? '').replaceAll('|', '\\|')
    const row = `| \`${path}\` | ${fallback === undefined ? '' : `\`${fallback}\``} | ${text} |`
    // Warehouses share options.
    if (text !== '' && !rows.includes(row)) rows.push(row)
  }
  if (object !== null)
    for (const [key, member] of Object.entries(object.shape)) walk(member, path === '' ? key : `${path}.${key}`, rows)
  else if (inner instanceof z.ZodArray && unwrap(inner.element).inner instanceof z.ZodObject)
    walk(inner.element, `${path}[]`, rows)
  else if (inner instanceof z.ZodRecord && unwrap(inner.valueType).inner instanceof z.ZodObject)
    walk(inner.valueType, `${path}.<slug>`, rows)
  else if (inner instanceof z.ZodUnion) {
    for (const option of inner.options) {
      const { inner: one } = unwrap(option)
      if (one instanceof z.ZodObject)
        for (const [key, member] of Object.entries(one.shape)) if (key !== 'type') walk(member, `${path}.${key}`, rows)
    }
  }
}

function unwrap(node: unknown): { inner: unknown; fallback: string | undefined; description: string | undefined } {
  let inner = node
  let fallback: string | undefined
  let description: string | undefined
  for (;;) {
    description ??= (inner as z.ZodType).description
    if (inner instanceof z.ZodDefault) {
      const value = inner.def.defaultValue
      if (typeof value !== 'object')
        fallback = inner.def.innerType instanceof z.ZodPipe ? durationText(value as number) : String(value)
      inner = inner.def.innerType
    } else if (inner instanceof z.ZodOptional || inner instanceof z.ZodNullable) inner = inner.def.innerType
    else if (inner instanceof z.ZodPipe) inner = inner.def.in
    else return { inner, fallback, description }
  }
}

/** Durations are kept in milliseconds. */
function durationText(milliseconds: number): string {
  return milliseconds % 3_600_000 === 0 ? `${milliseconds / 3_600_000}h` : `${milliseconds / 1000}s`
}

function metricsPage(): string {
  const { registry } = metrics({ pipeline: 'x', version: 'x', entities: [] })
  const own = registry.getMetricsAsArray().filter(({ name }) => name.startsWith('linked_events_')) as unknown as {
    name: string
    help: string
    type: string
    labelNames: string[]
  }[]
  const rows = own.map(
    ({ name, help, type, labelNames }) =>
      `| \`${name}\` | ${type} | ${labelNames
        .filter((label) => label !== 'le')
        .map((label) => `\`${label}\``)
        .join(' ')} | ${help} |`,
  )
  return `# Metrics

\`/metrics\`, Prometheus text. Every series has the label \`pipeline\` (the consumer group, or \`file\`) besides those named here. Node's own metrics
(\`process_*\`, \`nodejs_*\`) are there too. Counts close: \`events_consumed_total\` messages each gave one \`dead_letter\`, or for each enabled destination at least
one other entry of \`events_enriched_total\`.

| Metric | Type | Labels | Meaning |
|---|---|---|---|
${rows.join('\n')}
`
}

function errors(): string {
  const rows = Object.entries(codes).map(
    ([code, { exit, retry, hint }]) =>
      `| \`${code}\` | ${exit} | ${retry ? 'yes' : 'no'} | ${hint.replaceAll('|', '\\|')} |`,
  )
  const reasons = Object.entries(deadLetterReasons).map(([reason, meaning]) => `| \`${reason}\` | ${meaning} |`)
  return `# Errors

An error says what is wrong, with the facts, and the next thing to try. With \`--json\` it is \`{ schema_version, ok: false, error: { code, message, hint } }\` on stdout.

| Code | Exit | May another try help? | Try |
|---|---|---|---|
${rows.join('\n')}

## Reasons of dead letters

In the header \`le.reason\`, the metric \`linked_events_dead_letters_total\` and \`dlq list\`.

| Reason | Meaning |
|---|---|
${reasons.join('\n')}
`
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const [file, text] of Object.entries(pages())) writeFileSync(file, text)
}
