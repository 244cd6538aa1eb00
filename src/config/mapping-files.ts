/** Mappings may stand in files of their own; here they take their place in the configuration, and keep their file's places. */
import { readFileSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import type { Problem } from '../errors.ts'
import { type Path, type Place, readDocument, type TextDocument } from './document.ts'

/** Where a path of the whole configuration is written: in the configuration file, or in a mapping's own file. */
export interface Places {
  document: TextDocument
  place(path: Path): Place
  keyPlace(path: Path): Place
  textPlace(path: Path): Place
}

/** Replaces each text among the mappings by what its file holds, in `value` itself. */
export function inlineMappings(value: unknown, document: TextDocument, dir: string, problems: Problem[]): Places {
  const files = new Map<string, TextDocument>()
  const destinations = (value as { destinations?: unknown } | null)?.destinations
  for (const [d, destination] of (Array.isArray(destinations) ? destinations : []).entries()) {
    const mappings = (destination as { mappings?: unknown } | null)?.mappings
    if (!Array.isArray(mappings)) continue
    for (const [m, mapping] of mappings.entries()) {
      if (typeof mapping !== 'string') continue
      const path = resolve(dir, mapping)
      try {
        const read = readDocument(readFileSync(path, 'utf8'), path)
        problems.push(...read.problems)
        files.set(`${d}/${m}`, read)
        mappings[m] = read.value
      } catch {
        const message = `cannot read the mapping file ${relative(dir, path)}`
        problems.push({
          code: 'FILE_NOT_FOUND',
          severity: 'error',
          message,
          ...document.place(['destinations', d, 'mappings', m]),
          hint: 'paths are relative to the configuration file',
        })
        mappings[m] = { name: mapping, action: 'none', trigger: 'type = "track"', mapping: {} } // only so that the rest is checked too
      }
    }
  }
  const inFile = (path: Path): readonly [TextDocument, Path] => {
    const own = path[0] === 'destinations' && path[2] === 'mappings' ? files.get(`${path[1]}/${path[3]}`) : undefined
    return own === undefined ? [document, path] : [own, path.slice(4)]
  }
  return {
    document,
    place: (path) => inFile(path)[0].place(inFile(path)[1]),
    keyPlace: (path) => inFile(path)[0].keyPlace(inFile(path)[1]),
    textPlace: (path) => inFile(path)[0].textPlace(inFile(path)[1]),
  }
}
