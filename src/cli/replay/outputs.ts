/** Where a replay writes: beside the live outputs, unless told otherwise. */
import { withoutHolds } from '../../enrich/holds.ts'
import type { DestinationPlan, Plan } from '../../enrich/plan.ts'
import type { Target } from '../../enrich/sink.ts'
import { LinkedEventsError } from '../../errors.ts'

export interface Output {
  readonly destination: string
  readonly kind: 'topic' | 'file'
  /** The topic or file that `run` writes. */
  readonly live: string
  readonly to: string
}

export interface Redirected {
  /** The same destinations and mappings, so the same event ids, with other targets; nothing is held. */
  readonly plan: Plan
  readonly outputs: readonly Output[]
}

const suffix = '.replay'
const place = '{topic}'

/** `pattern` is what `--output-topic` says. @throws LinkedEventsError USAGE */
export function redirect(plan: Plan, pattern: string | null, inputs: readonly string[]): Redirected {
  const topics = new Set(plan.destinations.flatMap(({ target }) => ('topic' in target ? [target.topic] : [])))
  if (pattern !== null) checkPattern(pattern, topics)
  const outputs = plan.destinations.map((destination) => outputOf(destination, pattern))
  for (const { kind, to } of outputs) {
    if (kind === 'topic' && inputs.includes(to))
      throw new LinkedEventsError('USAGE', `the output topic "${to}" is an input too: it would feed itself`, {
        hint: 'write to another topic',
      })
  }
  const destinations = plan.destinations.map((destination, index) => ({
    ...destination,
    target: targetOf(destination.target, outputs[index]!.to),
  }))
  return { plan: withoutHolds({ ...plan, destinations }), outputs }
}

/** Outputs that readers of the live topics will see. */
export function liveOutputs(outputs: readonly Output[]): Output[] {
  return outputs.filter(({ kind, live, to }) => kind === 'topic' && live === to)
}

function checkPattern(pattern: string, topics: ReadonlySet<string>): void {
  if (topics.size === 0)
    throw new LinkedEventsError('USAGE', '--output-topic is given, and no destination writes to a topic', {
      hint: 'leave it out: files are written beside the live ones',
    })
  if (topics.size > 1 && !pattern.includes(place))
    throw new LinkedEventsError('USAGE', `--output-topic ${pattern} is one topic for ${topics.size}`, {
      hint: `put {topic} in it, which stands for the live topic: --output-topic '{topic}.again'`,
    })
  if (!/^[A-Za-z0-9._-]{1,249}$/.test(pattern.replaceAll(place, 'x')))
    throw new LinkedEventsError('USAGE', `--output-topic "${pattern}" is not a name of a topic`, {
      hint: 'letters, digits, ".", "_" and "-", and {topic} for the live topic',
    })
}

function outputOf({ slug: destination, target }: DestinationPlan, pattern: string | null): Output {
  if ('topic' in target) {
    const live = target.topic
    return { destination, kind: 'topic', live, to: (pattern ?? place + suffix).replaceAll(place, live) }
  }
  const { file } = target
  return { destination, kind: 'file', live: file, to: file === '-' ? file : file + suffix }
}

function targetOf(target: Target, to: string): Target {
  return 'topic' in target ? { topic: to } : { ...target, file: to }
}
