import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseDataGraph } from '../../../src/graph/graph.ts'

const folder = 'test/fixtures/graphs'

describe('data graphs as people write them in Segment', () => {
  it.each(readdirSync(folder).filter((name) => name.endsWith('.hcl')))('%s is read without a word', (name) => {
    const { ok, graph, problems } = parseDataGraph(readFileSync(`${folder}/${name}`, 'utf8'))
    expect(problems).toEqual([])
    expect(ok).toBe(true)
    expect(graph?.entities.some(({ enrichment_enabled }) => enrichment_enabled)).toBe(true)
  })
})

describe('the mistakes of published examples', () => {
  it.each(readdirSync(`${folder}/invalid`))('%s: told at its place, with what to write', (name) => {
    const text = readFileSync(`${folder}/invalid/${name}`, 'utf8')
    const [, line, column, code, hint] = /^# expect: (\d+):(\d+) (\w+) (.*)$/m.exec(text) ?? []
    const found = parseDataGraph(text).problems.map((one) => ({
      line: one.line,
      column: one.column,
      code: one.code,
      hint: one.hint,
    }))
    expect(found[0]).toEqual({ line: Number(line), column: Number(column), code, hint })
  })
})
