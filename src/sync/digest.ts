/**
 * The digest by which an audit compares a table with a snapshot; the warehouse computes it too (`warehouse/sql.ts`). Rows
 * fall into buckets by their key. A bucket's digest is the number of its rows and four sums over their hashes, whatever
 * their order.
 */
import { type Form, learnForm } from './canonical.ts'
import { rowDecoder } from './row.ts'
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
  /** The bucket of a row (its JSON text), and the hash of its texts. */
  readonly digest: (row: string) => { readonly bucket: number; readonly hash: string }
  readonly buckets: number
}

export function rowDigester(
  source: Source,
  options: { readonly examples: SourceDigests['examples']; readonly buckets: number; readonly sha256: Sha256 },
): RowDigester {
  const { examples, buckets, sha256 } = options
  const decode = rowDecoder(source)
  const forms = [source.key, ...source.columns].map(({ kind }, index) => learnForm(kind, examples[index] ?? []))
  const charactersMax = fieldCharactersMax(source)

  function hashOf(row: string, texts: readonly (string | null | undefined)[]): string {
    let all = ''
    const charactersOf = beyondOneUnit.test(row) ? charactersIn : unitsIn
    for (const text of texts) {
      // No row of the warehouse begins so: this one is then looked at by itself.
      if (text === undefined) return sha256(`?${row}`)
      const characters = text === null ? 0 : charactersOf(text)
      if (text === null) all += 'n'
      else all += characters > charactersMax ? `${sha256(text).slice(0, longTextDigits)}!` : `${characters}:${text}`
    }
    return sha256(all)
  }

  return {
    buckets,
    digest(row) {
      const values = decode(row)
      const texts = forms.map((form, index) => textOf(form, values?.[index]))
      const bucket = Number.parseInt(sha256(texts[0] ?? '').slice(0, sumDigits), 16) % buckets
      return { bucket, hash: hashOf(row, texts) }
    },
  }
}

function textOf(form: Form, json: string | undefined): string | null | undefined {
  return json === undefined ? undefined : json === 'null' ? null : form(json)
}

/** A row without one of these has no character of two UTF-16 units: looked for once a row, not in each of its texts. */
const beyondOneUnit = /[\ud800-\udfff]|\\u[dD]/
const unitsIn = (text: string) => text.length
const charactersIn = (text: string) => [...text].length

/** The digest of each bucket that has rows. */
export async function digestRows(
  pages: AsyncIterable<readonly { readonly row: string }[]>,
  { digest, buckets }: RowDigester,
): Promise<ReadonlyMap<number, BucketDigest>> {
  const rows = new Float64Array(buckets)
  const totals = new Float64Array(buckets * sums)
  for await (const page of pages) {
    for (const { row } of page) {
      const { bucket, hash } = digest(row)
      rows[bucket]! += 1
      for (let at = 0; at < sums; at++)
        totals[bucket * sums + at]! += Number.parseInt(hash.slice(at * sumDigits, (at + 1) * sumDigits), 16)
    }
  }
  const found = new Map<number, BucketDigest>()
  for (let bucket = 0; bucket < buckets; bucket++) {
    const total = totals.subarray(bucket * sums, (bucket + 1) * sums).join('.')
    if (rows[bucket] !== 0) found.set(bucket, { rows: rows[bucket]!, digest: total })
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
