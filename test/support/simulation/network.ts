/** The way between a process and the brokers: requests and answers take time, get lost, and arrive after they were given up. */
import { ConnectionClosedError } from '../../../src/kafka/internals.ts'
import { protocolError } from '../../../src/kafka/kafka-error.ts'

export interface SimulatedProcess {
  /** While it sleeps nothing comes in or goes out. */
  asleep: Promise<void> | null
  /** Killed: nothing ever will again. */
  dead: boolean
}

const coordinatorLoading = 14
const notCoordinator = 16
const lateMillisecondsMax = 4000

export class SimulatedNetwork {
  readonly #next: () => number
  /** From 0 to 1: how often something goes wrong on the way. */
  trouble = 0

  constructor(next: () => number) {
    this.#next = next
  }

  /** One client's connections, until it abandons them. */
  connect(process: SimulatedProcess): Line {
    let abandon = () => {}
    const abandoned = new Promise<never>((_, reject) => {
      abandon = () => reject(connectionLost())
    })
    abandoned.catch(() => {})
    return { send: (act) => Promise.race([this.#send(process, act), abandoned]), abandon }
  }

  async #send<T>(process: SimulatedProcess, act: () => T | Promise<T>): Promise<T> {
    await awake(process)
    await this.#travel()
    const fate = this.#next() / Math.max(this.trouble, 1e-9)
    if (fate < 0.2) {
      // Lost for the client, but perhaps still on its way.
      const arrive = () => void attempt(act).catch(() => {})
      if (this.#next() < 0.5) setTimeout(arrive, this.#next() * lateMillisecondsMax)
      throw connectionLost()
    }
    if (fate < 0.3) throw protocolError(this.#next() < 0.5 ? coordinatorLoading : notCoordinator)
    const answer = attempt(act)
    answer.catch(() => {})
    if (fate > 0.4) await this.#travel()
    await awake(process)
    if (fate < 0.5) {
      await answer.catch(() => {})
      throw connectionLost()
    }
    try {
      return await answer
    } finally {
      await awake(process)
    }
  }

  #travel(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, 1 + this.#next() * 10))
  }
}

export interface Line {
  readonly send: <T>(act: () => T | Promise<T>) => Promise<T>
  readonly abandon: () => void
}

async function awake(process: SimulatedProcess): Promise<void> {
  while (process.asleep !== null) await process.asleep
  if (process.dead) await new Promise(() => {})
}

async function attempt<T>(act: () => T | Promise<T>): Promise<T> {
  return act()
}

function connectionLost(): Error {
  return new ConnectionClosedError('the connection is gone', { host: 'simulated', port: 1 })
}
