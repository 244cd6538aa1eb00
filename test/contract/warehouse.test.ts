/** The warehouse contract on DuckDB, embedded, and on a real PostgreSQL. */
import { startDuckDBPeer } from '../support/peers/duckdb.ts'
import { startPostgresPeer } from '../support/peers/postgres.ts'
import { common, type Spelling, warehouseContract } from './warehouse-suite.ts'

const spellings: Record<string, Spelling> = {
  duckdb: {
    start: startDuckDBPeer,
    types: [
      ...common.map(([type, literal, json]) => [type, literal === '{1,2}' ? '[1,2]' : literal, json] as const),
      ['HUGEINT', '170141183460469231731687303715884105727', '170141183460469231731687303715884105727'],
      ['UBIGINT', '18446744073709551615', '18446744073709551615'],
      ['TIMESTAMP_NS', "'2026-01-01 12:00:00.123456789'", '"2026-01-01T12:00:00.123456789"'],
      ['TIMESTAMP', "'0044-03-15 (BC) 01:02:03'", '"-000043-03-15T01:02:03.000"'],
      ['BLOB', `'\\xCA\\xFE'::BLOB`, '"yv4="'],
      ['STRUCT(a INTEGER, b DOUBLE)', `{a: 1, b: 'NaN'::DOUBLE}`, '{"a":1,"b":null}'],
      ['MAP(VARCHAR, DECIMAL(10,2))', `MAP {'k': 1.50}`, '{"k":1.5}'],
      [`ENUM('x', 'y')`, `'x'`, '"x"'],
    ],
    caseless: 'VARCHAR COLLATE NOCASE',
    longStatement: 'SELECT sum(a.i * b.i) FROM range(10000000) a(i), range(1000000) b(i)',
  },
  postgres: {
    start: startPostgresPeer,
    types: [
      ...common.map(([type, literal, json]) => [type, literal === '{1,2}' ? `'{1,2}'` : literal, json] as const),
      ['NUMERIC', "'NaN'", 'null'],
      ['JSONB', `'{"b": 1.50, "a": null}'`, '{"a":null,"b":1.5}'],
      ['TIMESTAMP', "'0044-03-15 01:02:03 BC'", '"-000043-03-15T01:02:03.000"'],
      ['DATE', "'12026-01-01'", '"+012026-01-01"'],
      ['BYTEA', `'\\xcafe'`, '"yv4="'],
      ['BYTEA', `decode(repeat('00', 100), 'hex')`, JSON.stringify(Buffer.alloc(100).toString('base64'))],
      ['CHAR(4)', `'ab'`, '"ab"'],
    ],
    caseless: 'VARCHAR COLLATE "le_caseless"',
    longStatement: 'SELECT 1 FROM pg_sleep(60)',
  },
}

for (const [engine, spelling] of Object.entries(spellings)) warehouseContract(engine, spelling)
