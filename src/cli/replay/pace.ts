/** How fast it goes and how long it will take, from what was done in the last seconds. */

export interface Pace {
  /** Units a second; 0 while unknown. */
  readonly perSecond: number
  /** Seconds left; null while unknown. */
  readonly secondsLeft: number | null
}

/** Looks back this far: long enough to be steady, short enough to follow. */
const windowMilliseconds = 10_000

export function pacer(total: number): (done: number, now: number) => Pace {
  const seen: { readonly done: number; readonly now: number }[] = []
  return (done, now) => {
    seen.push({ done, now })
    while (seen.length > 2 && now - seen[1]!.now >= windowMilliseconds) seen.shift()
    const oldest = seen[0]!
    const perSecond = now > oldest.now ? ((done - oldest.done) * 1000) / (now - oldest.now) : 0
    return { perSecond, secondsLeft: perSecond > 0 ? (total - done) / perSecond : total === done ? 0 : null }
  }
}

/** `≈ 1,234/s, 2:05 left`. Offsets are not always messages, so it is about. */
export function paceText({ perSecond, secondsLeft }: Pace): string {
  const rate = `≈ ${Math.round(perSecond).toLocaleString('en')}/s`
  return secondsLeft === null ? rate : `${rate}, ${durationText(secondsLeft)} left`
}

function durationText(seconds: number): string {
  const whole = Math.ceil(seconds)
  const two = (number: number) => String(number).padStart(2, '0')
  const hours = Math.floor(whole / 3600)
  const minutes = Math.floor(whole / 60) % 60
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`
}
