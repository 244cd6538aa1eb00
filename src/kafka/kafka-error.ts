/** From the errors of kafkajs and the codes of the protocol to ours. Matched by number: kafkajs does not know the newer names. */
import { LinkedEventsError } from '../errors.ts'
import { createErrorFromCode, type ProtocolError } from './internals.ts'

const deniedCodes = new Set([29, 30, 31, 53, 54, 58, 65])
const missingCodes = new Set([3])
/** No leader, not the leader, time-out, broker or replica or coordinator away or loading, too few replicas in sync. */
const unavailableCodes = new Set([5, 6, 7, 8, 9, 13, 14, 15, 16, 19, 20])
const unavailableNames = new Set([
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
  'KafkaJSRequestTimeoutError',
  'KafkaJSBrokerNotFound',
  'KafkaJSNoBrokerAvailableError',
  'KafkaJSGroupCoordinatorNotFound',
  'KafkaJSLockTimeout',
  'KafkaJSTimeout',
])

/** The error itself and all that it wraps, outermost first. */
function chain(error: unknown): { name?: string; code?: unknown; message?: string }[] {
  const found: { name?: string; code?: unknown; message?: string; cause?: unknown; originalError?: unknown }[] = []
  for (let at = error; typeof at === 'object' && at !== null && found.length < 10; ) {
    const link = at as (typeof found)[number]
    found.push(link)
    at = link.cause ?? link.originalError
  }
  return found
}

/** The protocol's error number, also from inside a wrapper; null where there is none. */
export function kafkaCode(error: unknown): number | null {
  for (const link of chain(error)) if (typeof link.code === 'number') return link.code
  return null
}

/** The error of this number, which it keeps also where kafkajs does not know it. */
export function protocolError(code: number): ProtocolError {
  const error = createErrorFromCode(code)
  return error.code === code ? error : Object.assign(error, { code })
}

/** An error for the operator; `doing` continues "cannot …". What is ours already stays as it is. */
export function kafkaError(error: unknown, doing: string): LinkedEventsError {
  if (error instanceof LinkedEventsError) return error
  const links = chain(error)
  const code = kafkaCode(error)
  const why = links.at(-1)?.message ?? String(error)
  const message = `cannot ${doing}: ${why}`
  if (links.some((link) => link.name === 'KafkaJSSASLAuthenticationError') || (code !== null && deniedCodes.has(code)))
    return new LinkedEventsError('KAFKA_DENIED', message, { cause: error })
  if (code !== null && missingCodes.has(code))
    return new LinkedEventsError('KAFKA_TOPIC_MISSING', message, { cause: error })
  if (unavailableCodes.has(code ?? 0) || links.some((link) => unavailableNames.has(link.name ?? '')))
    return new LinkedEventsError('KAFKA_UNAVAILABLE', message, { cause: error })
  return new LinkedEventsError('KAFKA_FATAL', message, { cause: error })
}

/** The other side's certificate is not one we trust: waiting does not help. */
export function isCertificateError(error: unknown): boolean {
  return chain(error).some(
    ({ code }) => typeof code === 'string' && /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)/.test(code),
  )
}
