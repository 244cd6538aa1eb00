/**
 * Which paths of the event a mapping can read, through every directive. A value is followed to where it comes from: what a
 * later step picks out of an earlier one is a read of the event, and of no more than it picks.
 */
import type { JsonObject, JsonValue } from '../json.ts'
import { directiveOf, isDirective, isRecord, withRootDirective } from './directive.ts'
import { parseLiquid } from './liquid.ts'
import { dotted, keysOf, stripRoot } from './path.ts'
import { parseTemplate } from './template.ts'

/** Where a value comes from. `made`: it was computed, and what it was computed from has been noted. */
type Origin =
  | { readonly kind: 'path'; readonly keys: readonly string[] }
  | { readonly kind: 'object'; readonly members: ReadonlyMap<string, Origin> }
  | { readonly kind: 'any'; readonly of: readonly Origin[] }
  | { readonly kind: 'made' }

const made: Origin = { kind: 'made' }

/** Dotted paths, sorted, each once. The empty text is the whole event: also what stands for a path that only the event knows. */
export function readsOf(mapping: JsonValue): readonly string[] {
  const found = new Set<string>()
  consume(trace(mapping, { kind: 'path', keys: [] }, found), found)
  return [...found].sort()
}

function consume(origin: Origin, found: Set<string>): void {
  if (origin.kind === 'path') found.add(dotted(origin.keys))
  else if (origin.kind === 'object') for (const member of origin.members.values()) consume(member, found)
  else if (origin.kind === 'any') for (const one of origin.of) consume(one, found)
}

function pick(origin: Origin, keys: readonly string[]): Origin {
  const [first, ...rest] = keys
  if (first === undefined) return origin
  if (origin.kind === 'path') return { kind: 'path', keys: [...origin.keys, ...keys] }
  if (origin.kind === 'made' && first === '__segment_entities') return { kind: 'path', keys } // a row beside a line
  if (origin.kind === 'object') return pick(origin.members.get(first) ?? made, rest)
  return origin.kind === 'any' ? { kind: 'any', of: origin.of.map((one) => pick(one, keys)) } : made
}

function trace(value: JsonValue | undefined, scope: Origin, found: Set<string>): Origin {
  if (Array.isArray(value)) return { kind: 'any', of: value.map((item) => trace(item, scope, found)) }
  if (!isRecord(value)) return made
  if (!isDirective(value)) {
    return {
      kind: 'object',
      members: new Map(Object.keys(value).map((key) => [key, trace(value[key], scope, found)])),
    }
  }
  const { name, argument } = directiveOf(value)
  const part = (key: string): Origin => trace((argument as JsonObject)[key], scope, found)
  switch (name) {
    case '@path':
      if (typeof argument === 'string') return pick(scope, keysOf(stripRoot(argument)))
      consume(trace(argument, scope, found), found)
      return scope
    case '@template':
      if (typeof argument === 'string') {
        for (const keys of parseTemplate(argument).paths) consume(pick(scope, keys), found)
        return made
      }
      consume(trace(argument, scope, found), found)
      consume(scope, found)
      return made
    case '@liquid':
      for (const keys of parseLiquid(argument as string).paths) consume(pick(scope, keys), found)
      return made
    case '@literal':
      return trace(argument, scope, found)
    case '@if':
      consume(part('exists'), found)
      consume(part('blank'), found)
      return { kind: 'any', of: [part('then'), part('else')] }
    case '@arrayPath': {
      const [path, shape] = argument as JsonValue[]
      const list = typeof path === 'string' ? pick(scope, keysOf(stripRoot(path))) : trace(path, scope, found)
      consume(list, found)
      consume(trace(shape, made, found), found) // relative to the item, which is part of the list
      return made
    }
    case '@merge':
      return {
        kind: 'any',
        of: ((argument as JsonObject).objects as JsonValue[]).map((one) => trace(one, scope, found)),
      }
    case '@transform': {
      const { apply } = argument as JsonObject
      const applied = trace(isRecord(apply) ? withRootDirective(apply) : apply, scope, found)
      noteApplied(applied, found)
      return trace((argument as JsonObject).mapping, applied, found)
    }
    case '@case':
    case '@replace':
    case '@json':
    case '@flatten':
      consume(part('value'), found)
      return made
    case '@excludeWhenNull':
      consume(trace(argument, scope, found), found)
      return made
  }
}

/**
 * The first step of a transform reads what it reads. Only the whole event and whole rows are left to the second step, which
 * says what it picks: else one root directive would make every column of every entity wanted.
 */
function noteApplied(origin: Origin, found: Set<string>): void {
  if (origin.kind === 'path') {
    const rowOrMore = origin.keys.length === 0 || (origin.keys[0] === '__segment_entities' && origin.keys.length <= 3)
    if (!rowOrMore) consume(origin, found)
  } else if (origin.kind === 'object') for (const member of origin.members.values()) noteApplied(member, found)
  else if (origin.kind === 'any') for (const one of origin.of) noteApplied(one, found)
}
