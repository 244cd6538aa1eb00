/** Every error code, its exit code, whether trying again may help, and the next thing to try. Codes live here and nowhere else. */

/** Exit codes, after sysexits(3). */
export const exit = {
  ok: 0,
  failure: 1,
  usage: 2,
  data: 65,
  unavailable: 69,
  bug: 70,
  cannotWrite: 73,
  temporary: 75,
  permission: 77,
  config: 78,
} as const

interface CodeFacts {
  readonly exit: number
  /** Whether the same attempt may succeed later without anybody changing anything. */
  readonly retry: boolean
  readonly hint: string
}

const facts = (exitCode: number, retry: boolean, hint: string): CodeFacts => ({ exit: exitCode, retry, hint })

export const codes = {
  USAGE: facts(exit.usage, false, 'see --help'),
  CONFIG_NOT_FOUND: facts(exit.config, false, 'name the file with --config, or set LINKED_EVENTS_CONFIG'),
  CONFIG_INVALID: facts(exit.config, false, 'correct the places named above, then run `linked-events validate`'),
  CONFIG_SECRET_MISSING: facts(
    exit.config,
    false,
    'set the environment variable, or write the file, that the reference names',
  ),
  DATA_GRAPH_INVALID: facts(exit.config, false, 'correct the places named above, then run `linked-events validate`'),
  MAPPING_INVALID: facts(exit.config, false, 'correct the mapping at the places named above'),
  TRIGGER_INVALID: facts(exit.config, false, 'correct the trigger at the column named above'),
  SCHEDULE_INVALID: facts(exit.config, false, 'see the five strategies in docs/configuration.md'),
  ENTITY_UNKNOWN: facts(exit.usage, false, 'name an entity of the data graph that has enrichment_enabled = true'),
  STATE_DIR_BUSY: facts(exit.temporary, true, 'stop the other process, or give this one a state_dir of its own'),
  STATE_DIR_UNWRITABLE: facts(exit.cannotWrite, false, 'make state_dir writable for this user, or choose another'),
  DISK_FULL: facts(exit.cannotWrite, true, 'free space under state_dir; the previous snapshot goes on serving'),
  FILE_NOT_FOUND: facts(exit.config, false, 'check the path; paths are relative to the configuration file'),
  FILE_UNWRITABLE: facts(exit.cannotWrite, false, 'check the folder and its permissions'),
  HTTP_UNAVAILABLE: facts(exit.unavailable, false, 'check http.host and http.port'),
  KAFKA_UNAVAILABLE: facts(exit.unavailable, true, 'check kafka.brokers and the network, then `linked-events doctor`'),
  KAFKA_TOPIC_MISSING: facts(exit.unavailable, false, 'create the topic; linked-events never creates one by itself'),
  KAFKA_DENIED: facts(exit.permission, false, 'grant what docs/operations.md lists for this principal'),
  KAFKA_FATAL: facts(
    exit.failure,
    true,
    'the process ends and the uncommitted messages are read again at the next start',
  ),
  KAFKA_FENCED: facts(
    exit.temporary,
    false,
    'give each process a state_dir of its own: a copy of one carries the same install-id, which the transactional id is made of',
  ),
  KAFKA_CODEC_MISSING: facts(exit.config, false, 'install the package that the message names'),
  KAFKA_CLIENT_VERSION: facts(exit.bug, false, 'run `npm ci`: kafkajs is pinned to exactly 2.2.4'),
  WAREHOUSE_UNAVAILABLE: facts(
    exit.unavailable,
    true,
    'check the warehouse address and that it is up; the previous snapshot goes on serving',
  ),
  WAREHOUSE_BUSY: facts(
    exit.temporary,
    true,
    'another process holds the warehouse file open for writing; try again when it is done',
  ),
  WAREHOUSE_DENIED: facts(exit.permission, false, 'grant SELECT on the table, and CREATE on the state schema'),
  WAREHOUSE_QUERY: facts(exit.failure, true, 'the warehouse refused a statement; the message is its own'),
  WAREHOUSE_LIMIT: facts(
    exit.failure,
    false,
    'raise warehouse.bytes_billed_max, or let the mappings read fewer columns',
  ),
  TABLE_MISSING: facts(exit.failure, false, 'check table_ref in the data graph, and the spelling with its case'),
  COLUMN_MISSING: facts(exit.failure, false, 'check primary_key in the data graph, and the columns the mappings read'),
  KEYS_NULL: facts(exit.failure, false, 'give every row a primary key, or name a view that leaves such rows out'),
  KEYS_DUPLICATE: facts(
    exit.failure,
    false,
    'make the primary key unique, or set entities.<slug>.duplicates to first or reject',
  ),
  SYNC_GUARDED: facts(
    exit.failure,
    false,
    'look at the table; if the change is meant, run `linked-events sync ENTITY --approve`',
  ),
  SYNC_LOST: facts(exit.temporary, true, 'another process took over this sync; nothing was changed'),
  SYNC_CANCELLED: facts(exit.failure, true, 'the next run repeats what this one did not finish'),
  SNAPSHOT_MISSING: facts(exit.failure, true, 'run `linked-events sync`'),
  SNAPSHOT_CORRUPT: facts(exit.failure, true, 'the file was set aside; the next sync rebuilds it from the warehouse'),
  SNAPSHOT_STALE: facts(
    exit.temporary,
    false,
    'see why the syncs fail (`linked-events sync history ENTITY`), or raise entities.<slug>.max_age',
  ),
  BAD_INPUT: facts(exit.data, false, 'correct the input at the place named above'),
  ADDON_UNUSABLE: facts(exit.bug, false, 'run `npm rebuild better-sqlite3` with the Node that runs this program'),
  CANCELLED: facts(exit.failure, true, 'run the command again'),
  INTERNAL: facts(exit.bug, false, 'this is our own bug: please report it with the lines above'),
} as const satisfies Record<string, CodeFacts>

export type ErrorCode = keyof typeof codes

/** One thing wrong in a text that the operator wrote. Lines and columns count from 1. */
export interface Problem {
  readonly code: string
  readonly severity: 'error' | 'warning'
  readonly message: string
  readonly file: string | null
  readonly line: number | null
  readonly column: number | null
  readonly hint: string | null
}

export interface ErrorDetails {
  /** The next thing to try, when it is better known than the code's own hint. */
  readonly hint?: string
  readonly problems?: readonly Problem[]
  readonly cause?: unknown
}

/** An operating error: something outside is not as it must be. It has a code, a sentence with the facts, and the next thing to try. */
export class LinkedEventsError extends Error {
  override readonly name = 'LinkedEventsError'
  readonly code: ErrorCode
  readonly hint: string
  readonly problems: readonly Problem[]

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.hint = details.hint ?? codes[code].hint
    this.problems = details.problems ?? []
  }

  get exit(): number {
    return codes[this.code].exit
  }

  get retry(): boolean {
    return codes[this.code].retry
  }
}

/** The candidate nearest to `word` (at most a third of its letters differ), for *did you mean*. */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  let best: string | null = null
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase(), bestDistance)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** Edits (insert, delete, replace, swap of neighbours) from `a` to `b`; at least `limit` when there are that many. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let beforePrevious: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      let distance = Math.min((previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + cost)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        distance = Math.min(distance, (beforePrevious[j - 2] ?? 0) + 1)
      }
      current.push(distance)
    }
    beforePrevious = previous
    previous = current
  }
  return previous[b.length] ?? limit
}
