/** The scanner's AssemblyScript, compiled. The compiler is too large for every clone: it stands with the oracles. */
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
const sources = new Map([
  ['express.ts', new URL('../../src/enrich/express.as.ts', import.meta.url)],
  ['scan.as.ts', new URL('../../src/enrich/scan.as.ts', import.meta.url)],
])

/** The text of `src/enrich/scan-code.ts`. */
export async function compiledScanner(): Promise<string> {
  const { default: compiler } = (await import(compilerPath.href)) as { default: Compiler }
  let code: Uint8Array | undefined
  const { error, stderr } = await compiler.main(
    ['express.ts', '-O3', '--runtime', 'stub', '--enable', 'simd', '--noAssert', '--importMemory', '-o', 'scan.wasm'],
    {
      readFile: (name) => (sources.has(name) ? readFileSync(sources.get(name)!, 'utf8') : null),
      writeFile: (_, content) => {
        if (typeof content !== 'string') code = content
      },
      listFiles: () => [],
    },
  )
  if (error !== null || code === undefined) throw new Error(`the scanner does not compile: ${stderr}`)
  const lines =
    Buffer.from(code)
      .toString('base64')
      .match(/.{1,100}/g) ?? []
  return `/** \`scan.as.ts\` as WebAssembly, in base64. Made by \`npm run scanner\`; a test compares. */\nexport const scanCode =\n${lines
    .map((line) => `  '${line}'`)
    .join(' +\n')}\n`
}
