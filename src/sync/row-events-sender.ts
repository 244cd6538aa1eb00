/**
 * Which installation sends the row events of an entity. Each has a baseline, and so deltas, of its own: two of them would tell
 * every change twice, and none can go on where another one stopped. A pointer row beside those of the syncs names the one;
 * where it is missing, whoever syncs next reads everything anew and makes it.
 */
import { begin } from './checkpoint.ts'
import type { EntityPlan } from './entity-plan.ts'
import { digest } from './source.ts'
import type { WarehouseSession } from './warehouse.ts'

export interface EventSender {
  readonly installId: string
  /** Host and process that made it the sender, for people. */
  readonly owner: string
}

/** Null: nobody yet. */
export async function senderOf(session: WarehouseSession, stream: string): Promise<EventSender | null> {
  const row = await session.checkpoint(await streamKey(stream))
  return row === null ? null : { installId: row.lineage, owner: row.owner }
}

/** The sender; where there is none, this installation is it from now on. */
export async function senderOrClaim(
  session: WarehouseSession,
  claim: { readonly entity: EntityPlan; readonly stream: string; readonly owner: string },
): Promise<EventSender> {
  const { entity, stream, owner } = claim
  const before = await senderOf(session, stream)
  if (before !== null) return before
  try {
    await begin(session, {
      syncKey: await streamKey(stream),
      entity: `row events of ${entity.slug}`,
      configHash: '',
      epoch: 0,
      lineage: entity.installId,
      seq: 0,
      generation: '',
      rows: 0,
      delta: null,
      deltaCounts: { added: 0, updated: 0, deleted: 0 },
      deltaAsOf: 0,
      probe: null,
      fence: 1,
      owner,
    })
  } catch (error) {
    const faster = await senderOf(session, stream)
    if (faster === null) throw error
    return faster
  }
  return { installId: entity.installId, owner }
}

/** Nobody is the sender any more. */
export async function forgetSender(session: WarehouseSession, stream: string): Promise<void> {
  await session.forget(await streamKey(stream))
}

const streamKey = async (stream: string): Promise<string> =>
  (await digest(JSON.stringify(['row events', stream]))).slice(0, 12)
