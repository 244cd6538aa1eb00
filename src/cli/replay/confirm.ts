/** Asks once, on stderr, before anything is written. */
import { createInterface } from 'node:readline/promises'
import { LinkedEventsError } from '../../errors.ts'

export interface Asking {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  readonly output: NodeJS.WritableStream & { readonly isTTY?: boolean }
}

/** @throws LinkedEventsError USAGE where there is nobody to ask */
export function requireAnswerable({ input, output }: Asking): void {
  if (input.isTTY === true && output.isTTY === true) return
  throw new LinkedEventsError('USAGE', 'a replay writes, and there is no terminal to ask on', {
    hint: 'add --dry-run to see what it would do, or --yes to do it',
  })
}

/** @throws LinkedEventsError CANCELLED unless the answer is yes */
export async function confirm(question: string, { input, output }: Asking): Promise<void> {
  const lines = createInterface({ input, output })
  try {
    const answer = await Promise.race([
      lines.question(`${question} [y/N] `),
      new Promise<string>((resolve) => lines.once('close', () => resolve(''))),
    ])
    if (/^y(es)?$/i.test(answer.trim())) return
  } finally {
    lines.close()
  }
  throw new LinkedEventsError('CANCELLED', 'not confirmed: nothing was written')
}
