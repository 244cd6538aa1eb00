import { totalmem } from 'node:os'
import { afterEach, expect, test, vi } from 'vitest'
import { rowMemoryOf } from '../../../src/cli/row-memory.ts'
import type { Config } from '../../../src/config/config.ts'

const configOf = (row_memory?: number) => ({ limits: { row_memory } }) as Config
const gibibyte = 2 ** 30

afterEach(() => void vi.restoreAllMocks())

test.each([
  ['the limit of a container', gibibyte, gibibyte / 4],
  ['no limit, as the system says it with zero', 0, Math.floor(totalmem() / 4)],
  ['no limit, as it says it with a huge number', 2 ** 64, Math.floor(totalmem() / 4)],
])('rows may take a quarter of %s', (_, limit, bytes) => {
  vi.spyOn(process, 'constrainedMemory').mockReturnValue(limit)
  expect(rowMemoryOf(configOf())).toBe(bytes)
})

test('or what the configuration says', () => {
  expect([0, 5 * gibibyte].map((bytes) => rowMemoryOf(configOf(bytes)))).toEqual([0, 5 * gibibyte])
})
