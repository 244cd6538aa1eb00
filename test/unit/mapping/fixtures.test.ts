import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../../src/json.ts'
import { compileMapping } from '../../../src/mapping/mapping.ts'
import { mappingOracle } from '../../support/oracle.ts'

interface Fixture {
  readonly about: string
  readonly mapping: JsonObject
  readonly event: JsonObject
  readonly output: JsonObject
}

const folder = 'test/fixtures/mappings'

describe('mappings as people write them in Segment', () => {
  it.each(readdirSync(folder))('%s gives what it says, here and in the published package', (name) => {
    const { mapping, event, output } = JSON.parse(readFileSync(`${folder}/${name}`, 'utf8')) as Fixture
    const result = compileMapping(mapping).transform(event)
    expect(result).toEqual(output)
    expect(JSON.stringify(mappingOracle().transform(structuredClone(mapping), event))).toBe(JSON.stringify(result))
  })
})
