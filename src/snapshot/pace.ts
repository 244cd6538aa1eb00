/** Whether a version is asked for rows so often that it pays to hold them in memory. */

/** Lookups of one look at the pace, and as a share of the rows: more rows take longer to read, and want better proof. */
const windowLookupsMin = 65_536
const windowShare = 1 / 8
const hour = 3_600_000

/**
 * Reading a row into memory costs half of what it then saves with each lookup (2 µs of CPU), and has to be done for each version,
 * which is every hour: so it pays when each row, on average, is asked for once an hour.
 */
export class Pace {
  readonly #rows: number
  readonly #now: () => number
  readonly #windowLookups: number
  #left: number
  #since: number

  /** `now`: milliseconds, from anywhere. */
  constructor(rows: number, now = () => performance.now()) {
    this.#rows = rows
    this.#now = now
    this.#windowLookups = Math.max(windowLookupsMin, Math.ceil(rows * windowShare))
    this.#left = this.#windowLookups
    this.#since = now()
  }

  /** Counts one lookup. True, now and then: at this pace it pays. */
  lookup(): boolean {
    return --this.#left === 0 && this.#windowEnds()
  }

  #windowEnds(): boolean {
    const now = this.#now()
    const pays = (now - this.#since) * this.#rows <= this.#windowLookups * hour
    this.#left = this.#windowLookups
    this.#since = now
    return pays
  }
}

/** How many bytes all entities together may hold. */
export class Room {
  #left: number

  constructor(bytes: number) {
    this.#left = bytes
  }

  /** Takes so much, or nothing. */
  take(bytes: number): boolean {
    if (bytes > this.#left) return false
    this.#left -= bytes
    return true
  }

  give(bytes: number): void {
    this.#left += bytes
  }
}
