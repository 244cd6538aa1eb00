import { bigQueryEmulator } from '../support/bigquery.ts'
import { startBigQueryPeer } from '../support/peers/bigquery.ts'
import { startPostgresPeer } from '../support/peers/postgres.ts'
import { startRedshiftPeer } from '../support/peers/redshift.ts'
import { startSnowflakePeer } from '../support/peers/snowflake.ts'
import { fakesnow } from '../support/snowflake.ts'
import { modelSuite } from './model-suite.ts'

await modelSuite('postgres', { start: startPostgresPeer, runs: 100 })
await modelSuite('redshift', { start: startRedshiftPeer, runs: 100 })
await modelSuite('snowflake', { start: startSnowflakePeer, make: fakesnow, runs: 3 })
await modelSuite('bigquery', { start: startBigQueryPeer, make: bigQueryEmulator, runs: 2 })
