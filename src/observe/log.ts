/** Facts to log lines on stderr: JSON, a sentence and fields. At `info` a healthy day is quiet; never a payload, never a key. */
import { destination, type Level, pino } from 'pino'
import type { Fact, Tell } from '../telemetry.ts'

type Line = readonly [level: Level, sentence: string, fields: Record<string, unknown>]

export function logger(options: { readonly level: Level | 'silent' }): Tell {
  const log = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination({ fd: 2, sync: true }),
  )
  return (fact) => {
    const line = lineOf(fact)
    if (line !== null) log[line[0]]({ ...line[2] }, line[1])
  }
}

function lineOf(fact: Fact): Line | null {
  switch (fact.name) {
    case 'batch-enriched':
      return [
        'debug',
        'batch enriched',
        { topic: fact.topic, partition: fact.partition, messages: fact.messages, lag: fact.lag },
      ]
    case 'holds-retried':
      return ['debug', 'held events tried again', { partition: fact.partition, ...fact.results }]
    case 'holds-failed':
      return [
        'warn',
        'held events could not be tried; they are after the next version',
        { code: fact.code, error: fact.message },
      ]
    case 'partitions-assigned':
      return [
        'info',
        'partitions assigned',
        { partitions: fact.partitions.map(({ topic, partition }) => `${topic}/${partition}`), seconds: fact.seconds },
      ]
    case 'partitions-revoked':
      return ['debug', 'partitions revoked', { count: fact.partitions.length }]
    case 'offset-jumped':
      return [
        'error',
        'messages expired before they were read',
        {
          topic: fact.topic,
          partition: fact.partition,
          expected: fact.expected,
          found: fact.found,
          code: 'OFFSET_JUMPED',
        },
      ]
    case 'transaction-ended': {
      const { name: _, committed, ...fields } = fact
      if (committed) return ['debug', 'transaction committed', fields]
      return ['warn', 'transaction aborted; its batches are read again', fields]
    }
    case 'transaction-hung':
      return [
        'warn',
        'partitions had not heard of the end of a transaction; it was ended there as well',
        { partitions: fact.partitions.map(({ topic, partition }) => `${topic}/${partition}`), decision: fact.decision },
      ]
    case 'waiting': {
      const { name: _, why, ...fields } = fact
      return why === null
        ? ['info', 'the wait for Kafka is over', fields]
        : ['warn', 'waiting for Kafka', { ...fields, why }]
    }
    case 'produce-retried':
      return ['warn', 'an output is sent again', { attempt: fact.attempt, error: fact.error }]
    case 'kafka-connected':
      return fact.connected
        ? ['debug', 'connected to Kafka', { role: fact.role }]
        : ['warn', 'lost the connection to Kafka', { role: fact.role }]
    case 'sync-started':
      return ['debug', 'sync started', { entity: fact.entity }]
    case 'sync-finished': {
      const { error, ...run } = fact.run
      const elsewhere = run.row_events?.elsewhere ?? null
      const sentence = `sync finished${elsewhere === null ? '' : '; another installation sends its row events'}`
      if (error === null) return [run.result === 'guarded' ? 'warn' : 'info', sentence, run]
      return [
        'error',
        'sync failed; the previous snapshot goes on serving',
        { ...run, code: error.code, error: error.message, hint: error.hint },
      ]
    }
    case 'snapshot-serving':
      return ['info', 'serving a new snapshot version', { entity: fact.entity, version: fact.version, rows: fact.rows }]
    case 'snapshot-stale': {
      const { name: _, ...fields } = fact
      if (!fact.stale) return ['info', 'a snapshot is fresh again', fields]
      return [
        'warn',
        `a snapshot is older than its max_age; on_stale is ${fact.onStale}`,
        { ...fields, code: 'SNAPSHOT_STALE' },
      ]
    }
    case 'rows-in-memory': {
      const { name: _, ...fields } = fact
      return ['info', 'the rows of a snapshot are in memory now, as they are asked for often', fields]
    }
    case 'row-cache':
      return null // the metrics tell
    case 'snapshot-rejected':
      return [
        'error',
        'a snapshot file is damaged and is not served',
        { entity: fact.entity, version: fact.version, reason: fact.reason, code: 'SNAPSHOT_CORRUPT' },
      ]
    case 'started':
      return ['info', 'started', { version: fact.version, node: process.version }]
    case 'ready':
      return ['info', 'ready: every entity has a verified version', {}]
    case 'stopping':
      return ['info', 'stopping', { reason: fact.reason }]
    case 'failed':
      return ['error', fact.message, { code: fact.code, hint: fact.hint }]
  }
}
