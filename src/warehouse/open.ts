/** The one door to the warehouses: a configuration in, the sync's port out. Drivers are loaded when they are needed. */
import type { StatePlace, Warehouse } from '../sync/warehouse.ts'
import type { BigQueryConfig } from './bigquery.ts'
import { checkWarehouse } from './checks.ts'
import type { DatabricksConfig } from './databricks.ts'
import type { Connection } from './dialect.ts'
import type { DuckDBConfig } from './duckdb.ts'
import type { PostgresConfig } from './postgres.ts'
import type { RedshiftConfig } from './redshift.ts'
import { SqlSession } from './session.ts'
import type { SnowflakeConfig } from './snowflake.ts'

export type WarehouseConfig = (
  | BigQueryConfig
  | DatabricksConfig
  | DuckDBConfig
  | PostgresConfig
  | RedshiftConfig
  | SnowflakeConfig
) & { readonly state?: StatePlace }

/** Opens nothing yet: connections live as long as a session. */
export async function openWarehouse(config: WarehouseConfig): Promise<Warehouse> {
  const connect = await connector(config)
  const { type, state = 'warehouse' } = config
  return {
    type,
    state,
    session: async (signal) => new SqlSession(await connect(signal)),
    checks: (entities) => checkWarehouse({ type, state, connect, entities }),
    close: async () => {},
  }
}

async function connector(config: WarehouseConfig): Promise<(signal: AbortSignal) => Promise<Connection>> {
  switch (config.type) {
    case 'duckdb': {
      const { connectDuckDB } = await import('./duckdb.ts')
      return (signal) => connectDuckDB(config, signal)
    }
    case 'postgres': {
      const { connectPostgres } = await import('./postgres.ts')
      return (signal) => connectPostgres(config, signal)
    }
    case 'redshift': {
      const { connectRedshift } = await import('./redshift.ts')
      return (signal) => connectRedshift(config, signal)
    }
    case 'snowflake': {
      const { connectSnowflake } = await import('./snowflake.ts')
      return (signal) => connectSnowflake(config, signal)
    }
    case 'bigquery': {
      const { connectBigQuery } = await import('./bigquery.ts')
      return (signal) => connectBigQuery(config, signal)
    }
    case 'databricks': {
      const { connectDatabricks } = await import('./databricks.ts')
      return (signal) => connectDatabricks(config, signal)
    }
  }
}
