/** How large a record will be, a little over: what is too large for its topic must be known before it is written. */
import type { Delivery } from './enrich.ts'
import type { MappingPlan } from './plan.ts'
import type { Message } from './source.ts'

const ownHeadersBytes = 512
/** Names and statuses of one entity in `le.entities`. */
const entityBytes = 640
const holdHeaderBytes = 1024

/** Of an output record: key, value, the input's headers and ours. */
export function recordBytes(message: Message, { value, mapping }: Delivery): number {
  return inputBytes(message) + value.end - value.start + ownBytes(mapping)
}

/** Upper bound of our headers. */
export function ownBytes({ bindings }: MappingPlan): number {
  return ownHeadersBytes + entityBytes * bindings.length
}

/** Of a record in the hold topic. */
export function heldBytes(message: Message): number {
  return inputBytes(message) + (message.valueEnd - message.valueStart) + holdHeaderBytes
}

/** Key and headers. */
function inputBytes({ keyStart, keyEnd, headersStart, headersEnd }: Message): number {
  return (keyStart < 0 ? 0 : keyEnd - keyStart) + (headersEnd - headersStart)
}
