/** Schemas and rights as PostgreSQL has them, and Redshift after it. */
import type { Driver, Grants } from './dialect.ts'
import { literal, parseTableRef, quote } from './identifier.ts'

/** Redshift takes a backslash in a literal for an escape, whatever the standard says; no name may end its literal. */
export function safeLiteral(text: string): string {
  return text.split('\\').map(literal).join(' || CHR(92) || ')
}

export async function createSchema(driver: Driver, name: string): Promise<void> {
  // CREATE SCHEMA IF NOT EXISTS needs the right to create schemas even where there is nothing to create.
  const found = await driver.rows(`SELECT 1 FROM pg_namespace WHERE nspname = ${safeLiteral(name)}`)
  if (found.length === 0) await driver.rows(`CREATE SCHEMA IF NOT EXISTS ${quote(name)}`)
}

export async function grants(driver: Driver, stateSchema: string): Promise<Grants> {
  const [[user, database] = []] = await driver.rows('SELECT current_user, current_database()')
  const found = await driver.rows(`SELECT 1 FROM pg_namespace WHERE nspname = ${safeLiteral(stateSchema)}`)
  const to = quote(user ?? '')
  return {
    select: (ref) => {
      const [name = '', schema = 'public'] = [...parseTableRef(ref)].reverse()
      return `GRANT USAGE ON SCHEMA ${quote(schema)} TO ${to}; GRANT SELECT ON ${quote(schema)}.${quote(name)} TO ${to};`
    },
    state:
      found.length === 0
        ? `GRANT CREATE ON DATABASE ${quote(database ?? '')} TO ${to};`
        : `GRANT USAGE, CREATE ON SCHEMA ${quote(stateSchema)} TO ${to};`,
  }
}
