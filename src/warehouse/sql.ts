/** The shapes of the statements that every SQL warehouse shares; a dialect spells their atoms. Pure text, nothing is run here. */
import { hasForms } from '../sync/canonical.ts'
import type { Checkpoint } from '../sync/checkpoint.ts'
import { fieldCharactersMax, longTextDigits, sumDigits, sums } from '../sync/digest.ts'
import type { Buckets, Source } from '../sync/warehouse.ts'
import type { Cell, Dialect } from './dialect.ts'

/**
 * The table of one pointer row. Every sync has its own: that there is only one row is promised by the name of the table, which is
 * unique in every warehouse, where keys are not; and warehouses that lock or compare whole tables keep two syncs apart.
 */
export const checkpointTable = (syncKey: string) => `checkpoint_${syncKey}`

/** Every column of the pointer row, with its kind and its field. One list, so that writing and reading cannot differ. */
const checkpointColumns = [
  ['sync_key', 'text'], // names the sync: installation and entity
  ['entity', 'text'], // the entity's slug, for people
  ['config_hash', 'text'], // table, columns, engine and rules of the checksums
  ['epoch', 'integer'], // how often everything was read anew
  ['lineage', 'text'], // unique to the epoch
  ['seq', 'integer'], // deltas committed in this epoch
  ['gen_table', 'text'], // the baseline: keys and checksums
  ['n_total', 'integer'], // its rows
  ['delta_table', 'text'], // the delta that is prepared and not committed, or null
  ['n_added', 'integer'],
  ['n_updated', 'integer'],
  ['n_deleted', 'integer'], // its rows by kind
  ['delta_as_of', 'integer'], // when its source was read, milliseconds since 1970
  ['probe_token', 'text'], // the source's probe at that time
  ['fence', 'integer'], // grows with every run that takes over
  ['writer', 'text'], // unique to the attempt that wrote the row
  ['owner', 'text'], // who that was, for people
] as const

const cells = (checkpoint: Checkpoint): Cell[] => [
  checkpoint.syncKey,
  checkpoint.entity,
  checkpoint.configHash,
  String(checkpoint.epoch),
  checkpoint.lineage,
  String(checkpoint.seq),
  checkpoint.generation,
  String(checkpoint.rows),
  checkpoint.delta,
  String(checkpoint.deltaCounts.added),
  String(checkpoint.deltaCounts.updated),
  String(checkpoint.deltaCounts.deleted),
  String(checkpoint.deltaAsOf),
  checkpoint.probe,
  String(checkpoint.fence),
  checkpoint.writer,
  checkpoint.owner,
]

export function checkpointOf(row: readonly Cell[]): Checkpoint {
  const text = (index: number) => row[index] ?? ''
  const number = (index: number) => Number(text(index))
  return {
    syncKey: text(0),
    entity: text(1),
    configHash: text(2),
    epoch: number(3),
    lineage: text(4),
    seq: number(5),
    generation: text(6),
    rows: number(7),
    delta: row[8] ?? null,
    deltaCounts: { added: number(9), updated: number(10), deleted: number(11) },
    deltaAsOf: number(12),
    probe: row[13] ?? null,
    fence: number(14),
    writer: text(15),
    owner: text(16),
  }
}

const value = (d: Dialect, cell: Cell, kind: 'text' | 'integer') =>
  cell === null ? 'NULL' : kind === 'integer' ? String(Number(cell)) : d.literal(cell)

export function selectCheckpoint(d: Dialect, syncKey: string): string {
  const names = checkpointColumns.map(([name]) => name).join(', ')
  return `SELECT ${names} FROM ${d.state(checkpointTable(syncKey))}`
}

/** Table and row in one statement: of two that do this at the same time, one finds the name taken. */
export function insertCheckpoint(d: Dialect, checkpoint: Checkpoint): string {
  const values = cells(checkpoint).map((cell, index) => {
    const [name, kind] = checkpointColumns[index]!
    return `CAST(${value(d, cell, kind)} AS ${d.types[kind]}) AS ${name}`
  })
  return `CREATE TABLE ${d.state(checkpointTable(checkpoint.syncKey))} AS SELECT ${values.join(', ')}`
}

