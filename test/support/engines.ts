/** Makes every test engine that is made once: for CI, so that no test waits for a compiler. */
import { bigQueryEmulator } from './bigquery.ts'
import { sparkWithDelta } from './databricks.ts'
import { missing } from './engine.ts'
import { fakesnow } from './snowflake.ts'

await Promise.all([
  missing('Snowflake', fakesnow),
  missing('BigQuery', bigQueryEmulator),
  missing('Databricks', sparkWithDelta),
])
