/** What an error means for the transaction in which it came: whether its batches are read again, or the process ends. */
import { LinkedEventsError } from '../errors.ts'
import { kafkaCode, kafkaError } from './kafka-error.ts'

const fencedCodes = new Set([47, 90])
/** Another generation, not a member, rebalancing: the partitions are, or will be, somebody else's. */
const membershipCodes = new Set([22, 25, 27, 82])
/** The transaction is spoilt, the next may be fine: sequence numbers, its state, its producer id. */
const brokenCodes = new Set([45, 48, 49, 59])

/** Nothing of the transaction is visible, and its batches are to be read again. `cause` says why. */
export class TransactionAborted extends Error {
  override readonly name = 'TransactionAborted'

  /** The partitions are somebody else's: join again first. */
  get lostMembership(): boolean {
    return membershipCodes.has(kafkaCode(this.cause) ?? 0)
  }
}

export interface Verdict {
  /** `late`: it took longer than the brokers allow. `broken`: the next may be fine, unless this happens again and again. */
  readonly kind: 'moved' | 'late' | 'broken' | 'fatal'
  /** A TransactionAborted, unless it is fatal. */
  readonly error: Error
}

/** `isLate`: the transaction is older than its time-out. */
export function judge(reason: unknown, transactionalId: string, isLate: boolean): Verdict {
  const code = kafkaCode(reason)
  const aborted = new TransactionAborted(`a transaction of "${transactionalId}" was aborted`, { cause: reason })
  if (code !== null && membershipCodes.has(code)) return { kind: 'moved', error: aborted }
  if (code !== null && brokenCodes.has(code)) return { kind: 'broken', error: aborted }
  if (code === null || !fencedCodes.has(code)) return { kind: 'fatal', error: fatal(reason) }
  // The brokers give one answer to two things. A transaction that is younger than its time-out cannot have run out of time.
  if (isLate) return { kind: 'late', error: aborted }
  const message = `another process uses the transactional id "${transactionalId}"`
  return { kind: 'fatal', error: new LinkedEventsError('KAFKA_FENCED', message, { cause: reason }) }
}

/** The transaction is over, by its time-out, by what spoilt it, or by another producer of its id. */
export function isOver(error: unknown): boolean {
  const code = kafkaCode(error)
  return code !== null && (fencedCodes.has(code) || brokenCodes.has(code))
}

export function fatal(reason: unknown): LinkedEventsError {
  return kafkaError(reason, 'deliver in a transaction')
}
