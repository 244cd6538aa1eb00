/** How two JSON values differ, place by place. */
import { encodeJson, isObject, type JsonValue } from '../../json.ts'

/** Lines `- path: expected` and `+ path: found`; none when they are equal. The order of keys does not matter. */
export function differences(expected: JsonValue | undefined, found: JsonValue | undefined, path: string): string[] {
  if (isObject(expected) && isObject(found)) {
    const keys = [...new Set([...Object.keys(expected), ...Object.keys(found)])]
    return keys.flatMap((key) => differences(expected[key], found[key], `${path}.${key}`))
  }
  if (Array.isArray(expected) && Array.isArray(found)) {
    const length = Math.max(expected.length, found.length)
    return Array.from({ length }, (_, index) => differences(expected[index], found[index], `${path}[${index}]`)).flat()
  }
  if (text(expected) === text(found)) return []
  return [
    ...(expected === undefined ? [] : [`- ${path}: ${text(expected)}`]),
    ...(found === undefined ? [] : [`+ ${path}: ${text(found)}`]),
  ]
}

function text(value: JsonValue | undefined): string {
  return value === undefined ? 'nothing' : encodeJson(value)
}