export function swapCheckpoint(d: Dialect, expected: { seq: number; fence: number }, next: Checkpoint): string {
  const sets = cells(next)
    .map((cell, index) => [checkpointColumns[index]!, cell] as const)
    .filter(([[name]]) => name !== 'sync_key')
    .map(([[name, kind], cell]) => `${name} = ${value(d, cell, kind)}`)
  return (
    `UPDATE ${d.state(checkpointTable(next.syncKey))} SET ${sets.join(', ')}` +
    ` WHERE seq = ${expected.seq} AND fence = ${expected.fence}`
  )
}

/** A hash of every column by itself, so that no text grows with the row; null has a mark that is no hash. */
export function hashOfHashes(
  columns: readonly { readonly text: string }[],
  hash: (expression: string) => string,
): string {
  const hashes = columns.map(({ text }) => `COALESCE(${hash(text)}, 'n')`)
  return hashes.length === 0 ? hash(`''`) : hash(hashes.join(` || '.' || `))
}

export function createGeneration(d: Dialect, name: string): string {
  return `${d.createEmpty(d.state(name))} (record_id ${d.types.text}, checksum ${d.types.checksum})`
}

/** Counts of all rows, of keys, of different keys. */
export function countKeys(d: Dialect, source: Source): string {
  const key = d.keyText(source.key)
  return `SELECT COUNT(*), COUNT(${key}), COUNT(DISTINCT ${key}) FROM ${d.from(source)}`
}

export function duplicateKeys(d: Dialect, source: Source): string {
  const keys = `SELECT ${d.keyText(source.key)} AS record_id FROM ${d.from(source)}`
  const many = `SELECT record_id, COUNT(*) AS copies FROM (${keys}) k WHERE record_id IS NOT NULL GROUP BY record_id HAVING COUNT(*) > 1`
  return `SELECT COUNT(*) OVER (), record_id FROM (${many}) m ORDER BY copies DESC, record_id LIMIT 10`
}

const payload = (source: Source) => source.columns.map((_, index) => `c${index}`)

/** The rows of the source: `record_id`, `checksum`, `c0`, `c1`, …. */
export function sourceRows(d: Dialect, source: Source): string {
  const names = payload(source)
  const texts = source.columns.map((column, index) => `${d.text(column)} AS ${names[index]}`)
  const raw = `SELECT ${[`${d.keyText(source.key)} AS record_id`, ...texts].join(', ')} FROM ${d.from(source)}`
  const checksum = d.checksum(source.columns.map((column, index) => ({ column, text: names[index]! })))
  const rows = `SELECT ${['record_id', `${checksum} AS checksum`, ...names].join(', ')} FROM (${raw}) t WHERE record_id IS NOT NULL`
  return onceEach(source, rows)
}

/** Each key once, when the entity says what to do with duplicates. The rank breaks ties by checksum, so that the same rows always give the same winner. */
export function onceEach(source: Source, rows: string): string {
  if (source.duplicates === 'fail') return rows
  const names = payload(source)
  const ranked = `SELECT r.*, ROW_NUMBER() OVER (PARTITION BY record_id ORDER BY checksum) AS nth, COUNT(*) OVER (PARTITION BY record_id) AS copies FROM (${rows}) r`
  const only = source.duplicates === 'first' ? 'nth = 1' : 'copies = 1'
  return `SELECT ${['record_id', 'checksum', ...names].join(', ')} FROM (${ranked}) w WHERE ${only}`
}

/** What differs between the source and a generation: `op`, `record_id`, `checksum`, and `more` columns of the source. */
export function differences(d: Dialect, rows: string, generation: string, more: readonly string[]): string {
  const op = `CASE WHEN o.record_id IS NULL THEN 'A' WHEN n.record_id IS NULL THEN 'D' ELSE 'U' END AS op`
  const columns = [op, 'COALESCE(n.record_id, o.record_id) AS record_id', 'n.checksum AS checksum']
  const picked = more.map((name) => `n.${name} AS ${name}`)
  return (
    `SELECT ${[...columns, ...picked].join(', ')} FROM (${rows}) n FULL OUTER JOIN ${d.state(generation)} o` +
    ` ON n.record_id = o.record_id WHERE ${d.differs('n.checksum', 'o.checksum')}`
  )
}

export function createDelta(d: Dialect, source: Source, names: { generation: string; delta: string }): string {
  const rows = sourceRows(d, source)
  return `${d.createAs(d.state(names.delta))} ${differences(d, rows, names.generation, payload(source))}`
}

export function countDelta(d: Dialect, delta: string): string {
  return `SELECT op, COUNT(*) FROM ${d.state(delta)} GROUP BY op`
}

