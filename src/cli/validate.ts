/** `validate`: everything that can be known from the texts; with `--deep` also what warehouse and broker say. */
import { readProject } from '../config/project.ts'
import { exit, type Problem } from '../errors.ts'
import type { Context } from './context.ts'
import { checksOf } from './doctor.ts'
import { problemText } from './terminal.ts'

export async function validate(context: Context, options: { readonly deep?: boolean }): Promise<number> {
  const { terminal } = context
  const { project, problems: found } = readProject({ file: context.configFile, env: context.env, cwd: context.cwd })
  const problems: Problem[] = [...found]
  if (options.deep === true && project !== null) {
    for (const check of await checksOf(project)) {
      if (check.ok) continue
      const { name, severity, fix } = check
      const message = `${name}: required ${check.required}, found ${check.found}`
      problems.push({
        code: 'SURROUNDINGS',
        severity,
        message,
        file: project.file,
        line: null,
        column: null,
        hint: fix,
      })
    }
  }
  const errors = problems.filter(({ severity }) => severity === 'error').length
  terminal.result({ ok: errors === 0, problems }, () => {
    const lines = problems.map(problemText)
    if (errors === 0)
      lines.push(
        `${terminal.green('ok')}: ${project!.plan.destinations.length} destinations, ${project!.entities.length} entities${options.deep ? '' : '; `--deep` looks at warehouse and broker too'}`,
      )
    return lines.join('\n')
  })
  return errors === 0 ? exit.ok : exit.config
}
