/** A small shop for tests: a DuckDB file with awkward values, and the texts that go with it. */
import { DuckDBInstance } from '@duckdb/node-api'

export async function duckdb(path: string, statements: readonly string[]): Promise<void> {
  const instance = await DuckDBInstance.create(path)
  const connection = await instance.connect()
  try {
    for (const statement of statements) await connection.run(statement)
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

export const shopTables = [
  `CREATE TABLE products ("SKU" VARCHAR, "NAME" VARCHAR, "PRICE" DECIMAL(10,2), "BIG" BIGINT, "NOTE" VARCHAR, "ATTRIBUTES" JSON)`,
  `INSERT INTO products VALUES
    ('SKU-1', 'Hat', 9.50, 9007199254740993, NULL, '{"vegan": true, "sizes": [1, 2]}'),
    ('SKU-2', 'Größe "M" 😀', 100.00, 42, '', NULL),
    ('', 'The empty key', 0, 0, 'n', '[]')`,
  `CREATE TABLE accounts ("ACCOUNT_ID" BIGINT, "PLAN" VARCHAR)`,
  `INSERT INTO accounts VALUES (42, 'team'), (9007199254740993, 'enterprise'), (9007199254740992, 'free')`,
]

export const shopGraph = `data_graph {
  version = "v1.0.0"
  entity "product" {
    name = "Product"
    table_ref = "main.products"
    primary_key = "SKU"
    enrichment_enabled = true
  }
  entity "account" {
    name = "Account"
    table_ref = "accounts"
    primary_key = "ACCOUNT_ID"
    enrichment_enabled = true
  }
}
`
