/** Type, default and sentence of every option, together. A key that is not here is an error. */
import { z } from 'zod'
import { parseDuration } from '../duration.ts'
import { type RowEventMode, rowEventModes } from '../sync/row-events.ts'
import { Secret } from './secret.ts'

const text = z.string().min(1)
const duration = z
  .string()
  .refine((value) => parseDuration(value) !== null, {
    message: 'should be a duration such as 30s, 15m, 1h or 3h25m30s',
  })
  .transform((value) => parseDuration(value)!)
const secret = z
  .union([z.instanceof(Secret), z.string()])
  .transform((value) => (value instanceof Secret ? value : new Secret(value)))
const port = z.coerce.number().int().min(0).max(65_535)
/** Rows, counts and options are kept in objects by these names. */
const ownName = { message: 'should be another name: every object has a member called so' }
const slug = z
  .string()
  .regex(/^[a-z0-9_-]+$/, { message: 'should be small letters, digits, dashes and underscores' })
  .refine((name) => !(name in {}), ownName)

const stateSchema = z
  .string()
  .regex(/^[a-z_][a-z0-9_]*$/, { message: 'should be small letters, digits and underscores' })
  .refine((value) => value !== '__segment_reverse_etl', { message: "is Segment's own schema; choose another" })
  .default('_segment_reverse_etl')

const common = {
  state: z
    .enum(['warehouse', 'local'])
    .default('warehouse')
    .describe('where the state of syncs is kept; local: nothing is written in the warehouse, every run reads all rows'),
  state_schema: stateSchema.describe('schema for checkpoints, baselines and deltas; not used with state: local'),
  run_time_max: duration
    .default(parseDuration('2h')!)
    .describe('a run that takes longer is ended, and what it does in the warehouse with it'),
}

const postgres = {
  url: secret.optional().describe('postgres://user:password@host:port/database, as a reference'),
  host: text.optional().describe('host name, instead of url'),
  port: port.optional().describe('port of the server; 5432, or 5439 for redshift, when left out'),
  user: text.optional().describe('user name'),
  password: secret.optional().describe('password, as a reference'),
  database: text.optional().describe('database name'),
  tls: z.boolean().default(false).describe('encrypt the connection and verify the certificate'),
  ...common,
}

const snowflake = {
  account: text.describe('account identifier, for example organization-account'),
  user: text.describe('user name'),
  password: secret.optional().describe('password or programmatic access token, as a reference'),
  private_key: secret.optional().describe('private key in PEM, as a reference, instead of a password'),
  private_key_passphrase: secret.optional().describe('passphrase of the private key, as a reference'),
  role: text.optional().describe("role; the user's default role when left out"),
  warehouse: text.optional().describe("virtual warehouse that computes; the user's default when left out"),
  database: text.describe('database of the state, and of tables named without one'),
  schema: text.default('PUBLIC').describe('schema of tables named without one'),
  access_url: text.optional().describe("address, when it is not the account's own, for example a private link"),
  ...common,
}

const bigquery = {
  project: text.describe('project of the jobs, of the state, and of tables named without one'),
  credentials: secret
    .optional()
    .describe("JSON key of a service account, as a reference; the machine's own identity when left out"),
  dataset: text.optional().describe('dataset of tables named without one'),
  location: text.optional().describe('location of the datasets, for example EU; found out when left out'),
  bytes_billed_max: z.number().int().min(1).optional().describe('bytes that one run may be billed'),
  api_endpoint: text.optional().describe("address, when it is not Google's own, for example a private endpoint"),
  ...common,
}

const databricks = {
  host: text.describe('server hostname of the SQL warehouse'),
  port: port.optional().describe('port of the server; 443 when left out'),
  http_path: text.describe('HTTP path of the SQL warehouse, /sql/1.0/warehouses/…'),
  token: secret.optional().describe('access token, as a reference'),
  client_id: text.optional().describe('service principal, instead of a token'),
  client_secret: secret.optional().describe('OAuth secret of the service principal, as a reference'),
  catalog: text.describe('catalogue of the state, and of tables named without one'),
  schema: text.default('default').describe('schema of tables named without one'),
  ca: secret.optional().describe('PEM of a certificate to trust besides the usual ones, as a reference'),
  ...common,
}

