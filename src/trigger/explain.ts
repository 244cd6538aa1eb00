/** A trigger condition by condition, each with what it says of one event: the answer of `try trigger`. */
import { encodeJson, type JsonObject, valueAtPath } from '../json.ts'
import { compileGroup } from './compile.ts'
import type { TriggerCondition, TriggerGroup, TriggerNode } from './node.ts'
import { printGroup, printStrict } from './print.ts'
import { triggerReads } from './reads.ts'
import { compileStrict } from './strict-compile.ts'

export interface ExplainedCondition {
  /** Levels of parentheses around it. */
  readonly depth: number
  readonly text: string
  readonly matches: boolean
  /** What the event has there, as JSON text; absent for groups. */
  readonly value?: string
}

/** Groups before their children. A strict trigger is explained as a whole. */
export function explainTrigger(ast: TriggerNode, event: JsonObject): ExplainedCondition[] {
  if (!isPlain(ast)) return [{ depth: 0, text: printStrict(ast), matches: compileStrict(ast)(event) === true }]
  return groupLines(ast, event, 0)
}

function isPlain(ast: TriggerNode): ast is TriggerGroup {
  return 'type' in ast && ast.type === 'group' && 'children' in ast
}

function groupLines(group: TriggerGroup, event: JsonObject, depth: number): ExplainedCondition[] {
  return group.children.flatMap((child) => {
    const alone: TriggerGroup = { type: 'group', operator: 'and', children: [child] }
    const matches = compileGroup(alone)(event)
    if (child.type === 'group') {
      return [{ depth, text: printGroup(child), matches }, ...groupLines(child, event, depth + 1)]
    }
    return [{ depth, text: printGroup(alone), matches, value: valueText(child, event) }]
  })
}

function valueText(condition: TriggerCondition, event: JsonObject): string {
  const value = valueAtPath(event, triggerReads(condition)[0] ?? [])
  return value === undefined ? 'nothing' : encodeJson(value)
}
