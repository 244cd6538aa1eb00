/** What every output record says about where it comes from: the `le.*` headers. */
import type { Message } from './source.ts'

/** The part that many records share. One object per distinct content, so that a sink may keep its encoding by identity. */
export interface Provenance {
  readonly destination: string
  readonly action: string
  readonly mapping: string
  readonly outcome: 'full' | 'partial' | 'none' | 'bypassed'
  /** Status and snapshot version of each entity: `product-entity=hit@12 account-entity=no_match@7`. */
  readonly entities: string
  /** Names input topic, destination and mapping: the event id is `<prefix>-<partition>-<offset>`. */
  readonly eventIdPrefix: string
}

/** The header of a record in the hold topic; see `holds.ts`. */
export const holdHeader = 'le.hold'

/** The header names that we set; an input header of the same name is replaced. `le.replay_id` only in a replay, `le.hold` never. */
export const ownHeaders = [
  'le.destination',
  'le.action',
  'le.mapping',
  'le.outcome',
  'le.entities',
  'le.source',
  'le.event_id',
  'le.replay_id',
  holdHeader,
] as const

/** Deterministic: the same input record, destination and mapping give the same id for ever. */
export function eventId(provenance: Provenance, message: Message): string {
  return `${provenance.eventIdPrefix}-${message.partition}-${message.offset}`
}

/** Our headers of one record, in order. */
export function headersFor(provenance: Provenance, message: Message): [name: string, value: string][] {
  return [
    ['le.destination', provenance.destination],
    ['le.action', provenance.action],
    ['le.mapping', provenance.mapping],
    ['le.outcome', provenance.outcome],
    ['le.entities', provenance.entities],
    ['le.source', `${message.topic}/${message.partition}/${message.offset}`],
    ['le.event_id', eventId(provenance, message)],
  ]
}
