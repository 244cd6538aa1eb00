/** What `doctor` asks of a warehouse: each right tested by using it, and the exact line that grants what is missing. */
import { LinkedEventsError, nearest } from '../errors.ts'
import type { EntityPlan } from '../sync/entity-plan.ts'
import type { StatePlace, WarehouseCheck } from '../sync/warehouse.ts'
import type { Connection, Grants } from './dialect.ts'

interface CheckOptions {
  readonly type: string
  readonly state: StatePlace
  readonly connect: (signal: AbortSignal) => Promise<Connection>
  readonly entities: readonly EntityPlan[]
}

export async function checkWarehouse(options: CheckOptions): Promise<readonly WarehouseCheck[]> {
  const { type, state, connect, entities } = options
  const reach = { name: `warehouse ${type}`, required: 'a connection', severity: 'error' as const }
  let connection: Connection | null = null
  try {
    let grants: Grants
    try {
      connection = await connect(new AbortController().signal)
      grants = await connection.grants()
    } catch (error) {
      const { message, hint } = known(error)
      return [{ ...reach, ok: false, found: message, fix: hint }]
    }
    const checks: WarehouseCheck[] = [{ ...reach, ok: true, found: 'connected', fix: null }]
    for (const entity of entities) {
      checks.push(await checkEntity(connection, entity, grants))
    }
    if (state === 'warehouse') checks.push(await checkState(connection, grants.state))
    return checks
  } finally {
    await connection?.driver.close()
  }
}

async function checkEntity(connection: Connection, entity: EntityPlan, grants: Grants): Promise<WarehouseCheck> {
  const { dialect } = connection
  const check = {
    name: `entity ${entity.slug}`,
    required: `SELECT on ${entity.tableRef}, with column "${entity.primaryKey}"`,
    severity: 'error' as const,
  }
  let attribute: 'table_ref' | 'primary_key' = 'table_ref'
  try {
    const table = await connection.table(entity.tableRef)
    attribute = 'primary_key'
    const key = table.columns.find(({ name }) => name === entity.primaryKey)
    if (key === undefined) {
      const guess = nearest(
        entity.primaryKey,
        table.columns.map(({ name }) => name),
      )
      const fix = guess === null ? 'correct primary_key in the data graph' : `did you mean "${guess}"?`
      return {
        ...check,
        ok: false,
        found: `${table.columns.length} columns, none of that name`,
        fix,
        about: { entity: entity.slug, attribute },
      }
    }
    const source = { table, key, columns: [], duplicates: entity.duplicates }
    await connection.driver.rows(`SELECT ${dialect.keyText(key)} FROM ${dialect.from(source)} LIMIT 1`)
    return { ...check, ok: true, found: `${table.columns.length} columns, key of type ${key.type}`, fix: null }
  } catch (error) {
    const { code, message, hint } = known(error)
    const grant = grants.select(entity.tableRef)
    const hidden = code === 'TABLE_MISSING' && grants.hidden
    const fix = hidden ? `${hint}; or, if it is there: ${grant}` : hint
    return {
      ...check,
      ok: false,
      found: message,
      fix: code === 'WAREHOUSE_DENIED' ? grant : fix,
      about: { entity: entity.slug, attribute },
    }
  }
}

/** Creates, fills and drops a table where the state will be. */
async function checkState(connection: Connection, grant: string): Promise<WarehouseCheck> {
  const { dialect, driver } = connection
  const check = {
    name: `state schema ${dialect.stateSchema}`,
    required: 'create, insert and drop a table; or `warehouse.state: local`, which needs SELECT alone',
    severity: 'error' as const,
  }
  const table = dialect.state(`check_${crypto.randomUUID().slice(0, 8)}`)
  try {
    await connection.createSchema()
    await driver.rows(`CREATE TABLE ${table} (record_id ${dialect.types.text})`)
    await driver.rows(`INSERT INTO ${table} VALUES ('1')`)
    await driver.rows(`DROP TABLE ${table}`)
    return { ...check, ok: true, found: 'all three', fix: null }
  } catch (error) {
    const { code, message, hint } = known(error)
    return { ...check, ok: false, found: message, fix: code === 'WAREHOUSE_DENIED' ? grant : hint }
  }
}

function known(error: unknown): LinkedEventsError {
  if (error instanceof LinkedEventsError) return error
  throw error
}
