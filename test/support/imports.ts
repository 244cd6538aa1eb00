import { readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

/** Everything that a file imports, directly and through others, as paths of ours and names of packages. `loaded`: not for its types alone. */
export function imports(file: string, loaded: 'loaded' | 'all', seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen
  seen.add(file)
  for (const [, type, specifier = ''] of readFileSync(file, 'utf8').matchAll(
    /^(?:import|export) (type )?[^;]*?from '([^']+)'/gm,
  )) {
    if (type !== undefined && loaded === 'loaded') continue
    if (specifier.startsWith('.')) imports(normalize(join(dirname(file), specifier)), loaded, seen)
    else seen.add(specifier)
  }
  return seen
}
