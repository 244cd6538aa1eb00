/** From what the data graph declares to what one run reads of the table as it is now. */
import { LinkedEventsError, nearest } from '../errors.ts'
import type { EntityPlan } from './entity-plan.ts'
import type { Column, Source, Table } from './warehouse.ts'

/** Grows when the form of keys, rows or checksums changes, so that everything is read anew. */
const encoderVersion = 1

/** @throws COLUMN_MISSING when the primary key or a column that a mapping reads is not there */
export function sourceOf(plan: EntityPlan, table: Table): Source {
  const byName = new Map(table.columns.map((column) => [column.name, column]))
  for (const name of [plan.primaryKey, ...(plan.columns ?? [])]) {
    if (byName.has(name)) continue
    const guess = nearest(name, byName.keys())
    throw new LinkedEventsError(
      'COLUMN_MISSING',
      `entity "${plan.slug}" needs column "${name}", which ${table.ref} does not have`,
      guess === null ? {} : { hint: `did you mean "${guess}"?` },
    )
  }
  const wanted = plan.columns === null ? null : new Set(plan.columns)
  return {
    table,
    key: byName.get(plan.primaryKey)!,
    columns: table.columns.filter(({ name }) => name !== plan.primaryKey && (wanted?.has(name) ?? true)),
    duplicates: plan.duplicates,
  }
}

/** What is read of the table, the key included, in the order of the table. */
export function columnsOf({ table, key, columns }: Source): readonly Column[] {
  return table.columns.filter((column) => column === key || columns.includes(column))
}

/** Everything that the checksums of a source depend on, as one text: columns before the dot, the rest behind it. */
export async function configHash(plan: EntityPlan, source: Source): Promise<string> {
  const columns = await digest(JSON.stringify([plan.primaryKey, columnsOf(source)]))
  // A topic that gets row events from now on begins with every row.
  const told = plan.events === undefined ? [] : [plan.events.topic]
  const rules = [plan.tableRef, plan.duplicates, source.table.engine, encoderVersion, ...told]
  const rest = await digest(JSON.stringify(rules))
  return `${columns}.${rest}`
}

/** Names one sync in the warehouse: twelve hexadecimal digits, different for every installation and entity. */
export async function syncKeyOf(plan: EntityPlan): Promise<string> {
  return (await digest(JSON.stringify([plan.installId, plan.slug]))).slice(0, 12)
}

/** 32 hexadecimal digits. */
export async function digest(text: string): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
  return Array.from(bytes.subarray(0, 16), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
