import type { EntityPlan } from '../../src/sync/entity-plan.ts'

/** The entity that `sync-child.ts` syncs. */
export const childEntity: EntityPlan = {
  slug: 'product',
  tableRef: 'products',
  primaryKey: 'id',
  columns: null,
  duplicates: 'fail',
  versions: 2,
  installId: 'test',
}
