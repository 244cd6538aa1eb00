/** `test`: the cases that users write for their mappings, run on the compiled project; rows are given in the case itself. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { z } from 'zod'
import { checkSchema } from '../config/check.ts'
import { readDocument } from '../config/document.ts'
import type { Project } from '../config/project.ts'
import type { Plan } from '../enrich/plan.ts'
import { type Preview, preview } from '../enrich/preview.ts'
import { findBy, type SnapshotSet } from '../enrich/snapshots.ts'
import { exit, LinkedEventsError, type Problem } from '../errors.ts'
import { messageOf } from '../files/source.ts'
import { encodeJson, type JsonValue } from '../json.ts'
import { Row } from '../row-text.ts'
import { type Context, projectOf } from './context.ts'
import { differences } from './test/differences.ts'

const row = z.record(z.string(), z.unknown())
const expected = z.strictObject({
  destination: z.string().optional(),
  mapping: z.string().optional(),
  outcome: z.string().optional(),
  reason: z.string().nullish(),
  output: z.unknown().optional(),
})
const testCase = z.strictObject({
  name: z.string().min(1),
  /** An object, or its JSON text where every byte matters. */
  event: z.union([z.string(), row]),
  /** Entity → key → row. An entity that is not named has no rows. */
  rows: z.record(z.string(), z.record(z.string(), row)).default({}),
  expect: z.union([z.array(expected), expected]).optional(),
  dead_letter: z.string().optional(),
})
const testFile = z.strictObject({ tests: z.array(testCase).min(1) })
type TestCase = z.output<typeof testCase>

interface Verdict {
  readonly file: string
  readonly name: string
  readonly ok: boolean
  /** What is not as expected, a line each; `-` expected, `+` found. */
  readonly differences: readonly string[]
}

export async function test(context: Context, _options: object, ...files: string[]): Promise<number> {
  const project = projectOf(context)
  const verdicts = (files.length > 0 ? files.map((file) => resolve(context.cwd, file)) : defaultFiles(project)).flatMap(
    (file) => runFile(project, file, context.cwd),
  )
  const failed = verdicts.filter(({ ok }) => !ok).length
  const { terminal } = context
  terminal.result({ ok: failed === 0, passed: verdicts.length - failed, failed, tests: verdicts }, () =>
    [
      ...verdicts.flatMap(({ file, name, ok, differences: lines }) => [
        `${ok ? terminal.green('ok  ') : terminal.red('FAIL')} ${file}: ${name}`,
        ...lines.map((line) => `       ${line}`),
      ]),
      `${verdicts.length - failed} passed, ${failed} failed`,
    ].join('\n'),
  )
  return failed === 0 ? exit.ok : exit.failure
}

/** `tests/*.yaml` beside the configuration. */
function defaultFiles(project: Project): string[] {
  const folder = join(dirname(project.file), 'tests')
  const found = existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => /\.ya?ml$/.test(name))
        .sort()
    : []
  if (found.length > 0) return found.map((name) => join(folder, name))
  throw new LinkedEventsError('FILE_NOT_FOUND', `there are no tests in ${folder}`, {
    hint: 'name a file, or write tests/some.yaml; see docs/testing.md',
  })
}

function runFile(project: Project, file: string, cwd: string): Verdict[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new LinkedEventsError('FILE_NOT_FOUND', `cannot read ${file}`, { hint: 'check the path', cause: error })
  }
  const document = readDocument(text, file)
  const problems: Problem[] = [...document.problems]
  const { place, keyPlace, textPlace } = document
  const parsed =
    problems.length > 0
      ? null
      : checkSchema(testFile, document.value, problems, { document, place, keyPlace, textPlace })
  if (parsed === null) throw new LinkedEventsError('BAD_INPUT', `${file} is no test file`, { problems })
  return parsed.tests.map((one) => {
    const found = differencesOf(project.plan, one)
    return { file: relative(cwd, file), name: one.name, ok: found.length === 0, differences: found }
  })
}

function differencesOf(plan: Plan, one: TestCase): string[] {
  const text = typeof one.event === 'string' ? one.event : JSON.stringify(one.event)
  const found = preview(plan, rowsOf(one.rows), messageOf('test', { number: 0, bytes: Buffer.from(text) }, 0))
  if (one.dead_letter !== undefined || found.dead_letter !== undefined) {
    const reason = found.dead_letter?.reason ?? 'no dead letter'
    return one.dead_letter === reason ? [] : [`- dead_letter: ${one.dead_letter ?? 'none'}`, `+ dead_letter: ${reason}`]
  }
  const wanted = one.expect === undefined ? [] : Array.isArray(one.expect) ? one.expect : [one.expect]
  return wanted.flatMap((expectation) => unmet(expectation, found))
}

/** Nothing when some delivery is as expected; else how the nearest differs. */
function unmet(expectation: z.output<typeof expected>, found: Preview): string[] {
  const { destination, mapping, ...rest } = expectation
  const candidates = found.deliveries.filter(
    (one) =>
      (destination === undefined || one.destination === destination) &&
      (mapping === undefined || one.mapping === mapping),
  )
  if (candidates.length === 0)
    return [
      `- a delivery for ${[destination, mapping].filter((part) => part !== undefined).join(' · ') || 'some destination'}`,
    ]
  const all = candidates.map((candidate) =>
    Object.entries(rest).flatMap(([key, value]) =>
      differences(value as JsonValue, (candidate as unknown as Record<string, JsonValue>)[key], key),
    ),
  )
  return all.reduce((best, lines) => (lines.length < best.length ? lines : best))
}

function rowsOf(rows: TestCase['rows']): SnapshotSet {
  return {
    of(entity) {
      const own = rows[entity] ?? {}
      const get = (key: string) => (Object.hasOwn(own, key) ? Row.of(encodeJson(own[key])) : undefined)
      return { entity, version: 1, epoch: 1, asOf: 0, rows: Object.keys(own).length, get, find: findBy(get) }
    },
    release() {},
  }
}
