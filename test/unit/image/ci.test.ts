import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import config from '../../../vitest.config.ts'

test('CI runs every project of tests by its name', () => {
  const script = readFileSync('.ci/run', 'utf8')
  const projects = (config.test?.projects ?? []) as readonly { readonly test: { readonly name: string } }[]
  const names = projects.map(({ test: { name } }) => name)
  expect(names).toContain('integration')
  expect(names.filter((name) => !script.includes(`--project ${name}`))).toEqual([])
})
