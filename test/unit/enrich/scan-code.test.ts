/** The compiled scanner is what its source says. Needs `npm ci --prefix test/oracle`, which CI does; elsewhere it may be skipped. */
import { existsSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { compiledScanner, compilerPath } from '../../support/scanner.ts'

it('scan-code.ts is scan.as.ts, compiled', async ({ skip }) => {
  if (!existsSync(compilerPath) && process.env.CI === undefined) {
    console.warn('SKIPPED: the scanner compiled again. To run it: npm ci --prefix test/oracle --ignore-scripts')
    skip()
  }
  const committed = readFileSync(new URL('../../../src/enrich/scan-code.ts', import.meta.url), 'utf8')
  expect(await compiledScanner()).toBe(committed)
}, 60_000)
