/** A broken invariant is our own bug: the process ends with exit code 70 rather than carry on with wrong data. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message)
}
