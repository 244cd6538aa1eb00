/** The coordinator of one consumer group: members join, are synchronised, beat, and are put out when they do not. */
import { protocolError } from '../../../src/kafka/kafka-error.ts'

interface Member {
  readonly id: string
  readonly sessionTimeout: number
  seen: number
  metadata: Buffer
  joining: ((answer: JoinAnswer) => void) | null
  syncing: Waiting | null
}

interface Waiting {
  readonly resolve: (answer: { memberAssignment: Buffer }) => void
  readonly reject: (error: Error) => void
}

interface JoinAnswer {
  readonly generationId: number
  readonly leaderId: string
  readonly memberId: string
  readonly groupProtocol: string
  readonly members: readonly { readonly memberId: string; readonly memberMetadata: Buffer }[]
}

const codes = { illegalGeneration: 22, unknownMember: 25, rebalanceInProgress: 27 }
const sweepMilliseconds = 250
const rebalanceMilliseconds = 60_000

export class SimulatedGroup {
  readonly #next: () => number
  readonly #members = new Map<string, Member>()
  #state: 'joining' | 'syncing' | 'stable' = 'stable'
  #generation = 0
  #joiningSince = 0
  #assignments = new Map<string, Buffer>()
  /** The offset to read next, by `topic/partition`. */
  readonly committed = new Map<string, number>()

  constructor(next: () => number) {
    this.#next = next
    setInterval(() => this.#sweep(), sweepMilliseconds)
  }

  join(request: {
    readonly memberId: string
    readonly sessionTimeout: number
    readonly groupProtocols: readonly { readonly name: string; readonly metadata: Buffer }[]
  }): Promise<JoinAnswer> {
    const { memberId, sessionTimeout, groupProtocols } = request
    const metadata = groupProtocols[0]!.metadata
    let member = this.#members.get(memberId)
    if (member === undefined) {
      if (memberId !== '') throw protocolError(codes.unknownMember)
      const id = `member-${this.#next()}`
      member = { id, sessionTimeout, seen: 0, metadata, joining: null, syncing: null }
      this.#members.set(id, member)
    }
    const joined = member
    return new Promise((resolve) => {
      joined.joining = resolve
      this.#rebalance()
    })
  }

  sync(request: {
    readonly memberId: string
    readonly generationId: number
    readonly groupAssignment: readonly { readonly memberId: string; readonly memberAssignment: Buffer }[]
  }): Promise<{ memberAssignment: Buffer }> {
    const member = this.#known(request.memberId, request.generationId)
    if (this.#state === 'joining') throw protocolError(codes.rebalanceInProgress)
    if (request.memberId === this.#leader && this.#state === 'syncing') {
      this.#state = 'stable'
      this.#assignments = new Map(request.groupAssignment.map((each) => [each.memberId, each.memberAssignment]))
      for (const each of this.#members.values()) this.#synchronise(each)
    }
    return new Promise((resolve, reject) => {
      member.syncing = { resolve, reject }
      if (this.#state === 'stable') this.#synchronise(member)
    })
  }

  heartbeat(request: { readonly memberId: string; readonly groupGenerationId: number }): void {
    this.#known(request.memberId, request.groupGenerationId)
    if (this.#state === 'joining') throw protocolError(codes.rebalanceInProgress)
  }

  leave({ memberId }: { readonly memberId: string }): void {
    if (this.#members.delete(memberId)) this.#rebalance()
  }

  /** @throws where this is no member of the present generation */
  checkMembership(memberId: string, generation: number): void {
    this.#known(memberId, generation)
  }

  commit(memberId: string, generation: number, offsets: ReadonlyMap<string, number>): void {
    this.#known(memberId, generation)
    if (this.#state === 'syncing') throw protocolError(codes.rebalanceInProgress)
    for (const [place, offset] of offsets) this.committed.set(place, offset)
  }

  get #leader(): string {
    return [...this.#members.keys()][0] ?? ''
  }

  #known(memberId: string, generation: number): Member {
    const member = this.#members.get(memberId)
    if (member === undefined) throw protocolError(codes.unknownMember)
    if (generation !== this.#generation) throw protocolError(codes.illegalGeneration)
    member.seen = performance.now()
    return member
  }

  #synchronise(member: Member): void {
    member.syncing?.resolve({ memberAssignment: this.#assignments.get(member.id) ?? Buffer.alloc(0) })
    member.syncing = null
  }

  /** Everybody has to come; who does not, in time, or does not beat in the meantime, is put out by the sweep. */
  #rebalance(): void {
    if (this.#state !== 'joining') this.#joiningSince = performance.now()
    this.#state = 'joining'
    for (const member of this.#members.values()) {
      member.syncing?.reject(protocolError(codes.rebalanceInProgress))
      member.syncing = null
    }
    const members = [...this.#members.values()]
    if (members.some(({ joining }) => joining === null)) return
    this.#generation++
    this.#state = 'syncing'
    for (const member of members) {
      const isLeader = member.id === this.#leader
      member.seen = performance.now()
      member.joining?.({
        generationId: this.#generation,
        leaderId: this.#leader,
        memberId: member.id,
        groupProtocol: 'RoundRobinAssigner',
        members: isLeader ? members.map(({ id, metadata }) => ({ memberId: id, memberMetadata: metadata })) : [],
      })
      member.joining = null
    }
  }

  #sweep(): void {
    const late = this.#state === 'joining' && performance.now() - this.#joiningSince > rebalanceMilliseconds
    const gone = [...this.#members.values()].filter(
      ({ joining, seen, sessionTimeout }) => joining === null && (late || performance.now() - seen > sessionTimeout),
    )
    for (const { id } of gone) this.#members.delete(id)
    if (gone.length > 0) this.#rebalance()
  }
}
