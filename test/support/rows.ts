/** Small snapshot versions without a warehouse. A row that is no object stands for one with a single column. */
import type { LocalSnapshotStore } from '../../src/snapshot/store.ts'
import type { RowChange, StoredVersion, VersionOrder } from '../../src/sync/store.ts'

export async function publishRows(
  store: LocalSnapshotStore,
  rows: Readonly<Record<string, string | null>>,
  order: Partial<Omit<VersionOrder, 'rows'>> & { readonly rows: number },
): Promise<StoredVersion> {
  async function* changes(): AsyncGenerator<readonly RowChange[]> {
    yield Object.entries(rows).map(([key, row]) => ({
      key,
      row: row === null || row.startsWith('{') ? row : `{"N":${row}}`,
    }))
  }
  const before = order.base === 'current' ? await store.current(order.entity ?? 'product') : null
  return store.publish({
    entity: 'product',
    epoch: 1,
    lineage: 'one',
    seq: (before?.seq ?? 0) + 1,
    asOf: Date.parse('2026-01-01T00:00:00Z'),
    configHash: 'columns.rest',
    probe: null,
    reason: 'test',
    base: 'nothing',
    changes: changes(),
    keep: 2,
    ...order,
    rows: () => order.rows,
  })
}
