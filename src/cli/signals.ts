/** What ends a command early. SIGTERM and SIGINT: the first asks to stop, the second ends the process at once. */
import type { LinkedEventsError } from '../errors.ts'

/** Longest time between the first signal and the end of the process: 10 seconds. */
const drainMilliseconds = 10_000

/** Aborted by the first signal. A second signal, or a drain that takes too long, ends the process with 143 or 130. */
export function abortOnSignal(onFirst: (signal: string) => void = () => {}): AbortSignal {
  const controller = new AbortController()
  for (const [name, code] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(code)
      controller.abort(new Error(name))
      onFirst(name)
      setTimeout(() => process.exit(code), drainMilliseconds).unref()
    })
  }
  return controller.signal
}

/** The same signal, aborted with `error` too when the work takes longer; `done` when it has ended. */
export function withTimeLimit(
  signal: AbortSignal,
  { milliseconds, error }: { readonly milliseconds: number; readonly error: LinkedEventsError },
): { readonly signal: AbortSignal; done(): void } {
  const limit = new AbortController()
  const timer = setTimeout(() => limit.abort(error), Math.min(milliseconds, timerMax))
  return { signal: AbortSignal.any([signal, limit.signal]), done: () => clearTimeout(timer) }
}

/** A timer of more fires at once. */
const timerMax = 2 ** 31 - 1