const warehouse = z
  .discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('duckdb'),
      path: text.describe('the database file; open only while a sync runs'),
      ...common,
    }),
    z.strictObject({ type: z.literal('postgres'), ...postgres }),
    z.strictObject({ type: z.literal('redshift'), ...postgres }),
    z
      .strictObject({ type: z.literal('snowflake'), ...snowflake })
      .superRefine((value, context) => exactlyOne(value, ['password', 'private_key'], context)),
    z.strictObject({ type: z.literal('bigquery'), ...bigquery }),
    z
      .strictObject({ type: z.literal('databricks'), ...databricks })
      .superRefine((value, context) => exactlyOne(value, ['token', 'client_secret'], context)),
  ])
  .describe('where the entity tables are')

const schedule = z
  .strictObject({
    strategy: z
      .enum(['PERIODIC', 'SPECIFIC_DAYS', 'CRON', 'DBT_CLOUD', 'MANUAL'])
      .describe("one of Segment's five strategies"),
    config: z.record(z.string(), z.unknown()).optional().describe('depends on the strategy, e.g. { interval: 1h }'),
  })
  .describe('when to sync')

const entity = z.strictObject({
  schedule: schedule.default({ strategy: 'PERIODIC', config: { interval: '1h' } }),
  max_age: duration.default(parseDuration('3h')!).describe('a snapshot older than this is stale'),
  on_stale: z
    .enum(['serve', 'pause', 'fail'])
    .default('serve')
    .describe('what the event path does with a stale snapshot'),
  versions: z.number().int().min(1).max(100).default(2).describe('snapshot versions kept on disk'),
  duplicates: z
    .enum(['fail', 'first', 'reject'])
    .default('fail')
    .describe('what a sync does with primary keys that occur twice'),
  events: z
    .strictObject({
      topic: text.describe('topic that gets an event for each row that a sync finds changed'),
      mode: z
        .enum(Object.keys(rowEventModes) as RowEventMode[])
        .default('mirror')
        .describe('which changes: new; changed; both; deleted rows; all of them'),
    })
    .optional()
    .describe("each change as Segment's reverse ETL event, exactly once"),
})

const binding = z.strictObject({
  space: slug.optional().describe('space of the entity; the configured one when left out'),
  entity: z.string().describe('slug of an entity of the data graph'),
  match: text.describe(
    'the event property compared with the primary key; products[*].sku: one row for each line of the list',
  ),
  on_missing: z
    .enum(['pass', 'hold', 'drop', 'dead_letter'])
    .default('pass')
    .describe('what to do when there is no row'),
})

/** One mapping; Segment's own subscription object is read as it is. */
const mapping = z
  .strictObject({
    name: text.describe('name, unique in its destination'),
    action: text.optional().describe('the action it calls'),
    actionSlug: text.optional().describe("the action, in Segment's object"),
    trigger: z.string().describe('conditions (FQL) under which it applies'),
    enabled: z.boolean().default(true).describe('a disabled mapping does nothing'),
    strict: z.boolean().default(false).describe('read the trigger in the wider, stricter language'),
    entities: z.array(binding).default([]).describe('the entities it enriches with'),
    mapping: z.record(z.string(), z.unknown()).optional().describe('the mapping kit object'),
    settings: z.record(z.string(), z.unknown()).optional().describe("the mapping kit object, in Segment's object"),
    schema: z
      .union([text, z.record(z.string(), z.unknown())])
      .optional()
      .describe('JSON schema of the action, or a file with it: the result is cleaned and checked'),
    id: z.string().optional().describe("Segment's id; not used"),
    actionId: z.string().optional().describe("Segment's id of the action; not used"),
    destinationId: z.string().optional().describe("Segment's id of the destination; not used"),
    modelId: z.string().nullish().describe("Segment's id of the model; not used"),
    reverseETLSchedule: z.unknown().optional().describe("Segment's schedule; not used"),
  })
  .superRefine((value, context) => {
    exactlyOne(value, ['action', 'actionSlug'], context)
    exactlyOne(value, ['mapping', 'settings'], context)
  })

const output = z
  .strictObject({
    topic: text.optional().describe('topic to write to'),
    file: text.optional().describe('file to append to; "-" is stdout'),
    format: z
      .enum(['payload', 'event'])
      .default('payload')
      .describe('payload: what the mapping makes; event: the event with it merged in'),
    record: z
      .enum(['value', 'envelope'])
      .default('value')
      .describe('files only: the value, or an object with key, value, headers, partition, time'),
  })
  .superRefine((value, context) => exactlyOne(value, ['topic', 'file'], context))

