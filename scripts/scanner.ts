/** `npm run scanner`: compiles the AssemblyScript of `src` (`*.as.ts`). Needs `npm ci --prefix test/oracle`. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { compile, compiled } from '../test/support/scanner.ts'

for (const one of compiled) {
  const before = existsSync(one.path) ? readFileSync(one.path, 'utf8') : ''
  const after = await compile(one)
  writeFileSync(one.path, after)
  console.info(`${before === after ? 'unchanged' : 'written'}: ${one.path.pathname}`)
}
