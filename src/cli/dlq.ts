/** `dlq`: what could not be enriched, why, and sending it again. Reads the topic, or the file, that the configuration names. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Project } from '../config/project.ts'
import { deadLetterReasons } from '../enrich/outcome.ts'
import { type Header, headersOf } from '../enrich/source.ts'
import { exit, LinkedEventsError, nearest } from '../errors.ts'
import type { PublishRecord } from '../kafka/publish.ts'
import { type Context, countOf, projectOf } from './context.ts'
import { kafkaOf } from './edges.ts'

/** One dead letter. `topic`, `partition`, `offset` and `time` are those of the message that it was. */
interface DeadLetter {
  readonly number: number
  readonly reason: string
  readonly message: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly time: string
  /** Bytes of the value. */
  readonly size: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly Header[]
  /** Where the dead letter itself lies, when that is a topic. */
  readonly at: { readonly partition: number; readonly offset: number } | null
}

interface DlqOptions {
  readonly reason?: string
  readonly limit?: string
  readonly dryRun?: boolean
}

export async function list(context: Context, options: DlqOptions): Promise<number> {
  const limit = countOf(options.limit ?? '1000', '--limit')
  let shown = 0
  for await (const letter of deadLetters(projectOf(context), options)) {
    if (shown++ >= limit) break
    const { number, reason, message, topic, partition, offset, time, size } = letter
    context.terminal.result(
      { number, reason, message, topic, partition, offset, time, size },
      () =>
        `${String(number).padStart(6)}  ${time}  ${topic}/${partition}/${offset}  ${reason}: ${message} (${size} bytes)`,
    )
  }
  if (shown === 0) context.terminal.talk('no dead letters')
  return exit.ok
}

export async function show(context: Context, _options: DlqOptions, text: string): Promise<number> {
  const wanted = countOf(text, 'NUMBER')
  for await (const letter of deadLetters(projectOf(context), {})) {
    if (letter.number !== wanted) continue
    const { key, value, headers, at: _at, ...facts } = letter
    const shown = {
      ...facts,
      ...textOf('key', key),
      ...textOf('value', value),
      headers: headers.map(({ name, value: content }) => ({ name, ...textOf('value', content) })),
    }
    context.terminal.result(shown, () =>
      Object.entries(shown)
        .map(([name, content]) => `${name}: ${typeof content === 'string' ? content : JSON.stringify(content)}`)
        .join('\n'),
    )
    return exit.ok
  }
  throw new LinkedEventsError('BAD_INPUT', `there is no dead letter number ${wanted}`, {
    hint: 'see `linked-events dlq list`',
  })
}

export async function retry(context: Context, options: DlqOptions): Promise<number> {
  const project = projectOf(context)
  if (project.config.source.kafka === undefined) {
    throw new LinkedEventsError('USAGE', 'the source is a file, which is always read from its beginning', {
      hint: 'correct the lines in the file, or the mapping, and run again',
    })
  }
  const retried = retriedOf(project)
  const records: PublishRecord[] = []
  for await (const letter of deadLetters(project, options)) {
    if (letter.at !== null && letter.at.offset < (retried[letter.at.partition] ?? 0)) continue
    records.push(recordOf(letter))
    if (letter.at !== null && options.reason === undefined) retried[letter.at.partition] = letter.at.offset + 1
  }
  if (options.dryRun !== true && records.length > 0) {
    const { publish } = await import('../kafka/publish.ts')
    await publish(kafkaOf(project), records)
    writeFileSync(retriedFile(project), JSON.stringify(retried), { mode: 0o600 })
  }
  const verb = options.dryRun === true ? 'would be sent' : 'sent'
  context.terminal.result(
    { ok: true, dry_run: options.dryRun === true, retried: records.length },
    () => `${records.length} dead letters ${verb} to their topics again`,
  )
  return exit.ok
}

/** Dead letters in the order of topic and partition, or of the file; numbers count from 1 over all of them. */
async function* deadLetters(project: Project, { reason }: DlqOptions): AsyncGenerator<DeadLetter> {
  checkReason(reason)
  const { topic, file } = project.config.dead_letters as { topic?: string; file?: string }
  const all = topic === undefined ? lettersOfFile(file!) : lettersOfTopic(project, topic)
  for await (const letter of all) if (reason === undefined || letter.reason === reason) yield letter
}

