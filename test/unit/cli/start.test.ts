/** What `run` loads before it can do anything: half of a start is loading code. */
import { readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { expect, test } from 'vitest'

/** Everything that a file imports at once, directly and through others: our files, and names of packages. */
function imports(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen
  seen.add(file)
  const statements = readFileSync(file, 'utf8').matchAll(/^(?:import|export) (?!type )[^;]*?from '([^']+)'/gm)
  for (const [, specifier = ''] of statements) {
    if (specifier.startsWith('.')) imports(normalize(join(dirname(file), specifier)), seen)
    else seen.add(specifier)
  }
  return seen
}

test('run loads no sync path and no warehouse: its syncs are processes of their own', () => {
  const loaded = [...imports('src/cli/run.ts')]
  expect(loaded).toContain('src/cli/scheduler.ts')
  expect(loaded.filter((one) => /^src\/(warehouse|load)\/|^src\/(cli|sync)\/sync\.ts$/.test(one))).toEqual([])
})
