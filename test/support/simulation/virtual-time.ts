/** Time that passes only when nothing is left to do: timers and clocks of this process, one after another, as fast as they can. */

interface Timer {
  at: number
  readonly id: number
  readonly every: number | null
  readonly call: () => void
}

const real = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  clearInterval: globalThis.clearInterval,
  setImmediate: globalThis.setImmediate,
  dateNow: Date.now,
  performanceNow: performance.now,
}
const epoch = Date.parse('2026-11-25T10:00:00Z')

export class VirtualTime {
  #now = 0
  #timers: Timer[] = []
  #count = 0

  install(): void {
    const set =
      (every: boolean) =>
      (call: (...words: unknown[]) => void, milliseconds?: number, ...words: unknown[]) => {
        const wait = Math.max(1, milliseconds ?? 0)
        return this.#add(wait, every ? wait : null, () => call(...words))
      }
    const clear = (timer: unknown) => {
      this.#timers = this.#timers.filter((each) => each !== timer)
    }
    Object.assign(globalThis, {
      setTimeout: set(false),
      setInterval: set(true),
      clearTimeout: clear,
      clearInterval: clear,
    })
    Date.now = () => epoch + this.#now
    performance.now = () => this.#now
  }

  /** Gives the real timers back; what is left of the virtual ones never comes. */
  uninstall(): void {
    const { setTimeout, clearTimeout, setInterval, clearInterval } = real
    Object.assign(globalThis, { setTimeout, clearTimeout, setInterval, clearInterval })
    Date.now = real.dateNow
    performance.now = real.performanceNow
    this.#timers = []
  }

  /** Lets time pass until it is so, for so long at most. Resolves with whether it was. */
  async until(condition: () => boolean, milliseconds: number): Promise<boolean> {
    const end = this.#now + milliseconds
    for (;;) {
      await new Promise<void>((resolve) => real.setImmediate(resolve)) // every promise that can go on has gone on
      if (condition()) return true
      const next = this.#next()
      if (next === null || next.at > end) {
        this.#now = end
        return false
      }
      this.#now = Math.max(this.#now, next.at)
      if (next.every === null) this.#timers.splice(this.#timers.indexOf(next), 1)
      else next.at = this.#now + next.every
      next.call()
    }
  }

  #add(wait: number, every: number | null, call: () => void): Timer {
    const timer = { at: this.#now + wait, id: this.#count++, every, call }
    this.#timers.push(timer)
    return timer
  }

  #next(): Timer | null {
    let first: Timer | null = null
    for (const timer of this.#timers)
      if (first === null || timer.at < first.at || (timer.at === first.at && timer.id < first.id)) first = timer
    return first
  }
}
