import { expect, test } from 'vitest'
import { nodeAt, type ShapeNode, shapeOf } from '../../../src/enrich/shape.ts'

const all = (node: ShapeNode): ShapeNode[] => [node, ...node.children.flatMap(all)]

test('paths with the same beginning share its nodes, and a beginning may be a path of its own', () => {
  const shape = shapeOf([['a', 'b'], ['a'], ['a', 'c'], ['d'], ['a', 'b']])
  expect(all(shape.root).map(({ name }) => name)).toEqual(['', 'a', 'b', 'c', 'd'])
  expect(nodeAt(shape, ['a', 'c']).name).toBe('c')
  expect(nodeAt(shape, [])).toBe(shape.root)
})

test('each node has a slot of its own, and those below it follow it without a gap', () => {
  const shape = shapeOf([['a', 'b', 'c'], ['a', 'd'], ['e'], ['é', '__proto__']])
  const nodes = all(shape.root)
  expect(nodes.map(({ slot }) => slot)).toEqual(nodes.map((_, index) => index))
  for (const node of nodes) expect(node.slotsEnd).toBe(node.slot + all(node).length)
  expect(shape.slots).toBe(nodes.length)
})

test('a name is compared in the bytes in which it stands in an event', () => {
  expect(Buffer.from(nodeAt(shapeOf([['é😀']]), ['é😀']).nameBytes).toString()).toBe('é😀')
})

test('without paths there is the root alone', () => {
  expect(shapeOf([])).toMatchObject({ slots: 1, root: { slot: 0, slotsEnd: 1, children: [] } })
})
