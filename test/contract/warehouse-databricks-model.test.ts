import { sparkWithDelta } from '../support/databricks.ts'
import { startDatabricksPeer } from '../support/peers/databricks.ts'
import { modelSuite } from './model-suite.ts'

await modelSuite('databricks', { start: startDatabricksPeer, make: sparkWithDelta, runs: 1 })
