/** What the schema says of a value, as problems with place and hint; all of them at once. */
import { z } from 'zod'
import { nearest, type Problem } from '../errors.ts'
import type { Path } from './document.ts'
import type { Places } from './mapping-files.ts'

/** The parsed value, or null with at least one error among `problems`. */
export function checkSchema<T extends z.ZodType>(
  schema: T,
  value: unknown,
  problems: Problem[],
  places: Places,
): z.output<T> | null {
  const result = schema.safeParse(value, { reportInput: true })
  if (result.success) return result.data
  for (const issue of result.error.issues) problems.push(...problemsOf(issue, schema, places))
  return null
}

function problemsOf(issue: z.core.$ZodIssue, schema: z.ZodType, places: Places): Problem[] {
  const path = issue.path as Path
  const name = path.join('.') || 'the configuration'
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const known = keysAt(schema, path)
      const near = nearest(key, known)
      return {
        code: 'CONFIG_UNKNOWN_KEY',
        severity: 'error',
        message: `unknown key "${key}" in ${name}`,
        ...places.keyPlace([...path, key]),
        hint: near === null ? `known here: ${known.join(', ')}` : `did you mean "${near}"?`,
      }
    })
  }
  const place = places.place(path)
  const message = `${name}: ${messageOf(issue)}`
  return [{ code: 'CONFIG_INVALID', severity: 'error', message, ...place, hint: hintOf(issue) }]
}

function messageOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') {
    return issue.input === undefined && issue.message.includes('undefined')
      ? 'is missing'
      : `should be ${article(issue.expected)}`
  }
  if (issue.code === 'invalid_value') return `should be one of ${issue.values.join(', ')}`
  if (issue.code === 'invalid_union' && 'note' in issue) return 'should have one of the known types'
  return issue.message.charAt(0).toLowerCase() + issue.message.slice(1)
}

function hintOf(issue: z.core.$ZodIssue): string | null {
  if (issue.code !== 'invalid_value' || typeof issue.input !== 'string') return null
  const near = nearest(issue.input, issue.values.map(String))
  return near === null ? null : `did you mean "${near}"?`
}

function article(expected: string): string {
  const words: Record<string, string> = { string: 'text', array: 'a list', record: 'an object', object: 'an object' }
  return words[expected] ?? `a ${expected}`
}

/** The keys that an object may have at a path of the schema. */
function keysAt(schema: unknown, path: Path): string[] {
  let current: unknown[] = unwrap(schema)
  for (const part of path) current = current.flatMap((node) => child(node, part)).flatMap(unwrap)
  return [...new Set(current.flatMap((node) => (node instanceof z.ZodObject ? Object.keys(node.shape) : [])))]
}

function child(node: unknown, part: string | number): unknown[] {
  if (node instanceof z.ZodObject) return part in node.shape ? [node.shape[part]] : []
  if (node instanceof z.ZodArray) return [node.element]
  if (node instanceof z.ZodRecord) return [node.valueType]
  return []
}

/** The schemas behind optional, default, pipe and union. */
function unwrap(schema: unknown): unknown[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable) {
    return unwrap(schema.unwrap())
  }
  if (schema instanceof z.ZodPipe) return unwrap(schema.in)
  if (schema instanceof z.ZodUnion) return schema.options.flatMap(unwrap)
  return [schema]
}
