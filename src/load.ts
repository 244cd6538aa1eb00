/** Loads a package when it is first used: half of a start is loading code, and few configurations have schemas. */
import { createRequire } from 'node:module'

export const load: (name: string) => unknown = createRequire(import.meta.url)
