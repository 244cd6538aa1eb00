/** Secrets are references, `${env:NAME}` and `${file:/path}`; they are replaced before anything is checked. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Problem } from '../errors.ts'
import type { Path, TextDocument } from './document.ts'
import { Secret } from './secret.ts'

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Folder of the configuration file: relative paths begin there. */
  readonly dir: string
}

/** Keys whose values are secret, whatever they hold. */
const secretKeys = new Set(['password', 'url'])

/** The value with each reference replaced; a text under a secret key becomes a `Secret`. Mapping kit texts are left alone. */
export function resolveReferences(document: TextDocument, surroundings: Surroundings, problems: Problem[]): unknown {
  return visit(document.value, [])

  function visit(value: unknown, path: Path): unknown {
    if (Array.isArray(value)) return value.map((item, index) => visit(item, [...path, index]))
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, visit(member, [...path, key])]))
    }
    if (typeof value !== 'string') return value
    if (path.includes('mapping') || path.includes('settings')) return value
    const resolved = value.replaceAll(/\$\{(env|file):([^}]*)\}/g, (whole, kind: string, name: string) => {
      const found = kind === 'env' ? surroundings.env[name] : readOrNull(resolve(surroundings.dir, name))
      if (found === undefined || found === null) {
        const message = kind === 'env' ? `environment variable ${name} is not set` : `cannot read the file ${name}`
        problems.push({
          code: 'CONFIG_SECRET_MISSING',
          severity: 'error',
          message,
          ...document.place(path),
          hint: null,
        })
        return whole
      }
      return found
    })
    if (!secretKeys.has(String(path.at(-1)))) return resolved
    if (resolved === value && holdsSecret(String(path.at(-1)), value)) {
      const hint = `write it as a reference, e.g. \${env:${String(path.at(-1)).toUpperCase()}}`
      problems.push({
        code: 'CONFIG_SECRET_LITERAL',
        severity: 'warning',
        message: `${path.join('.')} is a secret written out`,
        ...document.place(path),
        hint,
      })
    }
    return new Secret(resolved)
  }
}

function holdsSecret(key: string, value: string): boolean {
  return key === 'password' || /\/\/[^/@:]*:[^/@]+@/.test(value)
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trimEnd()
  } catch {
    return null
  }
}
