/** The compiled AssemblyScript is what its source says. Needs `npm ci --prefix test/oracle`, which CI does; elsewhere it may be skipped. */
import { existsSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { compile, compiled, compilerPath } from '../../support/scanner.ts'

it.for(compiled)('$name is $of, compiled', { timeout: 60_000 }, async (one, { skip }) => {
  if (!existsSync(compilerPath) && process.env.CI === undefined) {
    console.warn('SKIPPED: AssemblyScript compiled again. To run it: npm ci --prefix test/oracle --ignore-scripts')
    skip()
  }
  expect(await compile(one)).toBe(readFileSync(one.path, 'utf8'))
})
