/**
 * The way that most events take: what was decided on an event, the rows and headers of its outputs and where they go is told to
 * `express.as.ts` once a batch, and events that are like it then become records without a visit. What it is not sure of it leaves,
 * and that is visited as ever; both ways give the same bytes.
 */
import { memory, reserve } from '../memory.ts'
import type { RowLayout } from '../row-text.ts'
import { type Delivery, isDelivery, type Omission } from './enrich.ts'
import { decisionAt, timestampAt, words } from './in-hand.ts'
import { code } from './native.ts'
import type { Outcome } from './outcome.ts'
import type { PlacedMember } from './pieces.ts'
import type { Provenance } from './provenance.ts'
import { ownBytes } from './record-bytes.ts'
import type { Direct, Lane, Outputs } from './sink.ts'
import type { Message } from './source.ts'
import type { Tally } from './tally.ts'

// As in `express.as.ts`.
const decisionsAt = 0x37c00
const decisionBytes = 32
const decisionsMost = 256
const lanesAt = 0x3bc00
const laneBytes = 64
const lanesMost = 4
const deliveriesMost = 8
const deliveryBytes = 64
const memberBytes = 40
const kinds = { object: 0, row: 1, constant: 2, column: 3, property: 4, computed: -1 } as const

/** What is told of one batch. */
const programsBytes = 64 * 1024
const programsAt = reserve(programsBytes)
/** In a smaller batch the telling costs more than it saves. */
const eventsMin = 64

/** A mapping that writes rows, their columns, properties of the event and constants, into the event or into a payload. */
export interface ExpressMapping {
  readonly format: 'event' | 'payload'
  readonly members: readonly PlacedMember[]
  /** Of an entity, which of the decision's keys names its row, and what rows have; null: they are not in memory. */
  readonly rowOf: (entity: string) => { readonly key: number; readonly layout: RowLayout } | null
}

/** Whether `express.as.ts` can write what these are. */
export function isExpressible(members: readonly PlacedMember[]): boolean {
  return members.every(({ piece: { kind }, members: below }) => kind !== 'computed' && isExpressible(below))
}

/** The decision with this number is a new one. */
export function renumber(
  number: number,
  keys: readonly { readonly entity: number; readonly node: { readonly slot: number } }[],
): void {
  const at = (decisionsAt + number * decisionBytes) >> 2
  words[at] = 0
  words[at + 1] = 0
  words[at + 2] = keys.length
  for (const [key, { entity, node }] of keys.entries()) {
    memory[4 * at + 12 + key] = Math.min(entity, 255)
    words[at + 4 + key] = node.slot
  }
}

/** What becomes of an event where all rows are there, or it is wanted by nobody. */
const likely: ReadonlySet<Outcome> = new Set(['full', 'bypassed', 'filtered'])

/** What is told of one decision. */
interface Told {
  /** Each event has such entries. */
  readonly entries: readonly (Delivery | Omission)[]
  /** Offsets from here on have more digits. */
  readonly offsetEnd: number
}

/** Of one batch. */
export class Express {
  readonly #slots: number
  readonly #tally: Tally
  readonly #outputs: Outputs
  readonly #lanes: Lane[] = []
  /** By decision; null: it cannot be told. */
  readonly #told = new Map<number, Told | null>()
  #programs = 0
  #end = programsAt

  /** `events`: how many the batch has. */
  constructor(options: {
    readonly slots: number
    readonly events: number
    readonly tally: Tally
    readonly outputs: Outputs
  }) {
    this.#slots = options.slots
    this.#tally = options.tally
    this.#outputs = options.outputs
    // What was told of a batch that failed is nothing to this one.
    for (let number = 0; number < decisionsMost; number++) words[(decisionsAt + number * decisionBytes) >> 2] = 0
  }

  static isFor({ events, outputs }: { readonly events: number; readonly outputs: Outputs }): boolean {
    return events >= eventsMin && outputs.direct !== undefined
  }