const destination = z.strictObject({
  slug: text.refine((name) => !(name in {}), ownName).describe('short name of the destination, unique'),
  integration: text.optional().describe('what events call it in their integrations object; the slug when left out'),
  enabled: z.boolean().default(true).describe('a disabled destination gets nothing'),
  consent_categories: z.array(text).default([]).describe('consent categories the destination needs, all of them'),
  output,
  mappings: z.array(mapping).default([]),
})

const tls = z.strictObject({
  ca: text.optional().describe('file with certificates to trust'),
  cert: text.optional().describe('file with the client certificate'),
  key: text.optional().describe('file with the client key'),
})

const sasl = z.strictObject({
  mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).describe('SASL mechanism'),
  username: text.describe('user name'),
  password: secret.describe('password, as a reference'),
})

const kafka = z.strictObject({
  brokers: z.array(text).min(1).describe('host:port of some brokers'),
  client_id: text.default('linked-events').describe('name in the broker logs'),
  delivery: z
    .enum(['at_least_once', 'exactly_once'])
    .default('at_least_once')
    .describe(
      'at_least_once: a crash repeats the batches in hand; exactly_once: Kafka transactions, from topics to topics',
    ),
  session_timeout: duration.default(parseDuration('10s')!).describe('how long a silent member keeps its partitions'),
  tls: z.union([z.boolean(), tls]).default(false).describe('encrypt the connections and verify the certificates'),
  sasl: sasl.optional().describe('log in'),
})

export const schema = z.strictObject({
  space: slug.describe('Segment space; enrichments are at __segment_entities.<space>'),
  data_graph: text.describe('file with the data graph'),
  state_dir: text.default('./.linked-events').describe('everything written locally; one process owns it'),
  warehouse,
  entities: z.record(z.string(), entity).default({}).describe('options of single entities, by slug'),
  source: z
    .strictObject({
      kafka: z
        .strictObject({
          topics: z.array(text).min(1).describe('topics to read'),
          group: text.describe('consumer group'),
        })
        .optional(),
      file: text.optional().describe('one event a line; "-" is stdin'),
    })
    .superRefine((value, context) => exactlyOne(value, ['kafka', 'file'], context))
    .describe('where events come from'),
  dead_letters: z
    .strictObject({
      topic: text.optional().describe('topic for messages that cannot be enriched'),
      file: text.optional().describe('file for them; "-" is stdout'),
    })
    .superRefine((value, context) => exactlyOne(value, ['topic', 'file'], context))
    .optional(),
  holds: z
    .strictObject({
      topic: text.default('linked-events.holds').describe('topic where events wait for a row (on_missing: hold)'),
      attempts: z
        .number()
        .int()
        .min(1)
        .max(100)
        .default(3)
        .describe('newer snapshot versions that are asked for the row'),
      then: z
        .enum(['pass', 'drop', 'dead_letter'])
        .default('pass')
        .describe('what becomes of an event whose row none of them had'),
    })
    .prefault({})
    .describe('events that wait for a row'),
  destinations: z.array(destination).min(1).describe('where enriched events go'),
  kafka: kafka.optional(),
  http: z
    .strictObject({
      host: text.default('127.0.0.1').describe('address of /metrics, /livez and /readyz'),
      port: port.default(9464).describe('port; 0 takes a free one'),
    })
    .default({ host: '127.0.0.1', port: 9464 }),
  limits: z
    .strictObject({
      event_bytes: z.number().int().min(1).default(1_048_576).describe('largest message value'),
      depth: z.number().int().min(1).max(4000).default(1000).describe('most levels of nesting'),
      keys: z.number().int().min(1).default(10_000).describe('most keys in an event'),
      row_memory: z
        .number()
        .int()
        .min(0)
        .optional()
        .describe(
          'most bytes of rows held in memory, where they are asked for often; a quarter of what the process may use when left out',
        ),
    })
    .default({ event_bytes: 1_048_576, depth: 1000, keys: 10_000 }),
})

export type Config = z.output<typeof schema>
export type EntityConfig = z.output<typeof entity>
export type MappingConfig = z.output<typeof mapping>
export const entityDefaults: EntityConfig = entity.parse({})

function exactlyOne(value: Record<string, unknown>, keys: readonly string[], context: z.RefinementCtx): void {
  const given = keys.filter((key) => value[key] !== undefined)
  if (given.length === 1) return
  const message = given.length === 0 ? `needs ${keys.join(' or ')}` : `should have only one of ${keys.join(' and ')}`
  context.addIssue({ code: 'custom', message, path: given.length === 0 ? [] : [given[1]!] })
}
