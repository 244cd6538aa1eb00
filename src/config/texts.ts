/** Triggers and mappings are compiled even where the rest of the configuration is wrong, so that all problems come at once. */
import { LinkedEventsError, type Problem } from '../errors.ts'
import type { JsonValue } from '../json.ts'
import { type CompiledMapping, compileMapping } from '../mapping/mapping.ts'
import { type CompiledTrigger, checkTrigger, compileTrigger } from '../trigger/trigger.ts'
import type { Path, Place } from './document.ts'
import type { Places } from './mapping-files.ts'

/** By the path of the mapping, joined with dots; null for what cannot be compiled or is not there. */
export type CompiledTexts = ReadonlyMap<
  string,
  { readonly trigger: CompiledTrigger | null; readonly mapping: CompiledMapping | null }
>

interface RawMapping {
  readonly name?: unknown
  readonly trigger: string
  readonly strict?: unknown
}

/** Looks at every mapping of the unchecked configuration; what has not even the right type is left to the schema. */
export function compileTexts(value: unknown, places: Places, problems: Problem[]): CompiledTexts {
  const texts = new Map<string, { trigger: CompiledTrigger | null; mapping: CompiledMapping | null }>()
  for (const [d, destination] of listAt(value, 'destinations').entries()) {
    for (const [m, raw] of listAt(destination, 'mappings').entries()) {
      if (typeof raw !== 'object' || raw === null) continue
      const path = ['destinations', d, 'mappings', m]
      const mapping = raw as Record<string, unknown>
      const kit = mapping.mapping === undefined ? 'settings' : 'mapping'
      texts.set(path.join('.'), {
        trigger:
          typeof mapping.trigger === 'string'
            ? compileTriggerAt(mapping as unknown as RawMapping, [...path, 'trigger'], places, problems)
            : null,
        mapping:
          typeof mapping[kit] === 'object'
            ? compileMappingAt(mapping[kit] as JsonValue, [...path, kit], places, problems)
            : null,
      })
    }
  }
  return texts
}

export function problemAt(place: Place, code: string, message: string, hint: string | null): Problem {
  return { code, severity: 'error', message, ...place, hint }
}

function compileTriggerAt(
  mapping: RawMapping,
  path: Path,
  places: Places,
  problems: Problem[],
): CompiledTrigger | null {
  const inFile = (problem: Problem): Problem => {
    const start = places.textPlace(path)
    const line = start.line + (problem.line ?? 1) - 1
    const column = (problem.line ?? 1) === 1 ? start.column + (problem.column ?? 1) - 1 : (problem.column ?? 1)
    return { ...problem, file: start.file, line, column, message: `${String(mapping.name)}: ${problem.message}` }
  }
  try {
    const compiled = compileTrigger(mapping.trigger, { strict: mapping.strict === true })
    problems.push(...checkTrigger(mapping.trigger, { strict: mapping.strict === true }).map(inFile))
    return compiled
  } catch (error) {
    if (!(error instanceof LinkedEventsError)) throw error
    const found =
      error.problems.length > 0
        ? error.problems
        : [problemAt(places.place(path), error.code, error.message, error.hint)]
    problems.push(...found.map(inFile))
    return null
  }
}

function compileMappingAt(kit: JsonValue, path: Path, places: Places, problems: Problem[]): CompiledMapping | null {
  try {
    return compileMapping(kit)
  } catch (error) {
    if (!(error instanceof LinkedEventsError)) throw error
    if (error.problems.length === 0) problems.push(problemAt(places.place(path), error.code, error.message, error.hint))
    for (const problem of error.problems) {
      const inside = 'path' in problem && Array.isArray(problem.path) ? (problem.path as Path) : []
      problems.push({ ...problem, ...places.place([...path, ...inside]) })
    }
    return null
  }
}

function listAt(value: unknown, key: string): unknown[] {
  const list = (value as Record<string, unknown> | null)?.[key]
  return Array.isArray(list) ? list : []
}