async function* lettersOfTopic(project: Project, topic: string): AsyncGenerator<DeadLetter> {
  const { scan } = await import('../kafka/scan.ts')
  let number = 0
  const letters: DeadLetter[] = []
  for await (const batch of scan({ connection: kafkaOf(project), topic })) {
    letters.length = 0
    batch.each((message) => {
      const headers = headersOf(message)
      const text = (name: string) => headers.find((header) => header.name === name)?.value?.toString('utf8')
      const value =
        message.valueStart < 0 ? null : Buffer.from(message.bytes.subarray(message.valueStart, message.valueEnd))
      letters.push({
        number: ++number,
        reason: text('le.reason') ?? 'unknown',
        message: text('__connect.errors.exception.message') ?? '',
        topic: text('__connect.errors.topic') ?? topic,
        partition: Number(text('__connect.errors.partition') ?? message.partition),
        offset: Number(text('__connect.errors.offset') ?? message.offset),
        time: new Date(message.timestamp).toISOString(),
        size: value?.length ?? 0,
        key: message.keyStart < 0 ? null : Buffer.from(message.bytes.subarray(message.keyStart, message.keyEnd)),
        value,
        headers,
        at: { partition: message.partition, offset: message.offset },
      })
    })
    yield* letters
  }
}

function* lettersOfFile(file: string): Generator<DeadLetter> {
  if (file === '-')
    throw new LinkedEventsError('USAGE', 'the dead letters went to stdout', {
      hint: 'name a file or topic under dead_letters',
    })
  if (!existsSync(file)) return
  let number = 0
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line === '') continue
    const letter = JSON.parse(line) as Record<string, string | null>
    const [topic = '', partition = '0', offset = '0'] = /^(.*)\/(\d+)\/(\d+)$/.exec(letter.source ?? '')?.slice(1) ?? []
    const value = bytesOf(letter, 'value')
    yield {
      number: ++number,
      reason: letter.reason ?? 'unknown',
      message: letter.message ?? '',
      topic,
      partition: Number(partition),
      offset: Number(offset),
      time: letter.time ?? '',
      size: value?.length ?? 0,
      key: bytesOf(letter, 'key'),
      value,
      headers: [],
      at: null,
    }
  }
}

function bytesOf(letter: Record<string, string | null>, name: string): Buffer | null {
  const text = letter[name]
  if (typeof text === 'string') return Buffer.from(text)
  const base64 = letter[`${name}_base64`]
  return typeof base64 === 'string' ? Buffer.from(base64, 'base64') : null
}

/** The message as it was: its own headers without those that say why it died. */
function recordOf({ topic, partition, key, value, headers, time }: DeadLetter): PublishRecord {
  const own = headers.filter(({ name }) => !name.startsWith('__connect.errors.') && name !== 'le.reason')
  return {
    topic,
    partition,
    key,
    value,
    headers: own.map(({ name, value: content }) => [name, content] as const),
    timestamp: Date.parse(time),
  }
}

function textOf(name: string, bytes: Buffer | null): Record<string, string | null> {
  if (bytes === null) return { [name]: null }
  const text = bytes.toString('utf8')
  return Buffer.from(text).equals(bytes) ? { [name]: text } : { [`${name}_base64`]: bytes.toString('base64') }
}

function checkReason(reason: string | undefined): void {
  const known = Object.keys(deadLetterReasons)
  if (reason === undefined || known.includes(reason)) return
  const near = nearest(reason, known)
  throw new LinkedEventsError('USAGE', `there is no reason "${reason}"`, {
    hint: near === null ? `there are ${known.join(', ')}` : `did you mean "${near}"?`,
  })
}

/** Up to which offset of each partition a whole `retry` has gone: what was sent is not sent twice. */
function retriedOf(project: Project): Record<string, number> {
  try {
    return JSON.parse(readFileSync(retriedFile(project), 'utf8')) as Record<string, number>
  } catch {
    return {}
  }
}

function retriedFile(project: Project): string {
  return join(project.config.state_dir, 'dlq-retried.json')
}
