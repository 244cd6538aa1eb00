import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { confirm, requireAnswerable } from '../../../../src/cli/replay/confirm.ts'

function asked(answer: string | null) {
  const [input, output] = [new PassThrough(), new PassThrough()]
  let shown = ''
  output.on('data', (bytes: Buffer) => {
    shown += bytes.toString()
  })
  const result = confirm('Begin?', { input, output }).then(
    () => 'confirmed',
    (error: { code: string }) => error.code,
  )
  if (answer === null) input.end()
  else input.write(`${answer}\n`)
  return result.then((what) => ({ what, shown }))
}

test.each(['y', 'Y', 'yes', ' YES '])('%j goes on', async (answer) => {
  expect(await asked(answer)).toMatchObject({ what: 'confirmed', shown: expect.stringContaining('Begin? [y/N]') })
})

test.each(['', 'n', 'no', 'yess', 'maybe', null])('%j does not', async (answer) => {
  expect((await asked(answer)).what).toBe('CANCELLED')
})

test('without a terminal on both sides nothing is asked', () => {
  const stream = (isTTY: boolean) => Object.assign(new PassThrough(), { isTTY })
  const of = (input: boolean, output: boolean) => () =>
    requireAnswerable({ input: stream(input), output: stream(output) })
  expect(of(true, true)).not.toThrow()
  for (const [input, output] of [
    [true, false],
    [false, true],
    [false, false],
  ] as const)
    expect(of(input, output)).toThrow(expect.objectContaining({ code: 'USAGE' }))
})
