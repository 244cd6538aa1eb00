/** AssemblyScript, compiled. The compiler is too large for every clone: it stands with the oracles. */
import { readFileSync } from 'node:fs'

interface Compiler {
  main(
    options: readonly string[],
    api: {
      readFile(name: string): string | null
      writeFile(name: string, content: string | Uint8Array): void
      listFiles(): readonly string[]
    },
  ): Promise<{ readonly error: Error | null; readonly stderr: { toString(): string } }>
}

/** Where `npm ci --prefix test/oracle` puts it. */
export const compilerPath = new URL('../oracle/node_modules/assemblyscript/dist/asc.js', import.meta.url)
const source = (path: string) => new URL(`../../src/${path}`, import.meta.url)
const sources = new Map([
  ['enrich/express.ts', source('enrich/express.as.ts')],
  ['enrich/scan.as.ts', source('enrich/scan.as.ts')],
  ['key.as.ts', source('key.as.ts')],
  ['snapshot/rows.ts', source('snapshot/rows.as.ts')],
])

/** What is made of what. */
export const compiled = [
  { path: 'enrich/scan-code.ts', entry: 'enrich/express.ts', name: 'scanCode', of: '`express.as.ts` and `scan.as.ts`' },
  { path: 'snapshot/rows-code.ts', entry: 'snapshot/rows.ts', name: 'rowsCode', of: '`rows.as.ts`' },
].map((one) => ({ ...one, path: source(one.path) }))

/** The text of one of these. */
export async function compile({ entry, name, of }: (typeof compiled)[number]): Promise<string> {
  const { default: compiler } = (await import(compilerPath.href)) as { default: Compiler }
  let code: Uint8Array | undefined
  const { error, stderr } = await compiler.main(
    [entry, '-O3', '--runtime', 'stub', '--enable', 'simd', '--noAssert', '--importMemory', '-o', 'code.wasm'],
    {
      readFile: (name) => (sources.has(name) ? readFileSync(sources.get(name)!, 'utf8') : null),
      writeFile: (_, content) => {
        if (typeof content !== 'string') code = content
      },
      listFiles: () => [],
    },
  )
  if (error !== null || code === undefined) throw new Error(`${entry} does not compile: ${stderr}`)
  const lines =
    Buffer.from(code)
      .toString('base64')
      .match(/.{1,100}/g) ?? []
  return `/** ${of} as WebAssembly, in base64. Made by \`npm run scanner\`; a test compares. */\nexport const ${name} =\n${lines
    .map((line) => `  '${line}'`)
    .join(' +\n')}\n`
}
