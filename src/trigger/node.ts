/** What a trigger is after parsing: the shape of Segment's own package, so that tools which know one know the other. */
import type { StrictNode } from './strict-node.ts'

export interface TriggerGroup {
  readonly type: 'group'
  readonly operator: 'and' | 'or'
  readonly children: readonly (TriggerGroup | TriggerCondition)[]
}

/** `operator` is what stands there: an unknown one is legal and never matches. */
export interface TriggerCondition {
  readonly type: 'event-type' | 'event' | 'name' | 'userId' | 'event-property' | 'event-trait' | 'event-context'
  /** The dotted path below properties, traits or context. */
  readonly name?: string
  readonly operator: string
  readonly value?: string | number | boolean
}

/** A compatible trigger is a group; one compiled with `strict` is a tree of its own kind. */
export type TriggerNode = TriggerGroup | StrictNode
