import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { pages } from '../../../scripts/reference.ts'

test.each(Object.entries(pages()))('%s is what the code says (npm run docs)', (file, text) => {
  expect(readFileSync(file, 'utf8')).toBe(text)
})

test('links inside the documentation lead somewhere', async () => {
  const { existsSync, readdirSync } = await import('node:fs')
  const { dirname, join } = await import('node:path')
  const files = ['README.md', 'CHANGELOG.md', 'src/README.md', ...readdirSync('docs').map((name) => `docs/${name}`)]
  for (const file of files) {
    for (const [, target] of readFileSync(file, 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      expect(existsSync(join(dirname(file), target!)), `${file} links to ${target}`).toBe(true)
    }
  }
})
