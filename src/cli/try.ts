/** `try mapping` and `try trigger`: one text on one event, with the steps. Needs no configuration. */
import { readFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { readDocument } from '../config/document.ts'
import { exit, LinkedEventsError } from '../errors.ts'
import { encodeJson, isObject, type JsonObject, type JsonValue, parseJson } from '../json.ts'
import { explainMapping } from '../mapping/explain.ts'
import { compileMapping } from '../mapping/mapping.ts'
import { explainTrigger } from '../trigger/explain.ts'
import { checkTrigger, compileTrigger } from '../trigger/trigger.ts'
import type { Context } from './context.ts'
import { problemText } from './terminal.ts'

export async function tryMapping(
  context: Context,
  options: { readonly mapping: string; readonly event: string },
): Promise<number> {
  const mapping = kitOf(options.mapping, context)
  const event = eventOf(options.event, context)
  const output = compileMapping(mapping).transform(event)
  const fields = explainMapping(mapping, event)
  const { terminal } = context
  terminal.result(
    {
      output,
      fields: fields.map((field) => ({ ...field, value: field.value ?? null, given: field.value !== undefined })),
    },
    () => {
      const lines = [encodeJson(output), '']
      for (const { path, directive, value, steps } of fields) {
        lines.push(
          `${terminal.bold(path)}  ${directive} → ${value === undefined ? terminal.red('nothing: left out') : encodeJson(value)}`,
        )
        lines.push(...steps.map((step) => terminal.dim(`    ${step}`)))
      }
      return lines.join('\n')
    },
  )
  return exit.ok
}

export async function tryTrigger(
  context: Context,
  options: { readonly event: string; readonly strict?: boolean },
  text: string,
): Promise<number> {
  const event = eventOf(options.event, context)
  const trigger = compileTrigger(text, { strict: options.strict === true })
  const warnings = options.strict === true ? [] : checkTrigger(text)
  const matches = trigger.matches(event)
  const conditions = explainTrigger(trigger.ast, event)
  const { terminal } = context
  terminal.result({ matches, trigger: trigger.toString(), conditions, warnings }, () =>
    [
      `${matches ? terminal.green('matches') : terminal.red('does not match')}: ${trigger.toString()}`,
      ...conditions.map(
        (one) =>
          `${'  '.repeat(one.depth + 1)}${one.matches ? terminal.green('true ') : terminal.red('false')} ${one.text}${one.value === undefined ? '' : terminal.dim(`   (the event has ${one.value})`)}`,
      ),
      ...warnings.map(problemText),
    ].join('\n'),
  )
  return matches ? exit.ok : exit.failure
}

/** The mapping kit object of a file, which may be a whole subscription object. */
function kitOf(file: string, context: Context): JsonObject {
  const document = readDocument(textOf(file, context), basename(file))
  if (document.problems.length > 0)
    throw new LinkedEventsError('BAD_INPUT', `${file} is neither JSON nor YAML`, { problems: document.problems })
  const value = document.value as JsonValue
  const kit = isObject(value) ? (value.settings ?? value.mapping ?? value) : value
  if (isObject(kit)) return kit
  throw new LinkedEventsError('BAD_INPUT', `${file} holds no mapping`, { hint: 'a mapping is an object' })
}

function eventOf(file: string, context: Context): JsonObject {
  let value: JsonValue
  try {
    value = parseJson(textOf(file, context))
  } catch (error) {
    throw new LinkedEventsError('BAD_INPUT', `${file} is not JSON: ${(error as Error).message}`, { cause: error })
  }
  if (isObject(value)) return value
  throw new LinkedEventsError('BAD_INPUT', `${file} holds no event`, { hint: 'an event is a JSON object' })
}

function textOf(file: string, { cwd }: Context): string {
  try {
    return readFileSync(file === '-' ? 0 : resolve(cwd, file), 'utf8')
  } catch (error) {
    throw new LinkedEventsError('FILE_NOT_FOUND', `cannot read ${file}`, { hint: 'check the path', cause: error })
  }
}
