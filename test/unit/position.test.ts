import { expect, it } from 'vitest'
import { positionAt } from '../../src/position.ts'

it('counts lines and columns from 1, whatever ends a line', () => {
  expect(positionAt('', 0)).toEqual({ line: 1, column: 1 })
  expect(positionAt('ab\ncd', 2)).toEqual({ line: 1, column: 3 })
  expect(positionAt('ab\ncd', 3)).toEqual({ line: 2, column: 1 })
  expect(positionAt('ab\r\ncd', 5)).toEqual({ line: 2, column: 2 })
  expect(positionAt('a\rb\n\nc', 5)).toEqual({ line: 4, column: 1 })
})
