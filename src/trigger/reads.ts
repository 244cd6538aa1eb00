/** Which paths of the event a trigger looks at, so that no more than these need be read. */
import { keysOf } from './compile.ts'
import { hasPath, roots } from './fields.ts'
import type { TriggerCondition, TriggerNode } from './node.ts'

export function triggerReads(node: TriggerNode | TriggerCondition): (readonly string[])[] {
  switch (node.type) {
    case 'group':
    case 'and':
    case 'or':
      return node.children.flatMap(triggerReads)
    case 'not':
      return triggerReads(node.child)
    case 'compare':
      return [...triggerReads(node.left), ...triggerReads(node.right)]
    case 'call':
      return node.arguments.flatMap(triggerReads)
    case 'list':
      return node.items.flatMap(triggerReads)
    case 'field':
      return [node.path]
    case 'literal':
      return []
    default:
      return [hasPath(node.type) ? [roots[node.type], ...keysOf(node.name ?? '')] : [roots[node.type]]]
  }
}
