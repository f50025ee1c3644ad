import { SESSION_BUCKETS, SESSIONS_IN_BUCKET } from '../bounds.ts'
import { BucketLocks } from '../bucket-locks.ts'
import { SipHash } from '../sip-hash.ts'
import { BUCKET_STRIDE, type Regions, STRIDE } from './layout.ts'
import type { SessionEntries } from './session-entries.ts'

/**
 * The buckets of a session table: where a session's entry is, and which session a full bucket gives up for a new one. Ids
 * are hashed under a key that no client knows, so that clients cannot collect ids that fill another session's bucket.
 */
export class SessionBuckets {
  readonly #entries: SessionEntries
  readonly #locks: BucketLocks
  readonly #hash: SipHash
  /** The id whose bucket was last asked for; none at first. */
  #lastHigh = 0
  #lastLow = 0
  #lastBucket = 0

  constructor({ locks, key }: Regions, entries: SessionEntries) {
    this.#entries = entries
    this.#locks = new BucketLocks(locks)
    this.#hash = new SipHash(key)
  }

  /** A request asks for the same id several times in a row, and hashing it is the most costly part of that. */
  of(high: number, low: number): number {
    if (high === this.#lastHigh && low === this.#lastLow) return this.#lastBucket
    this.#hash.hashPair(high, low)
    this.#lastHigh = high
    this.#lastLow = low
    this.#lastBucket = (this.#hash.low >>> 0) % SESSION_BUCKETS
    return this.#lastBucket
  }

  /** The bucket that an entry is in. */
  around(at: number): number {
    return Math.floor(at / BUCKET_STRIDE)
  }

  /** The session's entry; -1 if it has none. */
  find(high: number, low: number): number {
    return high === 0 && low === 0 ? -1 : this.findIn(this.of(high, low), high, low)
  }

  findIn(bucket: number, high: number, low: number): number {
    const from = bucket * BUCKET_STRIDE
    for (let at = from; at < from + BUCKET_STRIDE; at += STRIDE) {
      if (this.#entries.holds(at, high, low)) return at
    }
    return -1
  }

  /** To give an entry of the bucket to another session, or to remove one, takes the lock. */
  lock(bucket: number): void {
    this.#locks.lock(bucket)
  }

  unlock(bucket: number): void {
    this.#locks.unlock(bucket)
  }

  /** Claims an entry of a bucket for another session; -1 if every session in it has an exchange in flight. */
  vacate(bucket: number, now: number): number {
    for (let round = 0; round < SESSIONS_IN_BUCKET; round++) {
      const at = this.leastWorth(bucket, now)
      if (at < 0) return -1
      // Its session may have come back just now.
      if (!this.#entries.claim(at)) continue
      this.#entries.clear(at)
      return at
    }
    return -1
  }

  /** The entry of a bucket that is missed least, of those without an exchange in flight; -1 if there is none. */
  leastWorth(bucket: number, now: number): number {
    const entries = this.#entries
    const from = bucket * BUCKET_STRIDE
    let found = -1
    let best = -1
    for (let at = from; at < from + BUCKET_STRIDE; at += STRIDE) {
      if (entries.isActive(at)) continue
      if (entries.isFree(at)) return at
      const unseen = Math.max(0, now - entries.seenAt(at))
      let worth = entries.hasReturned(at) ? unseen : unseen + 2 ** 32
      if (!entries.isLive(at, now)) worth = 2 ** 34
      if (worth <= best) continue
      best = worth
      found = at
    }
    return found
  }
}
