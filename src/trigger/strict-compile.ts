/** The wider trigger language as closures. A field that is missing is null; nothing throws. */
import { ExactNumber, type JsonObject } from '../json.ts'
import { functions } from './strict-functions.ts'
import type { StrictNode } from './strict-node.ts'

type Evaluate = (event: JsonObject) => unknown

export function compileStrict(node: StrictNode): Evaluate {
  switch (node.type) {
    case 'and': {
      const children = node.children.map(compileStrict)
      return (event) => children.every((child) => child(event) === true)
    }
    case 'or': {
      const children = node.children.map(compileStrict)
      return (event) => children.some((child) => child(event) === true)
    }
    case 'not': {
      const child = compileStrict(node.child)
      return (event) => child(event) !== true
    }
    case 'literal':
      return () => node.value
    case 'list': {
      const items = node.items.map(compileStrict)
      return (event) => items.map((item) => item(event))
    }
    case 'field':
      return (event) => field(event, node.path)
    case 'call': {
      const values = node.arguments.map(compileStrict)
      const call = functions[node.name]!.call
      return (event) => call(...values.map((value) => value(event)))
    }
    case 'compare': {
      const left = compileStrict(node.left)
      const right = compileStrict(node.right)
      const holds = comparisons[node.operator]
      return (event) => holds(left(event), right(event))
    }
  }
}

const ordered =
  (holds: (a: number, b: number) => boolean) =>
  (a: unknown, b: unknown): boolean => {
    const [left, right] = [plain(a), plain(b)]
    return typeof left === 'number' && typeof right === 'number' && holds(left, right)
  }

const comparisons: Readonly<
  Record<Extract<StrictNode, { type: 'compare' }>['operator'], (a: unknown, b: unknown) => boolean>
> = {
  '=': same,
  '!=': (a, b) => !same(a, b),
  '<': ordered((a, b) => a < b),
  '<=': ordered((a, b) => a <= b),
  '>': ordered((a, b) => a > b),
  '>=': ordered((a, b) => a >= b),
  in: (a, b) => Array.isArray(b) && b.some((item) => same(a, item)),
}

const plain = (value: unknown): unknown => (value instanceof ExactNumber ? Number(value) : value)

/** Type and value; lists item by item, objects key by key. */
function same(a: unknown, b: unknown): boolean {
  const [left, right] = [plain(a) ?? null, plain(b) ?? null]
  if (left === right) return true
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false
  if (Array.isArray(left) !== Array.isArray(right)) return false
  const keys = Object.keys(left)
  if (keys.length !== Object.keys(right).length) return false
  return keys.every((key) => Object.hasOwn(right, key) && same((left as JsonObject)[key], (right as JsonObject)[key]))
}

function field(event: JsonObject, path: readonly string[]): unknown {
  let value: unknown = event
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return null
    value = (value as JsonObject)[key]
  }
  return value ?? null
}
