/** SIGTERM and SIGINT: the first asks to stop, the second ends the process at once. */

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
