/** A driver is loaded when its warehouse is used, and only then: a laptop with DuckDB never pays for the others. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { folder, json } from '../support/cli.ts'
import { duckdb, shopGraph, shopTables } from '../support/shop.ts'

const drivers = ['pg', 'snowflake-sdk', '@google-cloud/bigquery', '@databricks/sql', '@duckdb/node-api']

/** Ends the process that imports one of these packages. */
function refusing(packages: readonly string[]): Record<string, string> {
  const hooks = `export async function resolve(specifier, context, next) {
    if (${JSON.stringify(packages)}.includes(specifier)) { process.stderr.write('loaded ' + specifier); process.exit(99) }
    return next(specifier, context)
  }`
  const url = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`
  const register = `import { register } from 'node:module'; register(${JSON.stringify(url(hooks))})`
  return { NODE_OPTIONS: `--import ${url(register)}` }
}

const config = (warehouse: string) => `space: shop
data_graph: ./data-graph.hcl
warehouse: ${warehouse}
source: { file: ./events.ndjson }
destinations: [{ slug: out, output: { file: ./out.ndjson } }]
`

async function shop(warehouse: string): Promise<string> {
  const dir = folder({ 'linked-events.yaml': config(warehouse), 'data-graph.hcl': shopGraph, 'events.ndjson': '' })
  await duckdb(join(dir, 'warehouse.duckdb'), shopTables)
  return dir
}

test('a sync from DuckDB loads no other driver', async () => {
  const cwd = await shop('{ type: duckdb, path: ./warehouse.duckdb }')
  const env = refusing(drivers.filter((name) => name !== '@duckdb/node-api'))
  for (const command of ['validate', 'doctor', 'sync']) {
    const result = await json<{ ok: boolean }>([command], { cwd, env })
    expect(result, command).toMatchObject({ ok: true, exit: 0 })
  }
})

test.each([
  ['@duckdb/node-api', '{ type: duckdb, path: ./warehouse.duckdb }'],
  ['pg', '{ type: postgres, host: 127.0.0.1, port: 1 }'],
  ['pg', '{ type: redshift, host: 127.0.0.1, port: 1 }'],
  [
    'snowflake-sdk',
    '{ type: snowflake, account: a, user: u, password: p, database: D, access_url: "http://127.0.0.1:9" }',
  ],
  ['@google-cloud/bigquery', '{ type: bigquery, project: p, api_endpoint: "http://127.0.0.1:9" }'],
  ['@databricks/sql', '{ type: databricks, host: 127.0.0.1, port: 9, http_path: /x, token: t, catalog: c }'],
])('validate does not load %s, sync does, so that the test above would notice', async (driver, warehouse) => {
  const cwd = await shop(warehouse)
  const env = refusing([driver])
  expect(await json(['validate'], { cwd, env })).toMatchObject({ ok: true })
  await expect(json(['sync'], { cwd, env })).rejects.toThrow(`loaded ${driver}`)
})
