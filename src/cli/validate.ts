/** `validate`: everything that can be known from the texts; with `--deep` also what warehouse and broker say. */
import { type Project, readProject } from '../config/project.ts'
import { exit, type Problem } from '../errors.ts'
import type { WarehouseCheck } from '../sync/warehouse.ts'
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
      const { name, severity, fix, about } = check
      const place = about === undefined ? undefined : placeOf(project, about)
      const message = `${name}: required ${check.required}, found ${check.found}`
      problems.push({
        code: 'SURROUNDINGS',
        severity,
        message,
        file: place === undefined ? project.file : project.config.data_graph,
        line: place?.line ?? null,
        column: place?.column ?? null,
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

/** What the warehouse says of a table or a key is a mistake in the data graph. */
function placeOf({ graphPlaces }: Project, { entity, attribute }: NonNullable<WarehouseCheck['about']>) {
  return graphPlaces.get(`entity.${entity}.${attribute}`) ?? graphPlaces.get(`entity.${entity}`)
}
