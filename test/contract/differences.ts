/** What a test engine does otherwise than the product it stands for: why a promise that passes here may fail there, or cannot be shown here. */

export interface Difference {
  readonly engine: 'redshift'
  /** What the product does. */
  readonly product: string
  /** What the test engine does instead, and why that is all right. */
  readonly here: string
  /** The test of the suite that this leaves out, by its name. */
  readonly leavesOut?: string
}

export const differences: readonly Difference[] = [
  {
    engine: 'redshift',
    product: 'two writers of one row: the second ends with error 1023, serializable isolation violation',
    here: 'PostgreSQL lets it wait and changes 0 rows. Both are decided by reading the row back, never by the answer.',
  },
  {
    engine: 'redshift',
    product:
      'a cursor ends at a size that depends on the type of node; a cluster of one node refuses FETCH above 1,000 rows',
    here: 'the front refuses FETCH above 1,000; the size is not limited, and what the product says then is not known here',
  },
  {
    engine: 'redshift',
    product: 'SUPER, VARBYTE, JSON_SERIALIZE, FROM_VARBYTE, COLLATE(), SVV_TABLES',
    here: 'stand-ins of a line each (test/support/redshift.ts): that the names are called right is shown, not what they return',
  },
  {
    engine: 'redshift',
    product: 'SVV_TABLES leaves out what the user may not read',
    here: 'information_schema does the same',
  },
  {
    engine: 'redshift',
    product: 'enable_case_sensitive_identifier, query_group and BACKUP, DISTKEY, SORTKEY have an effect',
    here: 'the front takes them away: they are checked for their place, not for their effect',
  },
]
