/**
 * The cases that Segment's packages document themselves, read from the installed packages when the test runs; none of their texts
 * is kept here. The mapping kit's package has no examples (its README is a licence, its tests are not published): its cases are the
 * ones in the tests of the destinations, and `test/unit/mapping/directives.test.ts` has a table of every directive and path rule.
 * The trigger packages have the README of the lexer.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { compileMapping } from '../../src/mapping/mapping.ts'
import { compileTrigger } from '../../src/trigger/trigger.ts'
import { specEvents } from '../fixtures/spec-events.ts'
import { mappingOracle, triggerOracle } from '../support/oracle.ts'
import { publishedTestCases } from '../support/published-tests.ts'

const packages = ['actions-core', 'destination-subscriptions', 'fql-ts'] as const
const readme = (name: string): string => readFileSync(`node_modules/@segment/${name}/README.md`, 'utf8')
const published = resolve('test/oracle/node_modules/@segment/action-destinations/dist')

/** The lexer's examples name fields that a trigger cannot see: with fields that it can, they are triggers. */
const withKnownFields = (text: string): string =>
  text.replace(/^[a-z]+(?=\.)/, 'properties').replace(/^[a-z]+(?= )/, 'event')

/** What stands between quotes in the blocks of code of a document, and what is code in its prose. */
function codeIn(text: string): readonly string[] {
  const blocks = [...text.matchAll(/^```\w*\n(.*?)^```/gms)].map(([, code]) => code!)
  const quoted = blocks.flatMap((code) => [...code.matchAll(/'([^'\n]*)'|"([^"\n]*)"|`([^`]*)`/g)])
  const prose = [...text.replaceAll(/^```.*?^```/gms, '').matchAll(/`([^`\n]+)`/g)]
  return [...quoted, ...prose].map(([, ...groups]) => groups.find((one) => one !== undefined)!)
}

describe('the documents of the packages', () => {
  const { parseFql, validate } = triggerOracle()

  it('every piece of code in them is the same trigger in both, or none in both', () => {
    const seen = { triggers: 0, refused: 0 }
    const texts = packages.flatMap((name) => codeIn(readme(name)))
    for (const text of new Set([...texts, ...texts.map(withKnownFields)])) {
      const ast = parseFql(text)
      if (ast.error !== undefined || text.trim() === '') {
        expect(() => compileTrigger(text), text).toThrow()
        seen.refused++
        continue
      }
      const compiled = compileTrigger(text)
      expect(compiled.ast, text).toEqual(ast)
      for (const event of specEvents) expect(compiled.matches(event), text).toBe(validate(ast, event))
      seen.triggers++
    }
    console.info('documented triggers:', JSON.stringify(seen))
    expect(seen.triggers).toBeGreaterThanOrEqual(3)
    expect(seen.refused).toBeGreaterThan(0)
  })

  it('those of the mapping kit have no mapping to compare: a release that brings one makes this fail', () => {
    expect(readme('actions-core')).not.toMatch(
      /"?@(path|template|if|case|arrayPath|replace|merge|json|flatten|liquid)\b/,
    )
    const files = readdirSync('node_modules/@segment/actions-core/dist', { recursive: true, encoding: 'utf8' })
    expect(files.filter((name) => /mapping-kit.*(test|spec|\.md|example)/.test(name))).toEqual([])
  })
})

describe.runIf(existsSync(published))('the published tests of destinations', () => {
  it('hand over mappings and events that give the same in both', async () => {
    const cases = await publishedTestCases(join(published, 'destinations'))
    const { transform } = mappingOracle()
    for (const { name, mapping, event } of cases) {
      const theirs = transform(structuredClone(mapping), structuredClone(event))
      expect(JSON.stringify(compileMapping(mapping).transform(event)), name).toBe(JSON.stringify(theirs))
    }
    console.info(`published test cases: ${cases.length}`)
    expect(cases.length).toBeGreaterThan(150)
  })
})
