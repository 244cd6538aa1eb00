/**
 * The digest by which an audit compares a table with a snapshot; the warehouse computes it too (`warehouse/sql.ts`). Rows
 * fall into buckets by their key. A bucket's digest is the number of its rows and four sums over their hashes, whatever
 * their order.
 */
import { encodeJson, type JsonObject, type JsonValue, parseJson } from '../json.ts'
import { type Form, learnForm } from './canonical.ts'
import type { BucketDigest, Source, SourceDigests } from './warehouse.ts'

/** SHA-256 of the text's UTF-8 bytes: 64 hexadecimal digits. */
export type Sha256 = (text: string) => string

/** Each sum is of eight hexadecimal digits of the hash: 2^31 rows of a bucket overflow in no engine. */
export const sumDigits = 8
export const sums = 4
/** Hexadecimal digits by which a long text is told. */
export const longTextDigits = 32

/** Characters from which on a column's text stands by its hash: in Redshift a concatenation ends at 65,535 bytes. */
export function fieldCharactersMax(source: Source): number {
  return Math.floor(12_000 / (source.columns.length + 1))
}

export interface RowDigester {
  readonly bucketOf: (row: JsonObject) => number
  readonly hashOf: (row: JsonObject) => string
}

export function rowDigester(
  source: Source,
  options: { readonly examples: SourceDigests['examples']; readonly buckets: number; readonly sha256: Sha256 },
): RowDigester {
  const { examples, buckets, sha256 } = options
  const columns = [source.key, ...source.columns].map(({ name, kind }, index) => ({
    name,
    form: learnForm(kind, examples[index] ?? []),
  }))
  const charactersMax = fieldCharactersMax(source)
  const key = columns[0]!
  return {
    bucketOf: (row) => {
      const text = textOf(key.form, row[key.name])
      return Number.parseInt(sha256(text ?? '').slice(0, sumDigits), 16) % buckets
    },
    hashOf: (row) => {
      let all = ''
      for (const { name, form } of columns) {
        const text = textOf(form, row[name])
        // No row of the warehouse begins so: this one is then looked at by itself.
        if (text === undefined) return sha256(`?${encodeJson(row)}`)
        if (text === null) all += 'n'
        else {
          const length = charactersOf(text)
          all += length > charactersMax ? `${sha256(text).slice(0, longTextDigits)}!` : `${length}:${text}`
        }
      }
      return sha256(all)
    },
  }
}

function textOf(form: Form, value: JsonValue | undefined): string | null | undefined {
  return value === null || value === undefined ? value : form(value)
}

function charactersOf(text: string): number {
  return /[\ud800-\udfff]/.test(text) ? [...text].length : text.length
}

/** The digest of each bucket that has rows. */
export async function digestRows(
  pages: AsyncIterable<readonly { readonly row: string }[]>,
  { bucketOf, hashOf }: RowDigester,
  buckets: number,
): Promise<ReadonlyMap<number, BucketDigest>> {
  const rows = new Float64Array(buckets)
  const totals = new Float64Array(buckets * sums)
  for await (const page of pages) {
    for (const { row: text } of page) {
      const row = parseJson(text) as JsonObject
      const bucket = bucketOf(row)
      const hash = hashOf(row)
      rows[bucket]! += 1
      for (let at = 0; at < sums; at++)
        totals[bucket * sums + at]! += Number.parseInt(hash.slice(at * sumDigits, (at + 1) * sumDigits), 16)
    }
  }
  const found = new Map<number, BucketDigest>()
  for (let bucket = 0; bucket < buckets; bucket++) {
    const digest = totals.subarray(bucket * sums, (bucket + 1) * sums).join('.')
    if (rows[bucket] !== 0) found.set(bucket, { rows: rows[bucket]!, digest })
  }
  return found
}

/** The buckets whose digests are not the same on both sides. */
export function differing(
  one: ReadonlyMap<number, BucketDigest>,
  other: ReadonlyMap<number, BucketDigest>,
): readonly number[] {
  const buckets = new Set([...one.keys(), ...other.keys()])
  return [...buckets].filter((bucket) => {
    const [a, b] = [one.get(bucket), other.get(bucket)]
    return a === undefined || b === undefined || a.rows !== b.rows || a.digest !== b.digest
  })
}
