import { KEYS_IN_BUCKET } from '../bounds.ts'
import { BucketLocks } from '../bucket-locks.ts'
import type { KeyRegions } from './layout.ts'

/**
 * Which entry of a set-associative table belongs to which key. Keys are ids of 64 bits (two Int32), made by a hash that clients
 * cannot predict (limit-key.ts), so that part of the id can say which bucket it belongs to.
 */
export class KeyEntries {
  readonly #ids: Int32Array
  readonly #locks: BucketLocks
  readonly #lastBucket: number

  constructor({ ids, locks }: KeyRegions) {
    this.#ids = ids
    this.#locks = new BucketLocks(locks)
    this.#lastBucket = locks.length - 1
  }

  /** The first entry of the bucket that an id belongs to; `KEYS_IN_BUCKET` entries follow each other. */
  bucket(high: number): number {
    return (high & this.#lastBucket) * KEYS_IN_BUCKET
  }

  /** The entry of an id; -1 if it has none. Another thread may give it to another id at any time, unless its bucket is locked. */
  find(high: number, low: number): number {
    const ids = this.#ids
    const from = this.bucket(high)
    for (let at = from; at < from + KEYS_IN_BUCKET; at++) {
      if (ids[2 * at + 1] === low && ids[2 * at] === high) return at
    }
    return -1
  }

  holds(at: number, high: number, low: number): boolean {
    return Atomics.load(this.#ids, 2 * at + 1) === low && Atomics.load(this.#ids, 2 * at) === high
  }

  /** Whether an entry belongs to an id. */
  isTaken(at: number): boolean {
    return this.#ids[2 * at] !== 0 || this.#ids[2 * at + 1] !== 0
  }

  /** Gives an entry to another id. Its bucket must be locked. */
  give(at: number, high: number, low: number): void {
    Atomics.store(this.#ids, 2 * at, high)
    Atomics.store(this.#ids, 2 * at + 1, low)
  }

  /** Locks the bucket of an id. */
  lock(high: number): void {
    this.#locks.lock(high & this.#lastBucket)
  }

  unlock(high: number): void {
    this.#locks.unlock(high & this.#lastBucket)
  }
}
