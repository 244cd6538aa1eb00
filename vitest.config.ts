import { configDefaults, defineConfig } from 'vitest/config'
import { missingServers } from './test/support/servers.ts'

/** Kinds of test: unit and property need nothing, the others real servers that test/support starts. */
const exclude = [...configDefaults.exclude, ...missingServers().tests]

/** The longest files by far; CI runs them beside all others, and a statement may take seconds there. */
const spark = 'test/contract/warehouse-databricks*.test.ts'
const contract = {
  globalSetup: ['test/support/servers.ts'],
  testTimeout: 60_000,
  hookTimeout: 240_000,
  // Test engines spend much of the time waiting, so their files run side by side, however few the cores.
  maxWorkers: 3,
  sequence: { groupOrder: 1 },
}

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 60_000 } },
      { test: { name: 'property', include: ['test/property/**/*.test.ts'], testTimeout: 120_000 } },
      {
        test: { ...contract, name: 'contract', include: ['test/contract/**/*.test.ts'], exclude: [...exclude, spark] },
      },
      {
        test: {
          ...contract,
          name: 'spark',
          include: [spark],
          exclude,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts', 'test/fault/**/*.test.ts'],
          exclude,
          globalSetup: ['test/support/servers.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
