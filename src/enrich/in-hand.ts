/** The messages that are in hand at the same time: a table in the memory of the event path, which `express.as.ts` fills and reads. */
import { sharedMemory } from '../memory.ts'
import { code } from './native.ts'
import type { Message } from './source.ts'

const recordsAt = 0x25000
const recordWords = 16
/** Where rows are asked for and their texts come to: as much memory as this. See `express.as.ts`. */
export const exchangeAt = 0x3bd00
export const exchangeBytes = 0x22000
/** So many keys of an event are looked up ahead. */
export const keysMost = 4

export const words = new Int32Array(sharedMemory.buffer)
export const doubles = new Float64Array(sharedMemory.buffer)

const records = recordsAt >> 2

/** What the records of one batch share. */
export interface RecordsShare {
  readonly base: number
  readonly firstTimestamp: number
  /** Of all of them, or -1: they have their own. */
  readonly appendTime: number
}

/** Takes up to `most` records in hand, that are whole between these addresses. How many. */
export function takeInHand(at: number, end: number, most: number, batch: RecordsShare): number {
  return code.read(at, end, most, batch.base, batch.firstTimestamp, batch.appendTime)
}

/** The address behind the record. */
export function recordEnd(place: number): number {
  return words[records + place * recordWords + 5] as number
}

export function offsetAt(place: number): number {
  return doubles[(records >> 1) + place * (recordWords >> 1) + 4] as number
}

export function timestampAt(place: number): number {
  return doubles[(records >> 1) + place * (recordWords >> 1) + 5] as number
}

/** Of the scan of its value: 0 not sure, 1 scanned, 2 a frame fits, 3 a settled one. */
export function sureAt(place: number): number {
  return (words[records + place * recordWords + 6] as number) & 3
}

/** The number of its decision, below 0 for none. */
export function decisionAt(place: number): number {
  return ((words[records + place * recordWords + 6] as number) >> 2) - 1
}

export function decideAt(place: number, number: number): void {
  words[records + place * recordWords + 6] = sureAt(place) | ((number + 1) << 2)
}

/** Where its value stands. */
export function valueStartAt(place: number): number {
  return words[records + place * recordWords + 2] as number
}

export function valueEndAt(place: number): number {
  return words[records + place * recordWords + 3] as number
}

/** Of which entities rows are asked for by the records in hand, as bits: those whose keys are plain text, and whose decisions are known. */
export function entitiesAsked(): number {
  return code.asked()
}

/** The address behind all that is asked for. */
export function askedTo(): number {
  return code.askedTo()
}

/** The message of a record in hand; its bytes are the memory. */
export function fillMessage(message: Message, place: number): void {
  const at = records + place * recordWords
  message.keyStart = words[at] as number
  message.keyEnd = words[at + 1] as number
  message.valueStart = words[at + 2] as number
  message.valueEnd = words[at + 3] as number
  message.headersStart = words[at + 4] as number
  message.headersEnd = words[at + 5] as number
  message.offset = offsetAt(place)
  message.timestamp = timestampAt(place)
}
