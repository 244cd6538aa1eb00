/** The languages as a library: the documented names, and nothing behind them that opens anything. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { imports } from '../support/imports.ts'

interface Manifest {
  readonly exports: Readonly<Record<string, { readonly types: string; readonly default: string } | string>>
}

const { exports } = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest
const names: Readonly<Record<string, string>> = {
  './mapping': 'compileMapping',
  './trigger': 'compileTrigger',
  './graph': 'parseDataGraph',
  './consent': 'allowedDestinations',
  './membership': 'audienceMembership',
  './schedule': 'nextRun',
}

/** The source file behind an entry of `exports`. */
function sourceOf(entry: string): string {
  const target = exports[entry]
  if (typeof target !== 'object') throw new Error(`no export ${entry}`)
  expect(target.types).toBe(target.default.replace(/\.js$/, '.d.ts'))
  return target.default.replace('./dist/', 'src/').replace(/\.js$/, '.ts')
}

describe.each(Object.entries(names))('linked-events%s', (entry, name) => {
  it(`exports ${name}`, async () => {
    const module = (await import(join(process.cwd(), sourceOf(entry)))) as Record<string, unknown>
    expect(typeof module[name]).toBe('function')
  })

  it('needs only the core and small pure packages', () => {
    const all = [...imports(sourceOf(entry), 'all')]
    const packages = all.filter((one) => !one.startsWith('src/'))
    const pure = ['liquidjs/dist/liquid.node.mjs', 'croner']
    expect(packages.filter((one) => !pure.includes(one))).toEqual([])
    const rooms = /^src\/(graph|trigger|mapping|enrich|sync|load)\/|^src\/[a-z-]+\.ts$/
    expect(all.filter((one) => one.startsWith('src/') && !rooms.test(one))).toEqual([])
  })
})
