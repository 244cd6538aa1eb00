/** `npm run scanner`: compiles `src/enrich/scan.as.ts` into `src/enrich/scan-code.ts`. Needs `npm ci --prefix test/oracle`. */
import { readFileSync, writeFileSync } from 'node:fs'
import { compiledScanner } from '../test/support/scanner.ts'

const path = new URL('../src/enrich/scan-code.ts', import.meta.url)
const before = readFileSync(path, 'utf8')
const after = await compiledScanner()
writeFileSync(path, after)
console.info(before === after ? 'unchanged' : 'written: src/enrich/scan-code.ts')
