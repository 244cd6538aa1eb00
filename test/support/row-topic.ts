/** A topic of row events in memory, with what Kafka promises a transactional sender: the last one to begin shuts the others out. */
import { LinkedEventsError } from '../../src/errors.ts'
import type { RowEvents } from '../../src/sync/row-events.ts'

interface Mark {
  readonly delta: string
  readonly row: number
}

export class RowTopic {
  readonly events: string[] = []
  #epoch = 0
  #mark: Mark = { delta: '', row: 0 }

  async begin(): Promise<number> {
    return ++this.#epoch
  }

  async mark(): Promise<Mark> {
    return this.#mark
  }

  /** An event and how far its delta has come, in one step. */
  async append(epoch: number, event: string, mark: Mark): Promise<void> {
    if (epoch !== this.#epoch) throw new LinkedEventsError('KAFKA_FENCED', 'another sender has begun')
    this.events.push(event)
    this.#mark = mark
  }
}

/** The order in which the sender for Kafka does it. */
export function rowEventsTo(topic: Pick<RowTopic, 'begin' | 'mark' | 'append'>): RowEvents {
  return {
    async send(order) {
      await order.confirm()
      const epoch = await topic.begin()
      await order.confirm()
      const mark = await topic.mark()
      const done = mark.delta === order.delta ? mark.row : 0
      let row = 0
      for await (const page of order.changes()) {
        for (const event of page) {
          if (++row <= done || event === null) continue
          await topic.append(epoch, event.value, { delta: order.delta, row })
          order.sent(1)
        }
      }
    },
  }
}

/** What somebody holds who has followed the events from the beginning; a list of what cannot be right. */
export function followed(events: readonly string[]): { readonly rows: Map<string, string>; readonly wrong: string[] } {
  const rows = new Map<string, string>()
  const wrong: string[] = []
  for (const text of events) {
    const { event, __segment_id: key, properties } = JSON.parse(text) as Record<string, unknown>
    const [before, row] = [rows.get(String(key)), JSON.stringify(properties)]
    const possible =
      event === 'new' ? before === undefined : before !== undefined && (event !== 'updated' || before !== row)
    if (!possible) wrong.push(`${before} and then ${text}`)
    if (event === 'deleted') rows.delete(String(key))
    else rows.set(String(key), row)
  }
  return { rows, wrong }
}
