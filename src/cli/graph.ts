/** `graph`: entities and relationships of the data graph, as a tree or as a Mermaid diagram. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { exit, LinkedEventsError } from '../errors.ts'
import { parseDataGraph } from '../graph/graph.ts'
import { printMermaid, printTree } from '../graph/print.ts'
import { type Context, projectOf } from './context.ts'
import { problemText } from './terminal.ts'

export async function graph(context: Context, options: { readonly mermaid?: boolean }, file?: string): Promise<number> {
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
  context.terminal.result({ graph: found }, () => (options.mermaid === true ? printMermaid(found) : printTree(found)))
  return exit.ok
}
