/** The warehouse that a project names: its options as the driver takes them, secrets revealed. */
import type { Project } from '../config/project.ts'
import { Secret } from '../config/secret.ts'
import { LinkedEventsError } from '../errors.ts'
import type { Warehouse } from '../sync/warehouse.ts'
import { openWarehouse } from '../warehouse/open.ts'

export async function warehouseOf({ config }: Project): Promise<Warehouse> {
  const { warehouse } = config
  switch (warehouse.type) {
    // Each case by itself, so that the compiler compares every option with what its driver takes.
    case 'duckdb':
      return openWarehouse(revealed(warehouse))
    case 'postgres':
    case 'redshift':
      return openWarehouse(revealed(warehouse))
    case 'bigquery':
      return openWarehouse(revealed(warehouse))
    case 'snowflake':
      return openWarehouse({ schema: 'PUBLIC', ...revealed(warehouse) })
    default:
      throw new LinkedEventsError(
        'WAREHOUSE_TYPE_UNSUPPORTED',
        `warehouse.type ${warehouse.type} comes with a later version`,
      )
  }
}

type CamelCase<Name> = Name extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<CamelCase<Tail>>}` : Name
type Revealed<Options> = {
  readonly [Name in keyof Options as CamelCase<Name>]:
    | Exclude<Options[Name], Secret>
    | (Secret extends Options[Name] ? string : never)
}

function revealed<Options extends object>(options: Options): Revealed<Options> {
  const plain = Object.entries(options).map(([name, value]) => [
    name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
    value instanceof Secret ? value.reveal() : value,
  ])
  return Object.fromEntries(plain) as Revealed<Options>
}
