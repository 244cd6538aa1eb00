import { expect, test } from 'vitest'
import { imports } from '../../support/imports.ts'

test('run loads no sync path and no warehouse: its syncs are processes of their own', () => {
  const loaded = [...imports('src/cli/run.ts', 'loaded')]
  expect(loaded).toContain('src/cli/scheduler.ts')
  expect(loaded.filter((one) => /^src\/(warehouse|load)\/|^src\/(cli|sync)\/sync\.ts$/.test(one))).toEqual([])
})
