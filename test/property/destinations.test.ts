/**
 * The default mappings and preset triggers of Segment's published destinations, run on events of every call of the Spec, ours
 * beside the published packages. They need `npm ci --prefix test/oracle` (100 MB), which CI does; elsewhere they are skipped.
 */
import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { JsonObject, JsonValue } from '../../src/json.ts'
import { compileMapping } from '../../src/mapping/mapping.ts'
import { compileTrigger } from '../../src/trigger/trigger.ts'
import { specEvents } from '../fixtures/spec-events.ts'
import { mappingOracle, triggerOracle } from '../support/oracle.ts'

interface Definition {
  readonly presets?: readonly { readonly name: string; readonly subscribe?: string; readonly mapping?: JsonObject }[]
  readonly actions?: Readonly<
    Record<string, { readonly fields?: Readonly<Record<string, { readonly default?: JsonValue }>> }>
  >
}

const installed = resolve('test/oracle/node_modules/@segment/action-destinations/dist/destinations')
const present = existsSync(installed)
const { transform } = mappingOracle()
const { parseFql, validate } = triggerOracle()
const show = (value: unknown): string => JSON.stringify(value) ?? 'undefined'

/** Mappings and triggers by their name; functions and undefined members of a definition are not part of a saved mapping. */
function published(): {
  readonly mappings: Map<string, JsonObject>
  readonly triggers: Map<string, string>
  readonly destinations: number
} {
  const require = createRequire(import.meta.url)
  const mappings = new Map<string, JsonObject>()
  const triggers = new Map<string, string>()
  const saved = (mapping: unknown): JsonObject => JSON.parse(JSON.stringify(mapping)) as JsonObject
  let destinations = 0
  for (const slug of readdirSync(installed).sort()) {
    if (!existsSync(join(installed, slug, 'index.js'))) continue
    let definition: Definition
    try {
      definition = (require(join(installed, slug, 'index.js')) as { default: Definition }).default
    } catch {
      continue // one has a dependency that its package does not declare
    }
    destinations++
    for (const preset of definition.presets ?? []) {
      if (preset.mapping !== undefined) mappings.set(`${slug}: ${preset.name}`, saved(preset.mapping))
      if (preset.subscribe !== undefined) triggers.set(`${slug}: ${preset.name}`, preset.subscribe)
    }
    for (const [name, { fields = {} }] of Object.entries(definition.actions ?? {})) {
      const defaults = Object.entries(fields).filter(([, field]) => field.default !== undefined)
      const mapping = Object.fromEntries(defaults.map(([key, field]) => [key, field.default]))
      mappings.set(`${slug}: ${name}, defaults`, saved(mapping))
    }
  }
  return { mappings, triggers, destinations }
}

it('Segment’s published destinations are installed', ({ skip }) => {
  if (!present && process.env.CI === undefined) {
    console.warn(
      'SKIPPED: default mappings of published destinations. To run them: npm ci --prefix test/oracle --ignore-scripts',
    )
    skip()
  }
  expect(present, 'npm ci --prefix test/oracle --ignore-scripts').toBe(true)
})

describe.runIf(present)('published destinations', () => {
  const { mappings, triggers, destinations } = present
    ? published()
    : { mappings: new Map(), triggers: new Map(), destinations: 0 }

  it('every default mapping compiles, and gives what the published package gives', () => {
    let compared = 0
    const differing: string[] = []
    for (const [name, mapping] of mappings) {
      const compiled = compileMapping(mapping)
      for (const event of specEvents) {
        const theirs = show(transform(structuredClone(mapping), structuredClone(event)))
        if (show(compiled.transform(event)) !== theirs) differing.push(name)
        compared++
      }
    }
    console.info(`published destinations: ${destinations}, mappings: ${mappings.size}, results compared: ${compared}`)
    expect(differing).toEqual([])
    expect(destinations).toBeGreaterThan(200)
    expect(mappings.size).toBeGreaterThan(1000)
  })

  it('every preset trigger matches what the published package matches', () => {
    let compared = 0
    const differing: string[] = []
    for (const [name, text] of triggers) {
      const ast = parseFql(text)
      if (ast.error !== undefined) {
        expect(() => compileTrigger(text), name).toThrow()
        continue
      }
      const compiled = compileTrigger(text)
      expect(compiled.ast, name).toEqual(ast)
      for (const event of specEvents) {
        if (compiled.matches(event) !== validate(ast, event)) differing.push(name)
        compared++
      }
    }
    console.info(`preset triggers: ${triggers.size}, answers compared: ${compared}`)
    expect(differing).toEqual([])
    expect(triggers.size).toBeGreaterThan(400)
  })
})
