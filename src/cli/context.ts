/** What a command has to work with. */

import type { EntitySettings } from '../config/entities.ts'
import { type Project, requireProject } from '../config/project.ts'
import { LinkedEventsError, nearest } from '../errors.ts'
import { problemText, type Terminal } from './terminal.ts'

export interface Context {
  readonly terminal: Terminal
  /** What `--config` says, if given. */
  readonly configFile: string | undefined
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
}

/** The checked project. @throws LinkedEventsError with every problem */
export function projectOf({ configFile, env, cwd, terminal }: Context): Project {
  return requireProject({ file: configFile, env, cwd, warn: (problem) => terminal.talk(problemText(problem)) })
}

/** The entity of that slug. @throws LinkedEventsError ENTITY_UNKNOWN with the nearest */
export function entityOf(project: Project, slug: string): EntitySettings {
  const found = project.entities.find((entity) => entity.slug === slug)
  if (found !== undefined) return found
  const slugs = project.entities.map((entity) => entity.slug)
  const near = nearest(slug, slugs)
  throw new LinkedEventsError('ENTITY_UNKNOWN', `entity "${slug}" is not defined or not enabled for enrichment`, {
    hint: near === null ? `the data graph enables ${slugs.join(', ') || 'none'}` : `did you mean "${near}"?`,
  })
}

/** A number that a person typed. @throws LinkedEventsError USAGE */
export function countOf(text: string, name: string): number {
  const count = Number(text)
  if (text.trim() !== '' && Number.isSafeInteger(count) && count >= 0) return count
  throw new LinkedEventsError('USAGE', `${name} should be a whole number, and it is "${text}"`)
}
