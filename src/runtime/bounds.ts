/**
 * How many of each there may be. Shared memory is laid out for these numbers (scoreboard.ts, session-table.ts), and what
 * lies beyond would be a neighbour's: `config/` refuses it, and `compile` and the supervisor make sure. Users find these
 * numbers in docs/configuration.md, "Bounds".
 */

/** Of all upstreams together. */
export const MAX_SERVERS = 16_384
export const MAX_UPSTREAMS = 4096
export const MAX_WORKERS = 64

/** Requests that may wait for servers of one upstream, all workers together. */
export const MAX_QUEUED = 1_000_000

/** The longest that a timer of Node.js takes, and that the 32-bit clock of the Scoreboard tells apart, in ms: 24.8 days. */
export const LONGEST_DURATION = 2 ** 31 - 1

/**
 * Cells in which the connections of client addresses are counted, in each of two rows. Powers of two: part of a hash says
 * which cell.
 */
export const ADDRESS_CELLS = 8192

/** Sessions share a bucket by a hash of their id, and leave it only for others of the same bucket. */
export const SESSION_BUCKETS = 163_840
export const SESSIONS_IN_BUCKET = 16
/** Room for 2.6 million, so that of 1,000,000 hardly any bucket overflows. */
export const MAX_SESSIONS = SESSION_BUCKETS * SESSIONS_IN_BUCKET

/** @throws RangeError where there are more than that: what should have refused it did not. */
export function assertWithin(count: number, most: number, what: string): void {
  if (count > most) throw new RangeError(`${count} ${what}, but there is room for ${most}`)
}
