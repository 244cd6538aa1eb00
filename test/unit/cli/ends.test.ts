import { expect, test } from 'vitest'
import { openEnds } from '../../../src/cli/ends.ts'

/** An end that opens, or fails to, when it is told; `said` keeps what happened, in order. */
function end(name: string, said: string[]) {
  let resolve: (end: { close(): Promise<void> }) => void = () => {}
  let reject: (error: Error) => void = () => {}
  const promise = new Promise<{ close(): Promise<void> }>((yes, no) => {
    resolve = yes
    reject = no
  })
  return {
    open: () => {
      said.push(`open ${name}`)
      return promise
    },
    succeed: () => resolve({ close: async () => void said.push(`close ${name}`) }),
    fail: () => reject(new Error(name)),
  }
}

function setUp() {
  const said: string[] = []
  const sink = end('sink', said)
  const source = end('source', said)
  return { said, sink, source, opening: openEnds({ sink: sink.open, source: source.open }) }
}

test('both ends are opened at the same time', async () => {
  const { said, sink, source, opening } = setUp()
  expect(said).toEqual(['open sink', 'open source'])
  source.succeed()
  sink.succeed()
  expect(Object.keys(await opening)).toEqual(['sink', 'source'])
})

test('when one cannot be opened the other is closed', async () => {
  for (const failing of ['sink', 'source'] as const) {
    const other = failing === 'sink' ? 'source' : 'sink'
    const { said, opening, ...ends } = setUp()
    ends[failing].fail()
    ends[other].succeed()
    await expect(opening).rejects.toThrow(failing)
    expect(said).toEqual(['open sink', 'open source', `close ${other}`])
  }
})

test("of two errors the sink's is told", async () => {
  const { sink, source, opening } = setUp()
  source.fail()
  sink.fail()
  await expect(opening).rejects.toThrow('sink')
})