  /** How far the messages in hand, from this one on, need no visit: the first that does. */
  pass(place: number, count: number): number {
    if (this.#programs === 0) return place
    const lanes = this.#lanes
    while (lanes.some((lane) => lane.makeRoom())) {} // one may take the place of another
    for (let lane = 0; lane < lanes.length; lane++) lanes[lane]!.lend(lanesAt + lane * laneBytes)
    const next = code.compose(place, count, this.#slots)
    for (let lane = 0; lane < lanes.length; lane++) lanes[lane]!.takeBack(lanesAt + lane * laneBytes)
    if (next > place) this.#tally.lastTimestamp = timestampAt(next - 1)
    return next
  }

  /** Whether it wants to know what became of this message. */
  wants(message: Message): boolean {
    const number = message.place < 0 ? -1 : decisionAt(message.place)
    if (number < 0) return false
    const told = this.#told.get(number)
    return told === undefined || (told !== null && message.offset >= told.offsetEnd)
  }

  /** What became of a message that was visited, and how the deliveries among its entries are made. */
  tell(
    message: Message,
    entries: readonly (Delivery | Omission)[],
    provenances: readonly Provenance[],
    mappings: readonly ExpressMapping[] | null,
  ): void {
    if (mappings === null || !entries.every(({ outcome }) => likely.has(outcome))) return
    const number = decisionAt(message.place)
    this.settle(number)
    const isFor = mappings.length === provenances.length && mappings.length <= deliveriesMost
    const before = this.#end
    const program = isFor ? this.#program(message, entries, provenances, mappings) : null
    this.#told.set(number, program === null ? null : { entries, offsetEnd: program.offsetEnd })
    if (program === null) {
      this.#end = before
      return
    }
    words[(decisionsAt + number * decisionBytes) >> 2] = program.at
    this.#programs++
  }

  /** A number stands for something else now, or the batch is over: its events are counted. */
  settle(number: number): void {
    const told = this.#told.get(number)
    this.#told.delete(number)
    if (told === undefined || told === null) return
    const at = (decisionsAt + number * decisionBytes) >> 2
    for (const entry of told.entries) this.#tally.entry(entry, words[at + 1] as number)
    words[at] = 0
    words[at + 1] = 0
    this.#programs--
  }

  end(): void {
    for (const number of this.#told.keys()) this.settle(number)
  }

  /** Null: it cannot be told. */
  #program(
    message: Message,
    entries: readonly (Delivery | Omission)[],
    provenances: readonly Provenance[],
    mappings: readonly ExpressMapping[],
  ): { readonly at: number; readonly offsetEnd: number } | null {
    const at = this.#take(16 + deliveryBytes * provenances.length)
    if (at === null) return null
    memory.writeInt32LE(provenances.length, at)
    const deliveries = entries.filter(isDelivery)
    let offsetEnd = Number.POSITIVE_INFINITY
    for (const [index, entry] of deliveries.entries()) {
      const direct = this.#outputs.direct!(entry.destination.target, message, provenances[index]!)
      const own = at + 16 + deliveryBytes * index
      if (direct === null || !this.#delivery(own, entry, mappings[index]!, direct)) return null
      offsetEnd = Math.min(offsetEnd, direct.headers.offsetEnd)
    }
    return { at, offsetEnd }
  }

  #delivery(at: number, entry: Delivery, { format, members, rowOf }: ExpressMapping, direct: Direct): boolean {
    const lane = this.#laneOf(direct.lane)
    const { headers } = direct
    const own = this.#bytes(headers.bytes.subarray(headers.start, headers.end))
    const first = this.#members(members, rowOf)
    const braces = format === 'event' ? 0 : this.#bytes(Buffer.from('{}'))
    if (lane === null || own === null || first === null || braces === null) return false
    const bytesMax = direct.recordBytesMax - ownBytes(entry.mapping)
    const fields = [first, lane, own, own + headers.end - headers.start]
    fields.push(headers.sourceEnd - headers.start, headers.eventIdEnd - headers.start, headers.count)
    fields.push(Math.max(0, Math.min(2 ** 31 - 1, bytesMax)))
    this.#put(fields, at)
    memory.writeDoubleLE(headers.offsetStart, at + 32)
    memory.writeDoubleLE(headers.offsetEnd, at + 40)
    this.#put([members.length, braces], at + 48)
    return true
  }

  #laneOf(lane: Lane): number | null {
    let index = this.#lanes.indexOf(lane)
    if (index < 0) {
      if (this.#lanes.length === lanesMost) return null
      index = this.#lanes.push(lane) - 1
    }
    return lanesAt + index * laneBytes
  }

  /** Members one after another, each before those below it. */
  #members(members: readonly PlacedMember[], rowOf: ExpressMapping['rowOf']): number | null {
    const all: { member: PlacedMember; below: number }[] = []
    const visit = (member: PlacedMember): number => {
      const own = { member, below: 0 }
      all.push(own)
      own.below = member.members.reduce((sum, child) => sum + visit(child), 0)
      return own.below + 1
    }
    for (const member of members) visit(member)
    const first = this.#take(memberBytes * all.length)
    if (first === null) return null
    for (const [index, { member, below }] of all.entries()) {
      const head = this.#bytes(Buffer.from(member.head))
      const text = this.#textOf(member, rowOf)
      if (head === null || text === null) return null
      const headBytes = Buffer.byteLength(member.head)
      // Where it is the first, the comma before it is left out.
      const heads = [head, headBytes, head + 1, headBytes - 1]
      const { kind } = member.piece
      this.#put(
        [kinds[kind], member.node.slot, ...heads, ...text, below, member.members.length],
        first + memberBytes * index,
      )
    }
    return first
  }

  /** Where the text of a member comes from. */
  #textOf({ piece, property, above }: PlacedMember, rowOf: ExpressMapping['rowOf']): [number, number] | null {
    switch (piece.kind) {
      case 'object':
        return [0, 0]
      case 'constant': {
        const at = this.#bytes(Buffer.from(piece.text))
        return at === null ? null : [at, Buffer.byteLength(piece.text)]
      }
      case 'row': {
        const row = rowOf(piece.entity)
        return row === null ? null : [row.key, 0]
      }
      case 'column': {
        const row = rowOf(piece.entity)
        const place = row?.layout.placeOf(piece.column)
        if (row === null || place === undefined) return null
        const heads = row.layout.heads.slice(0, place + 1).map((head) => Buffer.byteLength(head))
        const path = this.#numbers([place, ...heads])
        return path === null ? null : [row.key, path]
      }
      case 'property': {
        const slots = this.#numbers([above.length, ...above.map(({ slot }) => slot)])
        return slots === null ? null : [property!.slot, slots]
      }
      case 'computed':
        return null
    }
  }

  #numbers(numbers: readonly number[]): number | null {
    const at = this.#take(4 * numbers.length)
    if (at !== null) this.#put(numbers, at)
    return at
  }

  #put(numbers: readonly number[], at: number): void {
    for (const [index, number] of numbers.entries()) memory.writeInt32LE(number, at + 4 * index)
  }

  #bytes(bytes: Uint8Array): number | null {
    const at = this.#take(bytes.length)
    if (at !== null) memory.set(bytes, at)
    return at
  }

  #take(bytes: number): number | null {
    const at = this.#end
    if (at + bytes > programsAt + programsBytes) return null
    this.#end = at + ((bytes + 15) & ~15)
    return at
  }
}
