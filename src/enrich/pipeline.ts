/** The way of an event, on one screen: source → decode → trigger → match → lookup → map → encode → sink. */
import type { Clock } from '../clock.ts'
import type { Tell } from '../telemetry.ts'
import { rejected } from './decode.ts'
import { isDelivery } from './enrich.ts'
import { compileEnricher, type Enricher } from './fast.ts'
import { firstHold } from './holds.ts'
import { type HoldPlan, type Plan, type ProvenanceFor, provenances } from './plan.ts'
import type { Provenance } from './provenance.ts'
import { heldBytes, recordBytes } from './record-bytes.ts'
import type { Outputs, Sink } from './sink.ts'
import type { SnapshotSet, Snapshots } from './snapshots.ts'
import type { Batch, Message, Source } from './source.ts'
import { type Freshness, FreshVersions } from './staleness.ts'
import { Tally } from './tally.ts'

export interface Pipeline {
  readonly plan: Plan
  readonly source: Source
  readonly sink: Sink
  readonly snapshots: Snapshots
  /** How old the snapshot of each used entity may be. */
  readonly freshness: ReadonlyMap<string, Freshness>
  readonly clock: Clock
  readonly tell: Tell
}

/**
 * Deliver first, acknowledge second: a crash between the two repeats a batch, never loses one.
 * One version of each entity a batch; within a batch nothing waits between source and sink.
 */
export async function run(pipeline: Pipeline, signal: AbortSignal): Promise<void> {
  const { source, sink, snapshots, freshness, clock, tell } = pipeline
  const fresh = new FreshVersions({ snapshots, rules: freshness, clock, tell })
  const provenanceOf = provenances(pipeline.plan)
  const enricher = compileEnricher(pipeline.plan)
  await source.consume(async (batch) => {
    const versions = await fresh.current(signal)
    if (versions === null) return // told to stop while it waited: the batch is read again later
    const started = clock.now()
    const tally = new Tally()
    const outputs = sink.begin(batch)
    try {
      const { holds } = pipeline.plan
      const provenance = provenanceOf(batch.topic)
      enrichBatch({ sink, enricher, holds, provenance, batch, versions, outputs, tally })
    } finally {
      versions.release()
    }
    const enriched = clock.now()
    await outputs.flush()
    const delivered = clock.now()
    await batch.acknowledge()
    tell({
      name: 'batch-enriched',
      topic: batch.topic,
      partition: batch.partition,
      messages: batch.count,
      bytes: batch.bytes,
      lag: batch.lag,
      ...tally.counts(),
      seconds: {
        enrich: (enriched - started) / 1000,
        deliver: (delivered - enriched) / 1000,
        acknowledge: (clock.now() - delivered) / 1000,
      },
    })
  }, signal)
}

interface BatchInHand {
  readonly sink: Sink
  readonly enricher: Enricher
  readonly holds: HoldPlan | null
  readonly provenance: ProvenanceFor
  readonly batch: Batch
  readonly versions: SnapshotSet
  readonly outputs: Outputs
  readonly tally: Tally
}

function enrichBatch({ sink, enricher, holds, provenance, batch, versions, outputs, tally }: BatchInHand): void {
  const express = enricher.express({ events: batch.count, tally, outputs })
  const visit = (message: Message) => {
    tally.lastTimestamp = message.timestamp
    const enrichment = enricher.enrich(versions, message)
    if ('reason' in enrichment) return deadLetter(message, enrichment)
    const { entries } = enrichment
    for (const entry of entries) {
      const target = isDelivery(entry) ? entry.destination.target : entry.outcome === 'held' ? holds!.target : null
      if (target === null) continue
      const size = isDelivery(entry) ? recordBytes(message, entry) : heldBytes(message)
      if (size > sink.recordBytesMax(target)) {
        return deadLetter(message, rejected('output_too_large', `${entry.destination.slug}: ${size} bytes`))
      }
    }
    const provenances: Provenance[] | null = express?.wants(message) === true ? [] : null
    for (const entry of entries) {
      tally.entry(entry)
      if (entry.outcome === 'held') outputs.hold(holds!.target, message, firstHold(message, entry, versions))
      if (!isDelivery(entry)) continue
      const { destination, mapping, outcome, matches, value } = entry
      const from = provenance(destination, mapping, outcome, matches)
      outputs.deliver(destination.target, message, value, from)
      provenances?.push(from)
    }
    if (provenances !== null) express!.tell(message, entries, provenances, enricher.expressMappings())
  }
  const { look } = enricher
  if (look === null) batch.each(visit)
  else
    batch.each(visit, {
      look: (count) => look(versions, count),
      pass: (place, count) => (express === null ? place : express.pass(place, count)),
    })
  express?.end()

  function deadLetter(
    message: Message,
    why: { reason: Parameters<Tally['deadLetter']>[0]; explanation: string },
  ): void {
    tally.deadLetter(why.reason)
    outputs.deadLetter(message, why.reason, why.explanation)
  }
}
