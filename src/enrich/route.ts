/** One sink of two: topics to one, files to the other, dead letters to whichever has them. */
import type { Outputs, Sink, Target } from './sink.ts'

export interface Routes {
  readonly topics: Sink | null
  readonly files: Sink | null
  readonly deadLetters: 'topics' | 'files'
}

export function route(routes: Routes): Sink {
  const sinks = [routes.topics, routes.files].filter((sink) => sink !== null)
  if (sinks.length === 1) return sinks[0]!
  const sinkOf = (target: Target) => ('topic' in target ? routes.topics : routes.files)!
  return {
    begin(batch): Outputs {
      const topics = routes.topics!.begin(batch)
      const files = routes.files!.begin(batch)
      return {
        deliver: (target, message, value, provenance) =>
          ('topic' in target ? topics : files).deliver(target, message, value, provenance),
        direct: (target, message, provenance) =>
          ('topic' in target ? topics : files).direct?.(target, message, provenance) ?? null,
        deadLetter: (message, reason, explanation) =>
          (routes.deadLetters === 'topics' ? topics : files).deadLetter(message, reason, explanation),
        hold: (target, message, note) => topics.hold(target, message, note),
        async flush() {
          await topics.flush()
          await files.flush()
        },
      }
    },
    recordBytesMax: (target) => sinkOf(target).recordBytesMax(target),
    async close() {
      for (const sink of sinks) await sink.close()
    },
  }
}
