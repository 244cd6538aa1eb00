/** `@flatten`: one level of keys, joined by the separator. Empty objects vanish, and empty lists unless lists are kept whole. */
import { isObject } from '../json.ts'
import { setMember } from './directive.ts'

export function flatten(
  value: unknown,
  options: { readonly separator: string; readonly omitArrays: boolean },
): Record<string, unknown> {
  const flat: Record<string, unknown> = {}
  visit(value, '')
  return flat

  function visit(inner: unknown, prefix: string): void {
    if (Array.isArray(inner) && !options.omitArrays) {
      for (let index = 0; index < inner.length; index++) visit(inner[index], join(prefix, String(index)))
    } else if (isObject(inner)) {
      for (const key of Object.keys(inner)) visit(inner[key], join(prefix, key))
    } else setMember(flat, prefix, inner)
  }

  /** An empty prefix brings no separator. */
  function join(prefix: string, key: string): string {
    return prefix === '' ? key : prefix + options.separator + key
  }
}
