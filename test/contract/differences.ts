/** What a test engine does otherwise than the product it stands for: why a promise that passes here may fail there, or cannot be shown here. */

export interface Difference {
  readonly engine: 'redshift' | 'snowflake' | 'bigquery' | 'databricks'
  /** What the product does. */
  readonly product: string
  /** What the test engine does instead, and why that is all right. */
  readonly here: string
  /** The test of the suite that this leaves out, by its name. */
  readonly leavesOut?: string
}

export const differences: readonly Difference[] = [
  {
    engine: 'databricks',
    product: 'Unity Catalog: several catalogues, information_schema, rights',
    here: 'open-source Spark has one catalogue and no rights: names come by DESCRIBE and SHOW, which both have',
  },
  {
    engine: 'databricks',
    product: 'results come as Arrow, or as files of the cloud store',
    here: 'by columns: every value of our statements is text or a small number in both',
  },
  {
    engine: 'databricks',
    product: 'ALTER TABLE drops a column of a table with column mapping, and names may hold blanks there',
    here: 'the suite makes the table anew, and its names hold none',
  },
  {
    engine: 'databricks',
    product: 'two writers of one table: a conflict of rows, or of files, depending on the table',
    here: 'a conflict of files. Both are decided by reading the row back, never by the answer.',
  },
  {
    engine: 'databricks',
    product: 'OAuth, retries on 429 and 503, sessions that expire, ANSI_MODE and STATEMENT_TIMEOUT as settings',
    here: 'a token is compared; the two settings are accepted without effect (ANSI is on anyway)',
  },
  {
    engine: 'bigquery',
    product: 'a column may have a collation',
    here: 'the emulator refuses COLLATE',
    leavesOut: 'keys that only a collation takes for equal are different keys',
  },
  {
    engine: 'bigquery',
    product:
      'a long statement becomes a job that can be asked for and cancelled; a request id is run once; bytes are limited; tabledata.list has pages',
    here: 'the emulator has none of it: the front does, as the documentation says that BigQuery does',
  },
  {
    engine: 'bigquery',
    product: 'lastModifiedTime moves with every change; rows being streamed in are told by streamingBuffer',
    here: 'the front moves it with every statement that is no SELECT; nothing is streamed',
  },
  {
    engine: 'bigquery',
    product: 'an array that is NULL is stored as an empty one, so that it comes back as []',
    here: 'the emulator keeps the null',
  },
  {
    engine: 'bigquery',
    product: 'requests run side by side',
    here: 'one after the other: a race shows who wins by reading back, not how BigQuery locks',
  },
  {
    engine: 'bigquery',
    product: 'errors have codes and reasons; rights are checked; credentials are needed',
    here: 'the front makes notFound, duplicate and accessDenied of words; no login of Google takes part',
  },
  {
    engine: 'bigquery',
    product: 'ALTER TABLE changes the columns',
    here: 'the emulator goes on to describe the old ones: the suite makes the table anew',
  },
  {
    engine: 'bigquery',
    product: 'CLUSTER BY, location and labels have an effect',
    here: 'they are accepted and ignored',
  },
  {
    engine: 'snowflake',
    product: 'columns may have a collation, which COLUMNS.COLLATION_NAME names',
    here: 'fakesnow refuses COLLATE in a table',
    leavesOut: 'keys that only a collation takes for equal are different keys',
  },
  {
    engine: 'snowflake',
    product: 'NUMBER has 38 digits',
    here: 'an integer above 2^63 is out of range in fakesnow; decimals have their 38 digits',
  },
  {
    engine: 'snowflake',
    product: 'TO_VARCHAR of a FLOAT has the digits that Snowflake thinks fit, and FF9 nine of them',
    here: "DuckDB's shortest text, and 000 for the last three: only an account can show Snowflake's",
  },
  {
    engine: 'snowflake',
    product: "TO_NUMBER(digits, 'XXXXXXXX') reads hexadecimal digits",
    here: 'fakesnow knows no such format: the front casts them',
  },
  {
    engine: 'snowflake',
    product: 'SYSTEM$LAST_CHANGE_COMMIT_TIME costs nothing',
    here: 'the front hashes the rows and counts the writes: the token moves when, and only when, rows are written, and never comes again',
  },
  {
    engine: 'snowflake',
    product: 'session settings have an effect, rights are checked, a role sees only what it may read',
    here: 'settings are accepted and ignored; the front refuses writing to the user "reader"',
  },
  {
    engine: 'snowflake',
    product: 'two writers of one row: the second waits, then changes 0 rows',
    here: 'the second fails. Both are decided by reading the row back, never by the answer.',
  },
  {
    engine: 'snowflake',
    product: "a key's signature is checked",
    here: 'the front reads the name in the token; that the driver signs with the key is what is shown',
  },
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
    product: 'SUPER, VARBYTE, JSON_SERIALIZE, FROM_VARBYTE, COLLATE(), SHA2(), STRTOL(), SVV_TABLES',
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
