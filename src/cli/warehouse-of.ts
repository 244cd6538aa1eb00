/** The warehouse that a project names: its options as the driver takes them, secrets revealed. */
import type { Project } from '../config/project.ts'
import { Secret } from '../config/secret.ts'
import { LinkedEventsError } from '../errors.ts'
import type { Warehouse } from '../sync/warehouse.ts'
import { openWarehouse } from '../warehouse/open.ts'

export function warehouseOf({ config }: Project): Promise<Warehouse> {
  return openWarehouse(revealed(config.warehouse))
}

/** What `warehouse.run_time_max` allows, and how going beyond it is told. */
export function timeLimitOf({ config }: Project, what: string) {
  const milliseconds = config.warehouse.run_time_max
  const message = `${what} took longer than warehouse.run_time_max, ${milliseconds / 1000} seconds`
  return { milliseconds, error: new LinkedEventsError('WAREHOUSE_LIMIT', message) }
}

type CamelCase<Name> = Name extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<CamelCase<Tail>>}` : Name
type Plain<Value> = Exclude<Value, Secret> | (Secret extends Value ? string : never)
/** Of each warehouse by itself, so that the compiler compares every option with what its driver takes. */
type Revealed<Options> = Options extends object
  ? { readonly [Name in keyof Options as CamelCase<Name>]: Plain<Options[Name]> }
  : never

function revealed<Options extends object>(options: Options): Revealed<Options> {
  const plain = Object.entries(options).map(([name, value]) => [
    name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
    value instanceof Secret ? value.reveal() : value,
  ])
  return Object.fromEntries(plain) as Revealed<Options>
}
