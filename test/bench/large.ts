/** Events near the broker's limit, at full speed and beside a broker that mostly sleeps: memory has a bound. */
import { publish } from '../../src/kafka/publish.ts'
import { observe } from './observed-process.ts'
import { eventText } from './segment-events.ts'
import { partitions, type TestBench } from './test-bench.ts'

const goalMiB = 256
const paddingBytes = 900_000
const asleepMilliseconds = 200
const awakeMilliseconds = 50

export async function large(bench: TestBench, { events, rows }: { events: number; rows: number }): Promise<void> {
  bench.talk(`${events.toLocaleString('en')} events of ${paddingBytes / 1000} KB ...`)
  const stateDir = await bench.snapshotOf(rows)
  await bench.createTopic('large')
  const padding = `"padding":"${'x'.repeat(paddingBytes)}",`
  function* inputs() {
    for (let number = 0; number < events; number++) {
      const value = `{${padding}${eventText(number, rows).slice(1)}`
      yield { topic: 'large', partition: number % partitions, key: String(number), value }
    }
  }
  await publish(bench.connection, inputs())
  for (const broker of ['awake', 'slow'] as const) {
    const name = `large-${broker}`
    await bench.createTopic(name)
    const wake = broker === 'slow' ? sleepy(bench.broker.pid) : () => {}
    try {
      const command = bench.program({ name, input: 'large', stateDir })
      const done = () => bench.written(name)
      const figures = await observe({ command, core: bench.core, events, secondsMax: 300, done })
      const { ownMiB, tenthMiB, endMiB, eventsPerSecond } = figures
      console.log(
        `memory, events of ${paddingBytes / 1000} KB, broker ${broker}: most ${ownMiB.toFixed(0)} MiB (goal <= ${goalMiB}), ${tenthMiB.toFixed(0)} at 10 %, ${endMiB.toFixed(0)} at the end; ${eventsPerSecond.toFixed(0)} events/s`,
      )
    } finally {
      wake()
    }
    await bench.admin.deleteTopics([name])
  }
}

/** The process sleeps most of the time, until the function that is returned is called. */
function sleepy(pid: number | null): () => void {
  if (pid === null) throw new Error('only a broker that is ours can be slowed down')
  let asleep = false
  let timer: NodeJS.Timeout
  const turn = () => {
    asleep = !asleep
    process.kill(pid, asleep ? 'SIGSTOP' : 'SIGCONT')
    timer = setTimeout(turn, asleep ? asleepMilliseconds : awakeMilliseconds)
  }
  turn()
  return () => {
    clearTimeout(timer)
    process.kill(pid, 'SIGCONT')
  }
}
