/** Time-outs and cancelling for drivers that try again by themselves for minutes, and cannot be told to stop. */
import { LinkedEventsError } from '../errors.ts'

/** @throws WAREHOUSE_UNAVAILABLE when the work takes longer; it goes on, and its end is nobody's concern any more. */
export async function within<T>(seconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(unanswered(seconds)), seconds * 1000)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

export interface Abort {
  /** Rejects when the signal is aborted, as soon as what runs is cancelled: a server that does not answer must not hold up the run. */
  readonly aborted: Promise<never>
  forget(): void
}

/** `cancel` ends what runs, in a bounded time, and does not reject. */
export function abortWith(signal: AbortSignal, cancel: () => Promise<unknown>): Abort {
  let reject: (error: Error) => void = () => {}
  const aborted = new Promise<never>((_, fail) => {
    reject = fail
  })
  aborted.catch(() => {})
  const listener = () => void cancel().then(() => reject(cancelled()))
  signal.addEventListener('abort', listener)
  return { aborted, forget: () => signal.removeEventListener('abort', listener) }
}

export const cancelled = () => new LinkedEventsError('SYNC_CANCELLED', 'the sync was cancelled')

export const unanswered = (seconds: number) =>
  new LinkedEventsError('WAREHOUSE_UNAVAILABLE', `the warehouse has not answered for ${seconds} seconds`)
