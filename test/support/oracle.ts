/** Segment's published packages, run beside ours to say what is right. They are CommonJS and load only so. */
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

export interface TriggerOracle {
  parseFql(text: string): { error?: Error } & Record<string, unknown>
  validate(ast: unknown, event: unknown): boolean
}

export interface MappingOracle {
  transform(mapping: unknown, event: unknown): unknown
}

export const triggerOracle = (): TriggerOracle => require('@segment/destination-subscriptions') as TriggerOracle
/** What the package runs for a batch; it does not export it. */
export const batchOracle = (): { transformBatch(mapping: unknown, events: unknown): unknown } =>
  require('../../node_modules/@segment/actions-core/dist/cjs/mapping-kit/index.js') as ReturnType<typeof batchOracle>
export const mappingOracle = (): MappingOracle => require('@segment/actions-core') as MappingOracle

/** How many generated cases: 10,000 every day, more where `PARITY_RUNS` says so. */
export const parityRuns = (): number => Number(process.env.PARITY_RUNS ?? 10_000)

/** The seed of a run, printed so that a difference can be seen again with `PARITY_SEED`. */
export function paritySeed(name: string, runs = parityRuns()): number {
  const seed = Number(process.env.PARITY_SEED ?? Math.floor(Math.random() * 2 ** 31))
  console.info(`${name}: ${runs} cases, seed ${seed}`)
  return seed
}