/** `rows` gives the `record_id` and `checksum` of the source. */
export function countDifferences(d: Dialect, rows: string, generation: string | null): string {
  if (generation === null) return `SELECT 'A', COUNT(*) FROM (${rows}) n`
  return `SELECT op, COUNT(*) FROM (${differences(d, rows, generation, [])}) x GROUP BY op`
}

/** MIN keeps the generation unique even if a duplicate key appeared after the keys were checked. */
export function createNextGeneration(d: Dialect, names: { generation: string; delta: string; next: string }): string {
  const [generation, delta] = [d.state(names.generation), d.state(names.delta)]
  return (
    `${d.createAs(d.state(names.next))} SELECT p.record_id AS record_id, p.checksum AS checksum FROM ${generation} p` +
    ` LEFT JOIN ${delta} x ON x.record_id = p.record_id WHERE x.record_id IS NULL` +
    ` UNION ALL SELECT record_id, MIN(checksum) AS checksum FROM ${delta} WHERE op <> 'D' GROUP BY record_id`
  )
}

export function selectDelta(d: Dialect, delta: string, columns: number): string {
  const names = Array.from({ length: columns }, (_, index) => `c${index}`)
  return `SELECT ${['op', 'record_id', ...names].join(', ')} FROM ${d.state(delta)} ORDER BY ${d.byteOrder('record_id')}`
}

/** Which of so many buckets a key falls into. */
function bucketOf(d: Dialect, buckets: number): string {
  return `MOD(${d.hexNumber(`SUBSTR(${d.sha256('record_id')}, 1, ${sumDigits})`)}, ${buckets})`
}

/** Examples are taken from so many buckets, and of texts up to so many characters. */
const exampleBuckets = 256
const exampleCharactersMax = 1000

/** The columns, the key first, whose texts have more than one form: their names here, and their place. */
export function exampleColumns(source: Source): readonly { readonly name: string; readonly index: number }[] {
  const names = ['record_id', ...payload(source)]
  return [source.key, ...source.columns].flatMap(({ kind }, index) =>
    hasForms(kind) ? [{ name: names[index]!, index }] : [],
  )
}

/** Cells of a digest before its examples. */
export const digestCells = 2 + sums

/**
 * Bucket, number of rows and four sums (`sync/digest.ts`), then one text of each of `exampleColumns`. The text of a row has
 * the length before each column's text, so that no two rows have the same one.
 */
export function selectDigests(
  d: Dialect,
  source: Source,
  { rows, buckets }: { rows: string; buckets: number },
): string {
  const fields = ['record_id', ...payload(source)].map((name) => {
    const long = `SUBSTR(${d.sha256(name)}, 1, ${longTextDigits}) || '!'`
    const short = `CAST(LENGTH(${name}) AS ${d.types.text}) || ':' || ${name}`
    return `CASE WHEN ${name} IS NULL THEN 'n' WHEN LENGTH(${name}) > ${fieldCharactersMax(source)} THEN ${long} ELSE ${short} END`
  })
  const examples = exampleColumns(source).map(({ name }) => name)
  const row = [`${bucketOf(d, buckets)} AS bucket`, `${d.sha256(fields.join(' || '))} AS row_hash`, ...examples]
  const totals = Array.from(
    { length: sums },
    (_, index) => `SUM(${d.hexNumber(`SUBSTR(row_hash, ${1 + index * sumDigits}, ${sumDigits})`)})`,
  )
  const shown = examples.map(
    (name) =>
      `MAX(CASE WHEN bucket < ${exampleBuckets} AND LENGTH(${name}) <= ${exampleCharactersMax} THEN ${name} END)`,
  )
  const hashed = `SELECT ${row.join(', ')} FROM (${rows}) s`
  return `SELECT ${['bucket', 'COUNT(*)', ...totals, ...shown].join(', ')} FROM (${hashed}) h GROUP BY bucket`
}

/** `op`, `record_id`, `c0`, … of all rows, or of those in some buckets. */
export function selectRows(
  d: Dialect,
  source: Source,
  { rows, only }: { readonly rows: string; readonly only: Buckets | null },
): string {
  const where = only === null ? '' : ` WHERE ${bucketOf(d, only.of)} IN (${only.numbers.join(', ')})`
  return `SELECT ${[`'A' AS op`, 'record_id', ...payload(source)].join(', ')} FROM (${rows}) s${where}`
}
