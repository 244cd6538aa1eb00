/** `graph`: entities and relationships of the data graph, as a tree or as a Mermaid diagram; `--upgrade`: the file as v1.0.0. */
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { exit, LinkedEventsError } from '../errors.ts'
import { type Entity, parseDataGraph } from '../graph/graph.ts'
import { printMermaid, printTree } from '../graph/print.ts'
import { upgradeDataGraph } from '../graph/upgrade.ts'
import { type Context, projectOf } from './context.ts'
import { problemText } from './terminal.ts'

interface Options {
  readonly mermaid?: boolean
  readonly upgrade?: boolean
  readonly write?: boolean
}

export async function graph(context: Context, options: Options, file?: string): Promise<number> {
  if (options.write === true && options.upgrade !== true)
    throw new LinkedEventsError('USAGE', '--write goes with --upgrade')
  const path = file === undefined ? projectOf(context).config.data_graph : resolve(context.cwd, file)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new LinkedEventsError('FILE_NOT_FOUND', `cannot read ${path}`, { cause: error })
  }
  const parsed = parseDataGraph(text)
  const problems = parsed.problems.map((problem) => ({ ...problem, file: path }))
  const { graph: found } = parsed
  if (found === null) throw new LinkedEventsError('DATA_GRAPH_INVALID', `${path} has mistakes`, { problems })
  for (const problem of problems) context.terminal.talk(problemText(problem))
  if (options.upgrade === true)
    return upgrade(context, { path, text, entities: found.entities, write: options.write === true })
  context.terminal.result({ graph: found }, () => (options.mermaid === true ? printMermaid(found) : printTree(found)))
  return exit.ok
}

interface Upgrade {
  readonly path: string
  readonly text: string
  readonly entities: readonly Entity[]
  readonly write: boolean
}

function upgrade(context: Context, { path, text, entities, write }: Upgrade): number {
  const { terminal } = context
  const upgraded = upgradeDataGraph(text)
  const changed = upgraded !== text
  if (!changed) terminal.talk(`${path} is v1.0.0 already`)
  for (const [index, { slug }] of (parseDataGraph(upgraded).graph?.entities ?? []).entries()) {
    const before = entities[index]?.slug
    if (before !== slug)
      terminal.talk(`"${before}" is now "${slug}": write so in linked-events.yaml and the mappings too`)
  }
  if (write && changed) {
    try {
      writeFileSync(path, upgraded)
    } catch (error) {
      throw new LinkedEventsError('FILE_UNWRITABLE', `cannot write ${path}`, { cause: error })
    }
    terminal.talk(`${path} is now v1.0.0`)
  }
  terminal.result({ changed, written: write && changed, text: upgraded }, () => (write ? '' : upgraded))
  return exit.ok
}
