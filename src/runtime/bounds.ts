/**
 * How many of each there may be. Shared memory is laid out for these numbers (scoreboard/layout.ts, session-table/layout.ts),
 * and a larger index would be in a neighbour's memory: `config/` refuses more, and `compile` and the supervisor check again.
 * Users find these numbers in docs/configuration.md, "Bounds".
 */

/** Of all upstreams together. */
export const MAX_SERVERS = 16_384
export const MAX_UPSTREAMS = 4096
export const MAX_WORKERS = 64
/** Routes that are counted each by itself; others are counted together. */
export const MAX_ROUTES = 16_384

/** Requests that may wait for servers of one upstream, all workers together. */
export const MAX_QUEUED = 1_000_000

/** The longest time that a timer of Node.js and the 32-bit clock of the Scoreboard can measure, in ms: 24.8 days. */
export const LONGEST_DURATION = 2 ** 31 - 1

/**
 * Cells in which the connections of client addresses are counted, in each of two rows. Powers of two: part of a hash says
 * which cell.
 */
export const ADDRESS_CELLS = 8192

/** New users that are remembered for a moment: a hash of each chooses its bucket. The number of buckets is a power of two. */
export const NEW_USER_BUCKETS = 8192
export const NEW_USERS_IN_BUCKET = 8

/** A hash of a session's id chooses its bucket; only other sessions of the same bucket can push it out. */
export const SESSION_BUCKETS = 163_840
export const SESSIONS_IN_BUCKET = 16
/** Room for 2.6 million, so that of 1,000,000 hardly any bucket overflows. */
export const MAX_SESSIONS = SESSION_BUCKETS * SESSIONS_IN_BUCKET

/**
 * The keys of rate limits, and those of concurrency limits with requests in flight: a hash of each chooses its bucket. The numbers
 * of buckets are powers of two. With room for 2.1 million, hardly any bucket overflows with 1,000,000 keys.
 */
export const RATE_BUCKETS = 131_072
export const CONCURRENCY_BUCKETS = 8192
export const KEYS_IN_BUCKET = 16
/** The most requests of one key in flight that a concurrency limit may allow. */
export const MAX_CONCURRENCY = 65_535

/** Ranges of addresses that may be banned at a time. */
export const MAX_BANS = 10_000

/** @throws RangeError if there are more than that, which an earlier check should have refused. */
export function assertWithin(count: number, most: number, what: string): void {
  if (count > most) throw new RangeError(`${count} ${what}, but there is room for ${most}`)
}
