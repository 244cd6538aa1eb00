/**
 * `@liquid`: LiquidJS with the scope as its variables and Segment's bounds: no loops, no includes, 1,000 characters, half a
 * second, 100 MB. Only what an object has itself can be read.
 */
// Its ES module by name: Node would take the CommonJS one, and look through its 200 kB for names at every start.
import { Liquid, type Template } from 'liquidjs/dist/liquid.node.mjs'

export const liquidLengthMax = 1_000
const renderMillisecondsMax = 500
const memoryMax = 1e8
/** Characters of a result. What blocks capture is not counted as memory, and two of them make a thousandfold of a field. */
const outputMax = 1e7

export const disabledTags = ['case', 'for', 'include', 'layout', 'render', 'tablerow'] as const
export const disabledFilters = [
  'array_to_sentence_string',
  'concat',
  'find',
  'find_exp',
  'find_index',
  'find_index_exp',
  'group_by',
  'group_by_exp',
  'has',
  'has_exp',
  'map',
  'newline_to_br',
  'reject',
  'reject_exp',
  'reverse',
  'sort',
  'sort_natural',
  'type',
  'uniq',
  'where_exp',
] as const

/** Made at the first `@liquid` and kept: an engine holds only its configuration. */
let shared: Liquid | null = null

function engine(): Liquid {
  if (shared !== null) return shared
  shared = new Liquid({ renderLimit: renderMillisecondsMax, memoryLimit: memoryMax, ownPropertyOnly: true })
  for (const name of disabledTags) {
    shared.registerTag(name, {
      parse() {
        throw new Error(`tag "${name}" is disabled`)
      },
      render() {},
    })
  }
  for (const name of disabledFilters) {
    shared.registerFilter(name, () => {
      throw new Error(`filter "${name}" is disabled`)
    })
  }
  return shared
}

export interface LiquidTemplate {
  readonly render: (scope: unknown) => string
  /** The keys of each variable that it can read from the scope; a part that is only known when it runs ends the list. */
  readonly paths: readonly (readonly string[])[]
}

/** @throws Error with LiquidJS's own message, for what cannot be parsed or uses a tag or filter that is disabled. */
export function parseLiquid(text: string): LiquidTemplate {
  if (text === '') return { render: () => '', paths: [] }
  if (text.length > liquidLengthMax) {
    throw new Error(`liquid template values are limited to ${liquidLengthMax} characters`)
  }
  const templates = engine().parse(text)
  refuseDisabledFilters(templates)
  const render = (scope: unknown): string => {
    const output = String(engine().renderSync(templates, typeof scope === 'object' && scope !== null ? scope : {}))
    if (output.length > outputMax) throw new Error(`@liquid: the result is longer than ${outputMax} characters`)
    return output
  }
  return { render, paths: variables(templates) }
}

function variables(templates: Template[]): (readonly string[])[] {
  const found = engine().globalVariableSegmentsSync(templates)
  return found.map((segments) => {
    const known = segments.findIndex((segment) => typeof segment === 'object')
    return (known < 0 ? segments : segments.slice(0, known)).map(String)
  })
}

/** The engine would refuse only at the first event that reaches the filter; an operator wants to know before. */
function refuseDisabledFilters(templates: readonly unknown[]): void {
  const seen = new Set<unknown>()
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || seen.has(value) || value instanceof Liquid) return
    seen.add(value)
    const { filters } = value as { filters?: unknown }
    if (Array.isArray(filters)) {
      for (const filter of filters as { name?: unknown }[]) {
        if (disabledFilters.some((name) => name === filter.name)) throw new Error(`filter "${filter.name}" is disabled`)
      }
    }
    for (const member of Object.values(value)) visit(member)
  }
  templates.forEach(visit)
}
